// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weft::dns {
namespace {

using namespace std::chrono_literals;

const clock::time_point start{1h};

std::shared_ptr<const answer> some() {
    return std::make_shared<answer>();
}

TEST(DnsCache, UntilItIsOld) {
    cache c(10);
    const auto found = some();
    c.keep("x", found, start + 2s);
    EXPECT_EQ(c.find("x", start), found);
    EXPECT_EQ(c.find("x", start + 2s - 1ns), found);
    EXPECT_EQ(c.find("y", start), nullptr);
    EXPECT_EQ(c.find("x", start + 2s), nullptr);
    EXPECT_EQ(c.size(), 0u);
}

TEST(DnsCache, TheNewerAnswerCounts) {
    cache c(10);
    const auto second = some();
    c.keep("x", some(), start + 1s);
    c.keep("x", second, start + 2s);
    EXPECT_EQ(c.find("x", start + 1s), second);
    EXPECT_EQ(c.size(), 1u);
}

TEST(DnsCache, WhatIsNotUsedMakesRoom) {
    cache c(2);
    c.keep("a", some(), start + 1h);
    c.keep("b", some(), start + 1h);
    EXPECT_NE(c.find("a", start), nullptr);
    c.keep("c", some(), start + 1h);
    EXPECT_EQ(c.size(), 2u);
    EXPECT_EQ(c.find("b", start), nullptr);
    EXPECT_NE(c.find("a", start), nullptr);
    EXPECT_NE(c.find("c", start), nullptr);
    c.clear();
    EXPECT_EQ(c.find("a", start), nullptr);
}

TEST(DnsCache, OfSizeZeroKeepsNothing) {
    cache c(0);
    c.keep("a", some(), start + 1h);
    EXPECT_EQ(c.find("a", start), nullptr);
}

TEST(DnsCache, KeysTellTypesApart) {
    EXPECT_NE(key_of("a.test", record_type::a), key_of("a.test", record_type::aaaa));
}

}  // namespace
}  // namespace weft::dns
