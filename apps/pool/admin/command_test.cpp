// SPDX-License-Identifier: Apache-2.0
#include "admin/command.h"

#include <string>

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(console_command, takes_a_word_with_and_without_quotes) {
    for (const char* const text : {"PAUSE shop", " pause\n shop ; ", "Pause \"shop\";",
                                   "/* now */ pause -- at once\n shop"}) {
        const command got = parse_command(text);
        EXPECT_EQ(got.what, verb::pause) << text;
        EXPECT_EQ(got.argument, "shop") << text;
        EXPECT_EQ(got.tag, "PAUSE") << text;
    }
}

TEST(console_command, keeps_the_letters_of_names) {
    EXPECT_EQ(parse_command("kill Shop").argument, "Shop");
    EXPECT_EQ(parse_command("kill \"a \"\"b\"\";\"").argument, "a \"b\";");
    EXPECT_EQ(parse_command("SHOW Pools").argument, "pools");
}

TEST(console_command, knows_each_verb) {
    EXPECT_EQ(parse_command("show").what, verb::show);
    EXPECT_EQ(parse_command("resume").what, verb::resume);
    EXPECT_EQ(parse_command("disable x").what, verb::disable);
    EXPECT_EQ(parse_command("enable x").what, verb::enable);
    EXPECT_EQ(parse_command("reconnect").what, verb::reconnect);
    EXPECT_EQ(parse_command("kill_client 17").argument, "17");
    EXPECT_EQ(parse_command("suspend").what, verb::suspend);
    EXPECT_EQ(parse_command("reload").what, verb::reload);
    EXPECT_EQ(parse_command("wait_close").what, verb::wait_close);
    EXPECT_EQ(parse_command("shutdown WAIT_FOR_CLIENTS").argument, "WAIT_FOR_CLIENTS");
}

TEST(console_command, shows_what_is_selected) {
    EXPECT_EQ(parse_command("select pools").what, verb::show);
    const command got = parse_command("SELECT * FROM Stats;");
    EXPECT_EQ(got.what, verb::show);
    EXPECT_EQ(got.argument, "stats");
    EXPECT_EQ(parse_command("select * from a, b").what, verb::unknown);
}

TEST(console_command, sets) {
    for (const char* const text :
         {"set query_timeout = 1.5", "SET QUERY_TIMEOUT TO '1.5';", "set query_timeout='1.5'",
          "set session query_timeout to \"1.5\""}) {
        const command got = parse_command(text);
        EXPECT_EQ(got.what, verb::set) << text;
        EXPECT_EQ(got.argument, "query_timeout") << text;
        EXPECT_EQ(got.value, "1.5") << text;
    }
    EXPECT_EQ(parse_command("set a = 'it''s'").value, "it's");
    EXPECT_EQ(parse_command("set a = ''").what, verb::set);
    EXPECT_EQ(parse_command("set a 1").what, verb::unknown);
    EXPECT_EQ(parse_command("set a = b c d").what, verb::unknown);
}

TEST(console_command, lets_drivers_talk) {
    EXPECT_EQ(parse_command("BEGIN").tag, "BEGIN");
    EXPECT_EQ(parse_command("start transaction read only").what, verb::transaction);
    EXPECT_EQ(parse_command("end").tag, "COMMIT");
    for (const char* const text : {"", ";", " \n", "-- ping", "/* ping"}) {
        EXPECT_EQ(parse_command(text).what, verb::nothing) << text;
    }
}

TEST(console_command, refuses_the_rest) {
    for (const char* const text :
         {"drop table x", "pause a b", "pause; resume", "pause 'a'", "show \"pools", "reload now",
          "suspend shop", "show a b c d e f g h i j"}) {
        EXPECT_EQ(parse_command(text).what, verb::unknown) << text;
    }
    EXPECT_EQ(parse_command(std::string(1 << 20, '(')).what, verb::unknown);
    EXPECT_EQ(parse_command(std::string_view("show\0pools", 10)).what, verb::unknown);
}

}  // namespace
}  // namespace weft::pool
