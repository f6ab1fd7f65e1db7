// SPDX-License-Identifier: Apache-2.0
#include "auth/password.h"

#include <gtest/gtest.h>

#include "auth/md5.h"
#include "auth/scram_keys.h"

namespace weft::pool {
namespace {

constexpr md5_salt sent_salt = {0x01, 0x02, 0xfe, 0x00};

TEST(md5, is_what_postgres_stores) {
    EXPECT_EQ(md5_secret_text("admin", "1234"), "md545f2603610af569b6155c45067268c6b");
    EXPECT_EQ(md5_secret_text("J. Doe", "p\u00e4ss \"word\""),
              "md56bf0c2f7e7c00c24b4e0f7453ed3d1de");
}

TEST(md5, answer_is_the_same_by_password_and_by_hash) {
    const secret plain = secret::parse("1234");
    const secret hashed = secret::parse("md545f2603610af569b6155c45067268c6b");
    const auto answer = md5_answer("admin", plain, sent_salt);
    EXPECT_EQ(answer, "md5e3ab5ea4ff407a83fe1d77e7e70d89d4");
    EXPECT_EQ(md5_answer("admin", hashed, sent_salt), answer);
    for (const secret& stored : {plain, hashed}) {
        EXPECT_TRUE(check_md5_answer("admin", stored, sent_salt, *answer));
        EXPECT_FALSE(check_md5_answer("admin", stored, {}, *answer));
        EXPECT_FALSE(check_md5_answer("admin", stored, sent_salt, ""));
        EXPECT_FALSE(check_md5_answer("admin", stored, sent_salt, answer->substr(0, 34)));
        EXPECT_FALSE(check_md5_answer("admin", stored, sent_salt, "1234"));
    }
    EXPECT_FALSE(check_md5_answer("other", plain, sent_salt, *answer));
    EXPECT_FALSE(check_md5_answer("admin", hashed, sent_salt, hashed.md5()));
}

TEST(md5, has_no_answer_without_password_or_hash) {
    const secret scram(scram_secret{4'096, "salt", {}, {}});
    EXPECT_EQ(md5_answer("admin", scram, sent_salt), std::nullopt);
    EXPECT_EQ(md5_answer("admin", secret(), sent_salt), std::nullopt);
    EXPECT_FALSE(check_md5_answer("admin", scram, sent_salt, ""));
    EXPECT_FALSE(check_md5_answer("admin", secret(), sent_salt, ""));
}

TEST(check_password, knows_all_kinds) {
    const secret scram = secret::parse(
        "SCRAM-SHA-256$4096:MlFymXlSUTFnMcV4RRL7jA==$"
        "raUSN/"
        "FqiJVufIWhM7+aPNJtP9t44LW+xhogjbmRRBM=:qGBFPs2VDT57YPS+nEIsK6bOPIrBWMhXjwkUXc1KmG4=");
    for (const secret& stored :
         {secret::parse("pencil"), secret::parse(*md5_secret_text("user", "pencil")), scram}) {
        EXPECT_TRUE(check_password("user", stored, "pencil")) << stored;
        EXPECT_FALSE(check_password("user", stored, "Pencil")) << stored;
        EXPECT_FALSE(check_password("user", stored, "pencil ")) << stored;
        EXPECT_FALSE(check_password("user", stored, "")) << stored;
        EXPECT_FALSE(check_password("user", stored, stored.stored_text() + ' ')) << stored;
        EXPECT_EQ(is_slow_to_check(stored), stored == scram);
    }
    EXPECT_FALSE(
        check_password("other", secret::parse(*md5_secret_text("user", "pencil")), "pencil"));
}

TEST(check_password, takes_no_empty_secret_and_no_empty_password) {
    EXPECT_FALSE(check_password("user", secret(), ""));
    EXPECT_FALSE(check_password("user", secret(), "pencil"));
    EXPECT_FALSE(check_password("user", secret::parse(*md5_secret_text("user", "")), ""));
}

TEST(check_password, prepares_it_for_scram) {
    // Made by PostgreSQL 15 of "I\u00adX".
    const secret stored = secret::parse(
        "SCRAM-SHA-256$4096:+Yg2TkUJfZoweGmVun7RgQ==$"
        "dnE3BQT+ak3JbTJgLIPzjeQHbbp1cJj3O+ceIKyafzo=:3wF+96KPOrE8K2SY2Eb+"
        "N786IBRFgC6pkBTtblkvnSI=");
    EXPECT_TRUE(check_password("user", stored, "I\u00adX"));
    EXPECT_TRUE(check_password("user", stored, "IX"));
    EXPECT_TRUE(check_password("user", stored, "\u2168"));
    EXPECT_FALSE(check_password("user", stored, "ix"));
    // Of "I\u00adX\a", which RFC 4013 does not allow.
    const secret raw = secret::parse(
        "SCRAM-SHA-256$4096:G6eCHme+t78b+pTDQ6NhgA==$"
        "Vzgf/ShkTN41EFIvnxeiJ8Cc293YgAa/pUzK/"
        "6Bm3iM=:TtRReqg64HR10sKmrz1A3KKqYEEiZQI76tarZkF2xjQ=");
    EXPECT_TRUE(check_password("user", raw, "I\u00adX\a"));
    EXPECT_FALSE(check_password("user", raw, "IX\a"));
}

TEST(check_password, does_not_compute_for_hours) {
    const secret stored(scram_secret{most_scram_iterations + 1, "salt", {}, {}});
    EXPECT_FALSE(check_password("user", stored, "pencil"));
}

}  // namespace
}  // namespace weft::pool
