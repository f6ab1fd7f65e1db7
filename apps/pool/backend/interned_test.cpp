// SPDX-License-Identifier: Apache-2.0
#include "backend/interned.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include <weft/runtime.h>

#include "backend/statement_cache.h"

namespace weft::pool {
namespace {

using namespace std::string_view_literals;

TEST(intern_table, equal_bytes_are_one_object_while_somebody_holds_it) {
    intern_table table;
    interned_ptr a = table.intern("a\0b"sv);
    const interned_ptr same = table.intern("a\0b"sv);
    const interned_ptr other = table.intern("a\0c"sv);
    EXPECT_EQ(a, same);
    EXPECT_NE(a, other);
    EXPECT_EQ(a->bytes, "a\0b"sv);
    EXPECT_EQ(table.size(), 2U);
    a.reset();
    EXPECT_EQ(table.size(), 2U);
}

TEST(intern_table, what_nobody_holds_goes_and_its_number_with_it) {
    intern_table table;
    const std::uint64_t first = table.intern("x")->id;
    EXPECT_EQ(table.size(), 0U);
    EXPECT_NE(table.intern("x")->id, first);
}

TEST(intern_table, what_dies_may_come_again_at_the_same_time) {
    intern_table table;
    runtime two({.workers = 2});
    std::vector<fiber> fibers;
    for (int i = 0; i < 4; ++i) {
        fibers.push_back(two.spawn([&table] {
            for (int round = 0; round < 2'000; ++round) {
                const interned_ptr held = table.intern("the same");
                ASSERT_EQ(held->bytes, "the same");
            }
        }));
    }
    for (fiber& each : fibers) {
        each.join();
    }
    EXPECT_EQ(table.size(), 0U);
}

TEST(statement_cache, the_oldest_is_the_one_that_was_not_used_for_longest) {
    intern_table table;
    const statement_ptr a = table.intern("a");
    const statement_ptr b = table.intern("b");
    const statement_ptr c = table.intern("c");
    statement_cache cache;
    EXPECT_FALSE(cache.use(*a));
    cache.add(a);
    cache.add(b);
    cache.add(c);
    EXPECT_EQ(cache.oldest(), a);
    EXPECT_TRUE(cache.use(*a));
    EXPECT_EQ(cache.oldest(), b);
    cache.add(b);
    EXPECT_EQ(cache.size(), 3U) << "it was there";
    EXPECT_EQ(cache.oldest(), c);
    cache.remove(*c);
    EXPECT_FALSE(cache.use(*c));
    cache.remove(*c);
    EXPECT_EQ(cache.size(), 2U);
    cache.clear();
    EXPECT_EQ(cache.size(), 0U);
}

TEST(statement_cache, holds_what_it_has) {
    intern_table table;
    statement_cache cache;
    cache.add(table.intern("only here"));
    EXPECT_EQ(table.size(), 1U);
    cache.remove(*cache.oldest());
    EXPECT_EQ(table.size(), 0U);
}

TEST(statement_cache, statements_have_the_same_name_on_all_servers_and_no_two_the_same) {
    intern_table table;
    const statement_ptr a = table.intern("a");
    const statement_ptr b = table.intern("b");
    EXPECT_EQ(server_name_of(*a), server_name_of(*table.intern("a")));
    EXPECT_NE(server_name_of(*a), server_name_of(*b));
}

}  // namespace
}  // namespace weft::pool
