// SPDX-License-Identifier: Apache-2.0
#include "sql/needs_look.h"

#include <string>

#include <gtest/gtest.h>

#include "sql/session_functions.h"

namespace weft::pool {
namespace {

TEST(needs_look, is_false_for_the_usual) {
    for (const char* const sql :
         {"",
          ";",
          "SELECT 1",
          "select abalance from pgbench_accounts where aid = 42;",
          "UPDATE t SET x_y = 'pg_class' WHERE set_id = 1",
          "INSERT INTO attempts VALUES (1)",
          "BEGIN",
          "COMMIT;",
          "END",
          "ROLLBACK",
          "START TRANSACTION READ ONLY",
          "  -- x\n/* /* set */ */ (SELECT * FROM template WHERE temperature > 1)",
          "SELECT pg_advisory_xact_lock(1)",
          "WITH a AS (SELECT 1) SELECT nextval('s') & \"x\"",
          "BEGIN; UPDATE t SET x = 1; COMMIT;",
          "SELECT setval('s', 1)",
          "SELECT temp_ FROM a_temp",
          "NOTIFY a",
          "SETTINGS",
          "DROP TABLE t",
          "/* set",
          "--"}) {
        EXPECT_FALSE(needs_look(sql)) << sql;
    }
}

TEST(needs_look, sees_the_first_word_of_each_statement) {
    for (const std::string word :
         {"create", "deallocate", "DECLARE", "discard", "do", "EXECUTE", "explain", "Listen",
          "load", "prepare", "reset", "SET", "unlisten"}) {
        EXPECT_TRUE(needs_look(word)) << word;
        EXPECT_TRUE(needs_look("\t\f -- x\r/* y */((" + word + " z")) << word;
        EXPECT_TRUE(needs_look("SELECT 1;\n " + word)) << word;
        EXPECT_TRUE(needs_look("SELECT 1; -- x\n" + word)) << word;
        EXPECT_TRUE(needs_look("SELECT 1;/* x */" + word)) << word;
        EXPECT_FALSE(needs_look("SELECT " + word)) << word;
    }
}

TEST(needs_look, sees_each_function_of_the_session) {
    for (const session_function& each : session_functions) {
        const std::string name(each.name);
        EXPECT_TRUE(needs_look("SELECT " + name + "(1)")) << name;
        EXPECT_TRUE(needs_look(name)) << name;
    }
    EXPECT_TRUE(needs_look("SELECT Pg_Advisory_LOCK(1)"));
    EXPECT_TRUE(needs_look("SELECT LASTVAL()"));
    EXPECT_TRUE(needs_look("SELECT U&\"\\0070g\"()"));
}

TEST(needs_look, sees_what_is_temporary_and_a_view_that_sets) {
    EXPECT_TRUE(needs_look("SELECT 1 INTO TEMP t"));
    EXPECT_TRUE(needs_look("SELECT 1 INTO temporary t"));
    EXPECT_TRUE(needs_look("SELECT 1 INTO temp"));
    EXPECT_TRUE(needs_look("SELECT 1 INTO pg_temp.t"));
    EXPECT_TRUE(needs_look("update PG_SETTINGS set setting = 1"));
}

}  // namespace
}  // namespace weft::pool
