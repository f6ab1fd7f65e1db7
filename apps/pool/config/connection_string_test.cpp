// SPDX-License-Identifier: Apache-2.0
#include "config/connection_string.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool {

namespace {

using testing::ElementsAre;
using testing::FieldsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

TEST(ConnectionString, HasPairsWithBlanksBetweenThem) {
    const auto pairs = parse_connection_string("  host=db1  port = 5433 user=  bob ");
    ASSERT_TRUE(pairs);
    EXPECT_THAT(*pairs, ElementsAre(FieldsAre("host", "db1"), FieldsAre("port", "5433"),
                                    FieldsAre("user", "bob")));
}

TEST(ConnectionString, MayBeEmpty) {
    const auto pairs = parse_connection_string("  ");
    ASSERT_TRUE(pairs);
    EXPECT_THAT(*pairs, IsEmpty());
}

TEST(ConnectionString, QuotesHoldBlanksAndTwoOfThemAreOne) {
    const auto pairs =
        parse_connection_string("auth_query='SELECT a, ''b'' FROM f($1)' password='it''s'");
    ASSERT_TRUE(pairs);
    EXPECT_THAT(*pairs, ElementsAre(FieldsAre("auth_query", "SELECT a, 'b' FROM f($1)"),
                                    FieldsAre("password", "it's")));
}

TEST(ConnectionString, ABackslashIsABackslash) {
    const auto pairs = parse_connection_string(R"(password='a\b\' user=c\d)");
    ASSERT_TRUE(pairs);
    EXPECT_THAT(*pairs, ElementsAre(FieldsAre("password", R"(a\b\)"), FieldsAre("user", R"(c\d)")));
}

TEST(ConnectionString, AnErrorRepeatsNothingOfIt) {
    for (const char* const wrong :
         {"password=secret word", "password='secret", "password='secret'word", "=secret",
          "password=", "password=''", "secret"}) {
        const auto pairs = parse_connection_string(wrong);
        ASSERT_FALSE(pairs) << wrong;
        EXPECT_THAT(pairs.error(), HasSubstr("syntax error")) << wrong;
        EXPECT_THAT(pairs.error(), Not(HasSubstr("secret"))) << wrong;
    }
}

}  // namespace

}  // namespace weft::pool
