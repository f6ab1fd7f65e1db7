// SPDX-License-Identifier: Apache-2.0
#include "sql/token.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

/// Each token behind the first letter of its kind.
std::string tokens_shown(std::string_view sql) {
    std::string all;
    token_reader reader(sql);
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        all += all.empty() ? "" : " ";
        all += "wqsny"[static_cast<std::size_t>(each.kind)];
        all += ':';
        all += each.text;
    }
    return all;
}

token first_of(std::string_view sql) {
    return token_reader(sql).next();
}

TEST(token, is_what_the_lexer_of_postgres_takes_for_one) {
    EXPECT_EQ(tokens_shown("Select a$1_, \xC3\xA9 "), "w:Select w:a$1_ y:, w:\xC3\xA9");
    EXPECT_EQ(tokens_shown("\"a \"\"b\"x"), "q:\"a \"\"b\" w:x");
    EXPECT_EQ(tokens_shown("'it''s'\\'x'"), "s:'it''s' y:\\ s:'x'");
    EXPECT_EQ(tokens_shown("E'it\\'s' b'1' X'f' n'a'"), "s:E'it\\'s' s:b'1' s:X'f' s:n'a'");
    EXPECT_EQ(tokens_shown("U&'a\\' u&\"b\" u & c"), "s:U&'a\\' q:u&\"b\" w:u y:& w:c");
    EXPECT_EQ(tokens_shown("$$a;$b$'$$ $b$ $$ $b$x"), "s:$$a;$b$'$$ s:$b$ $$ $b$ w:x");
    EXPECT_EQ(tokens_shown("$1+$2a $b"), "y:$1 y:+ y:$2 w:a y:$ w:b");
    EXPECT_EQ(tokens_shown("1.5e3 a.b"), "n:1.5 w:e3 w:a y:. w:b");
    EXPECT_EQ(tokens_shown("a--b\nc/*d/*e*/f*/g-/h"), "w:a w:c w:g y:- y:/ w:h");
    EXPECT_EQ(tokens_shown("x::int"), "w:x y:: y:: w:int");
}

TEST(token, of_a_string_goes_on_with_a_further_line) {
    EXPECT_EQ(tokens_shown("'a' 'b'"), "s:'a' s:'b'");
    EXPECT_EQ(tokens_shown("'a'\n 'b'"), "s:'a'\n 'b'");
    EXPECT_EQ(tokens_shown("'a' -- c'\n'b'"), "s:'a' -- c'\n'b'");
    EXPECT_EQ(tokens_shown("E'a'\r'\\'b'"), "s:E'a'\r'\\'b'");
}

TEST(token, that_is_not_ended_ends_with_the_text) {
    for (const char* const sql :
         {"'a", "\"a", "$$a", "$x$a$", "E'a\\", "E'a\\'", "U&'", "'a'\n'b"}) {
        EXPECT_EQ(first_of(sql).text, sql);
    }
    EXPECT_EQ(tokens_shown("/* a"), "");
    EXPECT_EQ(tokens_shown("/* a *"), "");
    EXPECT_EQ(tokens_shown("-- a"), "");
}

TEST(token, has_a_name_or_a_value) {
    EXPECT_EQ(name_of(first_of("Ab")), "ab");
    EXPECT_EQ(name_of(first_of("\"A\"\"b\"")), "A\"b");
    EXPECT_TRUE(first_of("\"ab\"").is_named("ab"));
    EXPECT_TRUE(first_of("AB").is_named("ab"));
    EXPECT_FALSE(first_of("\"AB\"").is_named("ab"));
    EXPECT_FALSE(first_of("\"ab\"").is("ab"));
    EXPECT_EQ(value_of(first_of("'a''b'")), "a'b");
    EXPECT_EQ(value_of(first_of("'a\nb'")), "a\nb");
    EXPECT_EQ(value_of(first_of("''")), "");
    EXPECT_EQ(value_of(first_of("e'a'")), "a");
    EXPECT_EQ(value_of(first_of("N'a'")), "a");
    EXPECT_EQ(value_of(first_of("$x$a$b$x$")), "a$b");
    for (const char* const unknown : {"E'\\n'", "B'1'", "U&'a'", "'a'\n'b'", "$x$a", "a", "1"}) {
        EXPECT_EQ(value_of(first_of(unknown)), std::nullopt) << unknown;
    }
}

TEST(token, of_a_long_name_is_cut_as_postgres_does) {
    const std::string name(62, 'a');
    EXPECT_EQ(name_of(first_of(name + "bc")), name + 'b');
    EXPECT_EQ(name_of(first_of('"' + name + "\"\"c\"")), name + '"');
    EXPECT_EQ(name_of(first_of(name + "\xC3\xA9")), name);
    EXPECT_EQ(name_of(first_of(name + "b\x97")), name + 'b');  // no character of UTF-8
}

TEST(token, cursor_takes_what_is_there) {
    std::vector<token> tokens;
    token_reader reader("a (b (c), d) e (f");
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        tokens.push_back(each);
    }
    token_cursor at(tokens);
    EXPECT_FALSE(at.take("b"));
    EXPECT_TRUE(at.take("a"));
    EXPECT_FALSE(at.take_symbol(')'));
    EXPECT_EQ(text_of(at.take_parentheses()), "b (c), d");
    EXPECT_TRUE(at.take_parentheses().empty());
    EXPECT_TRUE(at.take("e"));
    EXPECT_EQ(text_of(at.take_parentheses()), "f");
    EXPECT_TRUE(at.at_end());
    EXPECT_EQ(at.peek().kind, token_kind::end);
    at.skip();
    EXPECT_TRUE(at.at_end());
}

}  // namespace
}  // namespace weft::pool
