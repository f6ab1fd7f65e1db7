// SPDX-License-Identifier: Apache-2.0
#include "auth/userlist.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

constexpr std::string_view good_line = "\"first\" \"1\"\n";

/// Of a file whose first line is fine: the error, as "line: message".
std::string error_after_good_line(std::string_view text) {
    const userlist list = parse_userlist(std::string(good_line).append(text));
    EXPECT_EQ(list.users.size(), 1U) << text;  // what came before counts
    return list.error ? std::to_string(list.error->line) + ": " + list.error->message : "none";
}

TEST(userlist, reads_names_and_secrets) {
    const userlist list = parse_userlist(
        "; comment\n"
        "\n"
        "\"marko\" \"asdasd\" \"what follows\" is ignored\n"
        "  ;\"not\" \"one\"\r\n"
        "\t\"admin\" \"md545f2603610af569b6155c45067268c6b\"\r\n"
        "\"a \"\"b\"\"\"\t\"c\"\"d\"\n"
        "\"empty\"\"\"  \"\"\n"
        "\"\" \"nameless\"\n"
        "\"last\"=\"no newline\"");
    EXPECT_FALSE(list.error);
    ASSERT_EQ(list.users.size(), 6U);
    EXPECT_EQ(list.users.at("marko").password(), "asdasd");
    EXPECT_EQ(list.users.at("admin").kind(), secret_kind::md5);
    EXPECT_EQ(list.users.at("a \"b\"").password(), "c\"d");
    EXPECT_EQ(list.users.at("empty\"").kind(), secret_kind::none);
    EXPECT_EQ(list.users.at("").password(), "nameless");
    EXPECT_EQ(list.users.at("last").password(), "no newline");
}

TEST(userlist, takes_the_later_of_two_lines_for_a_user) {
    const userlist list = parse_userlist("\"a\" \"1\"\n\"a\" \"2\"\n");
    EXPECT_EQ(list.users.at("a").password(), "2");
}

TEST(userlist, may_have_newlines_in_passwords) {
    const userlist list = parse_userlist("\"a\" \"1\n2\"\nb");
    EXPECT_EQ(list.users.at("a").password(), "1\n2");
    ASSERT_TRUE(list.error);
    EXPECT_EQ(list.error->line, 3U);
}

TEST(userlist, is_empty_of_nothing) {
    for (const std::string_view text : {"", "\n\n", "; only\n;comments", " "}) {
        const userlist list = parse_userlist(text);
        EXPECT_TRUE(list.users.empty());
        EXPECT_FALSE(list.error);
    }
}

TEST(userlist, says_what_ended_it_and_where) {
    EXPECT_EQ(error_after_good_line("marko asdasd"),
              "2: a user name in quotation marks is missing");
    EXPECT_EQ(error_after_good_line("\n# no comment"),
              "3: a user name in quotation marks is missing");
    EXPECT_EQ(error_after_good_line("\"marko"),
              "2: the quotation mark that ends the user name is missing");
    EXPECT_EQ(error_after_good_line("\"marko\"\"\n"),
              "2: the quotation mark that ends the user name is missing");
    EXPECT_EQ(error_after_good_line("\"marko\" asdasd"),
              "2: the password in quotation marks is missing");
    EXPECT_EQ(error_after_good_line(";\n\"marko\" \n\"next\" \"line\""),
              "3: the password in quotation marks is missing");
    EXPECT_EQ(error_after_good_line("\"marko\" \"asdasd\n\n"),
              "2: the quotation mark that ends the password is missing");
    EXPECT_EQ(error_after_good_line(std::string_view("\"ma\0ko\" \"a\"", 12)),
              "2: the user name has a NUL");
    EXPECT_EQ(error_after_good_line(std::string_view("\"marko\" \"a\0\"", 12)),
              "2: the password has a NUL");
}

TEST(userlist, bounds_what_it_takes) {
    const auto line = [](std::size_t name, std::size_t password) {
        return '"' + std::string(name, 'n') + "\" \"" + std::string(password, 'p') + '"';
    };
    EXPECT_FALSE(parse_userlist(line(longest_user_name, longest_secret)).error);
    EXPECT_EQ(error_after_good_line(line(longest_user_name + 1, 1)),
              "2: the user name is too long");
    EXPECT_EQ(error_after_good_line(line(1, longest_secret + 1)), "2: the password is too long");
}

}  // namespace
}  // namespace weft::pool
