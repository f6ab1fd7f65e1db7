// SPDX-License-Identifier: Apache-2.0
#include "serve/pid_set.h"

#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include <gtest/gtest.h>

namespace weft::serving {
namespace {

TEST(pid_set, holds_what_was_inserted) {
    auto set = pid_set::make();
    ASSERT_TRUE(set.has_value());
    EXPECT_TRUE(set->empty());
    for (const pid_t pid : {1, 63, 64, 65, 32767, 4'194'303}) {
        set->insert(pid);
    }
    EXPECT_EQ(set->size(), 6u);
    set->erase(64);
    std::vector<pid_t> seen;
    set->for_each([&](pid_t pid) { seen.push_back(pid); });
    EXPECT_EQ(seen, (std::vector<pid_t>{1, 63, 65, 32767, 4'194'303}));
    EXPECT_FALSE(set->contains(64));
    EXPECT_TRUE(set->contains(65));
}

TEST(pid_set, knows_no_impossible_numbers) {
    auto set = pid_set::make();
    ASSERT_TRUE(set.has_value());
    EXPECT_FALSE(set->contains(0));
    EXPECT_FALSE(set->contains(-1));
    EXPECT_FALSE(set->contains(4'194'304));
}

TEST(pid_set, may_lose_the_one_that_is_visited) {
    auto set = pid_set::make();
    ASSERT_TRUE(set.has_value());
    for (pid_t pid = 100; pid < 400; ++pid) {
        set->insert(pid);
    }
    set->for_each([&](pid_t pid) {
        if (pid % 2 == 0) {
            set->erase(pid);
        }
    });
    EXPECT_EQ(set->size(), 150u);
    set->for_each([&](pid_t pid) { EXPECT_EQ(pid % 2, 1); });
}

TEST(pid_set_death, refuses_to_hold_a_number_twice) {
    // Runs the program anew: a forked child does not have the set's memory.
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    auto set = pid_set::make();
    ASSERT_TRUE(set.has_value());
    set->insert(7);
    EXPECT_DEATH(set->insert(7), "in use twice");
    EXPECT_DEATH(set->erase(8), "not a child");
}

}  // namespace
}  // namespace weft::serving
