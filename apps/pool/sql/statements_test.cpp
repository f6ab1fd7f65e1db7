// SPDX-License-Identifier: Apache-2.0
#include "sql/statements.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

std::string statements_shown(std::string_view sql) {
    std::vector<token> tokens;
    std::string all;
    for (const auto statement : statements_of(sql, tokens)) {
        all += (all.empty() ? "" : " | ") + text_of(statement);
    }
    return all;
}

TEST(statements, end_where_the_parser_ends_them) {
    EXPECT_EQ(statements_shown(""), "");
    EXPECT_EQ(statements_shown(";;"), "");
    EXPECT_EQ(statements_shown(";SELECT 1;"), "SELECT 1");
    EXPECT_EQ(statements_shown("SELECT ';'; -- ;\n;SELECT 2"), "SELECT ';' | SELECT 2");
    EXPECT_EQ(statements_shown("CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b); SELECT 1"),
              "CREATE RULE r AS ON INSERT TO t DO (NOTIFY a; NOTIFY b) | SELECT 1");
    EXPECT_EQ(statements_shown("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; "
                               "END; SELECT '\xC3\xA9'; SELECT 3"),
              "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END | "
              "SELECT '\xC3\xA9' | SELECT 3");
}

TEST(statements, end_at_semicolons_in_what_the_parser_refuses) {
    EXPECT_EQ(statements_shown("NEW (a; b) SYNTAX; SELECT 1;"), "NEW (a; b) SYNTAX | SELECT 1");
    EXPECT_EQ(statements_shown("); ) SELECT 1;"), ") | ) SELECT 1");
    const std::string filler(longest_parsed, 'a');
    EXPECT_EQ(statements_shown("SELECT " + filler + "; SELECT 1"),
              "SELECT " + filler + " | SELECT 1");
}

}  // namespace
}  // namespace weft::pool
