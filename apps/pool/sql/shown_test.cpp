// SPDX-License-Identifier: Apache-2.0
#include "sql/shown.h"

#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "sql/effects.h"

namespace weft::pool {
namespace {

TEST(shown_statement, has_no_constants_and_no_comments) {
    const std::pair<const char*, const char*> cases[] = {
        {"SELECT pg_advisory_lock(77)", "SELECT pg_advisory_lock(?)"},
        {"alter role ann /* ha */ password 'secret'", "alter role ann password ?"},
        {"ALTER ROLE ann PASSWORD E'secret\\''", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann PASSWORD U&'secret'", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann PASSWORD $$secret$$", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann PASSWORD $a$secret$$", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann PASSWORD 'secret", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann PASSWORD 'sec'\n'ret'", "ALTER ROLE ann PASSWORD ?"},
        {"ALTER ROLE ann -- secret\nPASSWORD NULL", "ALTER ROLE ann PASSWORD NULL"},
        {"select dblink_connect('password=secret')", "select dblink_connect(?)"},
        {"DO $$ begin perform 'secret'; end $$", "DO ?"},
        {"CREATE  TEMP\n TABLE \"My T\" AS SELECT $1", "CREATE TEMP TABLE \"My T\" AS SELECT $1"},
        {"", ""},
        {"/* secret", ""},
    };
    for (const auto& [sql, shown] : cases) {
        EXPECT_EQ(shown_statement(sql), shown) << sql;
    }
}

// With standard_conforming_strings = off the string goes on behind the quotation mark.
TEST(shown_statement, ends_where_a_string_may_end_elsewhere) {
    EXPECT_EQ(shown_statement("ALTER ROLE a PASSWORD 'x\\' secret '"),
              "ALTER ROLE a PASSWORD ?...");
    EXPECT_EQ(shown_statement("ALTER ROLE a PASSWORD N'x\\' secret"), "ALTER ROLE a PASSWORD ?...");
}

TEST(shown_beginning, has_all_that_fits) {
    EXPECT_EQ(shown_beginning("select 'secret'; /* x */ select 2", false), "select ?; select ?");
    EXPECT_EQ(shown_beginning({"select 1\0secret", 15}, false), "select ?");
    EXPECT_EQ(shown_beginning("", false), "");
    EXPECT_EQ(shown_beginning("select 'x", true), "select ?...");
    EXPECT_EQ(shown_beginning("/* an ORM", true), "...");
    for (const char* const cut : {"select 'secr", "select $a$secr", "select E'se\\'cr", "select $a",
                                  "select /* secr", "select \"name"}) {
        EXPECT_EQ(shown_beginning(cut, true).find("secr"), std::string::npos) << cut;
    }
    EXPECT_LE(shown_beginning("select " + std::string(400, 'x'), false).size(), longest_shown + 3);
}

TEST(shown_statement, is_the_one_that_was_asked_for) {
    const std::string sql = "select 'secret';; listen news; select 2";
    EXPECT_EQ(shown_statement(sql, 1), "listen news");
    EXPECT_EQ(shown_statement(sql, 3), "");
}

TEST(shown_statement, is_short) {
    const std::string shown = shown_statement("listen " + std::string(500, 'x'));
    EXPECT_EQ(shown.size(), longest_shown + 3);
    EXPECT_TRUE(shown.ends_with("x..."));
    const std::string beginning =
        shown_statement("prepare p as select '" + std::string(longest_read, 's') + "'");
    EXPECT_EQ(beginning, "prepare p as select ?...");
}

TEST(shown_statement, is_utf8_whatever_the_text_is) {
    EXPECT_EQ(shown_statement("listen straße"), "listen straße");
    EXPECT_EQ(shown_statement("listen stra\xdf"
                              "e"),
              "listen stra?e");
    EXPECT_EQ(shown_statement("listen \"a\nb\xed\xa0\x80\""), "listen \"a?b???\"");
    std::string umlauts;
    for (int i = 0; i < 100; ++i) {
        umlauts += "ä";
    }
    EXPECT_EQ(shown_statement("listen " + umlauts).size(), longest_shown - 1 + 3);
}

}  // namespace
}  // namespace weft::pool
