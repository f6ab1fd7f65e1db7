// SPDX-License-Identifier: Apache-2.0
#include "dns/cache.h"

#include <gtest/gtest.h>

#include <chrono>

namespace weft::dns {
namespace {

using namespace std::chrono_literals;

const clock::time_point beginning{1h};

std::shared_ptr<const answer> some() {
    return std::make_shared<answer>();
}

TEST(DnsCache, UntilItIsOld) {
    cache c(10);
    const auto found = some();
    c.keep("x", found, beginning + 2s);
    EXPECT_EQ(c.find("x", beginning), found);
    EXPECT_EQ(c.find("x", beginning + 2s - 1ns), found);
    EXPECT_EQ(c.find("y", beginning), nullptr);
    EXPECT_EQ(c.find("x", beginning + 2s), nullptr);
    EXPECT_EQ(c.size(), 0u);
}

TEST(DnsCache, TheNewerAnswerCounts) {
    cache c(10);
    const auto second = some();
    c.keep("x", some(), beginning + 1s);
    c.keep("x", second, beginning + 2s);
    EXPECT_EQ(c.find("x", beginning + 1s), second);
    EXPECT_EQ(c.size(), 1u);
}

TEST(DnsCache, WhatIsNotUsedMakesRoom) {
    cache c(2);
    c.keep("a", some(), beginning + 1h);
    c.keep("b", some(), beginning + 1h);
    EXPECT_NE(c.find("a", beginning), nullptr);
    c.keep("c", some(), beginning + 1h);
    EXPECT_EQ(c.size(), 2u);
    EXPECT_EQ(c.find("b", beginning), nullptr);
    EXPECT_NE(c.find("a", beginning), nullptr);
    EXPECT_NE(c.find("c", beginning), nullptr);
    c.clear();
    EXPECT_EQ(c.find("a", beginning), nullptr);
}

TEST(DnsCache, OfSizeZeroKeepsNothing) {
    cache c(0);
    c.keep("a", some(), beginning + 1h);
    EXPECT_EQ(c.find("a", beginning), nullptr);
}

TEST(DnsCache, KeysTellTypesApart) {
    EXPECT_NE(key_of("a.test", record_type::a), key_of("a.test", record_type::aaaa));
}

}  // namespace
}  // namespace weft::dns
