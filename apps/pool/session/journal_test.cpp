// SPDX-License-Identifier: Apache-2.0
#include "session/journal.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(journals, that_say_the_same_are_the_same) {
    intern_table table;
    const journal a = with_setting(table, nullptr, "work_mem", "SET work_mem TO '5MB'");
    const journal b = with_setting(table, with_setting(table, nullptr, "x.y", "SET x.y TO 1"),
                                   "work_mem", "SET work_mem TO '5MB'");
    EXPECT_EQ(without_setting(table, b, "x.y"), a);
    EXPECT_EQ(without_setting(table, a, "work_mem"), nullptr);
    EXPECT_EQ(without_setting(table, a, "other"), a);
    EXPECT_EQ(sql_to_follow(a, a), "");
    EXPECT_EQ(sql_to_follow(nullptr, nullptr), "");
}

TEST(journals, are_followed_by_what_differs) {
    intern_table table;
    const journal has =
        with_setting(table, with_setting(table, nullptr, "a", "SET a TO 1"), "b", "SET b TO 2");
    const journal wants =
        with_setting(table, with_setting(table, nullptr, "b", "SET b TO 3"), "c", "SET c TO 4");
    EXPECT_EQ(sql_to_follow(has, wants), "RESET a;SET b TO 3;SET c TO 4;");
    EXPECT_EQ(sql_to_follow(has, nullptr), "RESET a;RESET b;");
}

TEST(journals, set_the_user_before_the_role) {
    intern_table table;
    const journal wants =
        with_setting(table, with_setting(table, nullptr, "role", "SET ROLE reader"),
                     "session_authorization", "SET SESSION AUTHORIZATION ann");
    EXPECT_EQ(sql_to_follow(nullptr, wants), "SET SESSION AUTHORIZATION ann;SET ROLE reader;");
}

}  // namespace
}  // namespace weft::pool
