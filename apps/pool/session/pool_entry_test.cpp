// SPDX-License-Identifier: Apache-2.0
#include "session/pool_entry.h"

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "session/registry.h"

namespace weft::pool {

namespace {

void give_hosts(pool_entry& to, load_balance_hosts how) {
    to.set_target(std::make_shared<server_target>(), {{"a", 1}, {"b", 2}}, how);
}

server_target target_at(const char* host, std::uint16_t port) {
    server_target target;
    target.host = host;
    target.port = port;
    return target;
}

std::string next_of(pool_entry& of) {
    const server_target target = of.next_target();
    return target.host + ":" + std::to_string(target.port);
}

TEST(PoolEntry, HostsTakeTurns) {
    pool_entry entry;
    give_hosts(entry, load_balance_hosts::round_robin);
    EXPECT_EQ(next_of(entry), "a:1");
    entry.note_failure(target_at("a", 1));
    EXPECT_EQ(next_of(entry), "b:2");
    EXPECT_EQ(next_of(entry), "a:1");
}

TEST(PoolEntry, AHostIsKeptUntilItFails) {
    pool_entry entry;
    give_hosts(entry, load_balance_hosts::disable);
    EXPECT_EQ(next_of(entry), "a:1");
    EXPECT_EQ(next_of(entry), "a:1");
    // Two connections that were under way at the same time.
    entry.note_failure(target_at("a", 1));
    entry.note_failure(target_at("a", 1));
    EXPECT_EQ(next_of(entry), "b:2");
    EXPECT_EQ(next_of(entry), "b:2");
    entry.note_failure(target_at("b", 2));
    EXPECT_EQ(next_of(entry), "a:1");
}

/// A client of a database "d".
std::unique_ptr<client> client_of(intern_table& names, const std::string& user) {
    auto made = std::make_unique<client>();
    made->pool = std::make_shared<pool_entry>();
    made->pool->database_name = "d";
    made->names = names.intern(user + std::string("\0\0", 2));
    return made;
}

TEST(ClientRegistry, BoundsTheClientsOfADatabaseAndOfAUser) {
    using enum client_registry::admission;
    intern_table names;
    client_registry all;
    const auto ann = client_of(names, "ann");
    const auto ann_again = client_of(names, "ann");
    const auto bob = client_of(names, "bob");
    EXPECT_EQ(all.add(*ann, 2, 1), admitted);
    EXPECT_EQ(all.add(*ann_again, 2, 1), user_full);
    EXPECT_EQ(all.add(*bob, 2, 1), admitted);
    EXPECT_EQ(all.add(*ann_again, 2, 0), database_full);
    EXPECT_EQ(all.count(), 2U);
    all.remove(*ann);
    EXPECT_EQ(all.add(*ann_again, 2, 1), admitted);
    all.remove(*ann_again);
    all.remove(*bob);
}

TEST(PoolEntry, ASecretThatWasLookedUpServesWhereTheConfigurationHasNone) {
    pool_entry entry;
    give_hosts(entry, load_balance_hosts::disable);
    EXPECT_EQ(entry.next_target().password.kind(), secret_kind::none);
    entry.set_secret(secret::parse("looked up"));
    EXPECT_EQ(entry.next_target().password, secret::parse("looked up"));
    auto target = std::make_shared<server_target>();
    target->password = secret::parse("configured");
    entry.set_target(target, {{"a", 1}}, load_balance_hosts::disable);
    EXPECT_EQ(entry.next_target().password, secret::parse("configured"));
}

}  // namespace

}  // namespace weft::pool
