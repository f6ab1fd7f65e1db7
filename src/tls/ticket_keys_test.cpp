// SPDX-License-Identifier: Apache-2.0
#include "tls/ticket_keys.h"

#include <gtest/gtest.h>

namespace weft::tls {
namespace {

constexpr auto lifetime = ticket_keys::lifetime;

TEST(TicketKeys, StayForALifetime) {
    ticket_keys keys;
    const auto first = keys.current(0);
    ASSERT_TRUE(first);
    EXPECT_EQ(keys.current(lifetime - 1)->name, first->name);
    const auto found = keys.find(first->name.data(), lifetime - 1);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->key.cipher, first->cipher);
    EXPECT_EQ(found->key.mac, first->mac);
    EXPECT_FALSE(found->old);
}

TEST(TicketKeys, AreKnownForAnother) {
    ticket_keys keys;
    const auto first = keys.current(0);
    const auto second = keys.current(lifetime);
    ASSERT_TRUE(first && second);
    EXPECT_NE(first->name, second->name);
    EXPECT_NE(first->cipher, second->cipher);
    EXPECT_TRUE(keys.find(first->name.data(), 2 * lifetime - 1)->old);
    EXPECT_FALSE(keys.find(second->name.data(), 2 * lifetime - 1)->old);
    EXPECT_FALSE(keys.find(first->name.data(), 2 * lifetime));
}

TEST(TicketKeys, AreOldWithoutASuccessor) {
    ticket_keys keys;
    const auto first = keys.current(0);
    ASSERT_TRUE(first);
    EXPECT_TRUE(keys.find(first->name.data(), lifetime)->old);
    EXPECT_FALSE(keys.find(first->name.data(), 2 * lifetime));
}

TEST(TicketKeys, OthersAreUnknown) {
    ticket_keys keys;
    ticket_keys others;
    EXPECT_FALSE(keys.find(others.current(0)->name.data(), 0)) << "there is none yet";
    ASSERT_TRUE(keys.current(0));
    EXPECT_FALSE(keys.find(others.current(0)->name.data(), 0));
}

}  // namespace
}  // namespace weft::tls
