// SPDX-License-Identifier: Apache-2.0
#include "auth/ident.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(ident, maps_names_of_the_system_to_users) {
    const auto [maps, errors] = parse_ident(
        "# MAP SYSTEM USER\n"
        "people  alice       postgres\n"
        "people  \"Bob B.\"  bob   # quoted\r\n"
        "\n"
        "admins  root        all\n"
        "admins  alice       \"all\"");
    EXPECT_TRUE(errors.empty());
    EXPECT_TRUE(maps.allows("people", "alice", "postgres"));
    EXPECT_TRUE(maps.allows("people", "Bob B.", "bob"));
    EXPECT_FALSE(maps.allows("people", "alice", "alice"));
    EXPECT_FALSE(maps.allows("people", "root", "postgres"));
    EXPECT_TRUE(maps.allows("admins", "root", "anybody"));
    EXPECT_TRUE(maps.allows("admins", "alice", "all"));
    EXPECT_FALSE(maps.allows("admins", "alice", "bob"));
    EXPECT_FALSE(maps.allows("unknown", "alice", "alice"));
    EXPECT_TRUE(maps.contains("people"));
    EXPECT_FALSE(maps.contains("unknown"));
}

TEST(ident, without_a_map_is_the_same_name) {
    const ident_maps maps = parse_ident("people alice bob").maps;
    EXPECT_TRUE(maps.allows("", "alice", "alice"));
    EXPECT_FALSE(maps.allows("", "alice", "bob"));
}

TEST(ident, says_which_lines_are_wrong_and_leaves_them_out) {
    const auto [maps, errors] = parse_ident(
        "m alice\n"
        "m alice bob carol\n"
        "m /^(.*)$ bob\n"
        "m alice +group\n"
        "m alice, bob\n"
        "m \"alice bob\n"
        "\"\" alice bob\n"
        "m alice /bob\n"
        "m alice bob\n"
        "m\n");
    EXPECT_TRUE(maps.allows("m", "alice", "bob"));
    ASSERT_EQ(errors.size(), 9U);
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(errors[i].line, i + 1);
    }
    EXPECT_EQ(errors[8].line, 10U);
}

TEST(common_name, is_the_one_of_the_subject) {
    EXPECT_EQ(common_name("CN=alice,O=Example"), "alice");
    EXPECT_EQ(common_name("O=Example,OU=a+CN=alice"), "alice");
    EXPECT_EQ(common_name("CN=M\\C3\\BCller\\, A\\+B"), "M\xc3\xbcller, A+B");
    EXPECT_EQ(common_name("CN="), "");
    EXPECT_EQ(common_name("O=Example"), std::nullopt);
    EXPECT_EQ(common_name(""), std::nullopt);
    EXPECT_EQ(common_name("CN=a\\"), "a\\");
}

TEST(common_name, is_not_made_up_by_what_else_is_there) {
    EXPECT_EQ(common_name("O=x\\,CN=admin"), std::nullopt);
    EXPECT_EQ(common_name("O=x\\+CN=admin,CN=bob"), "bob");
    EXPECT_EQ(common_name("CN=bob,CN=admin"), std::nullopt);
}

}  // namespace
}  // namespace weft::pool
