// SPDX-License-Identifier: Apache-2.0
#include "wire/build.h"

#include <gtest/gtest.h>

#include <array>

#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {
namespace {

using namespace std::string_view_literals;

/// The body of the only message of `bytes`.
std::string_view body_of(std::string_view bytes, char type) {
    const auto head = bytes.size() >= head_size ? read_head(bytes) : std::nullopt;
    EXPECT_TRUE(head && head->type == type && head->size == bytes.size());
    return bytes.substr(head_size);
}

TEST(build, lengths_are_set_behind_what_was_there_before) {
    std::string out = "before";
    put_ready(out, transaction::open);
    put_sync(out);
    EXPECT_EQ(out, "beforeZ\0\0\0\5TS\0\0\0\4"sv);
}

TEST(build, an_error_says_what_there_is_to_say) {
    std::string out;
    put_error(out, {.severity = "FATAL", .sqlstate = "08P01", .message = "no", .hint = "try"});
    EXPECT_EQ(body_of(out, 'E'), "SFATAL\0VFATAL\0C08P01\0Mno\0Htry\0\0"sv);
    const report back = read_report(body_of(out, 'E'));
    EXPECT_EQ(back.severity, "FATAL");
    EXPECT_EQ(back.sqlstate, "08P01");
    EXPECT_EQ(back.message, "no");
    EXPECT_EQ(back.detail, "");
    EXPECT_EQ(back.hint, "try");
}

TEST(build, the_severity_that_is_not_translated_counts) {
    EXPECT_EQ(read_report("SFEHLER\0VERROR\0\0"sv).severity, "ERROR");
    EXPECT_EQ(read_report("VERROR\0SFEHLER\0\0"sv).severity, "ERROR");
    EXPECT_EQ(read_report("SFEHLER\0Mx\0\0"sv).severity, "FEHLER");
}

TEST(build, a_report_that_ends_early_or_has_unknown_fields_is_read_as_far_as_it_goes) {
    EXPECT_EQ(read_report("").message, "");
    const report what = read_report("Mtext\0F file.c\0Clost"sv);
    EXPECT_EQ(what.message, "text");
    EXPECT_EQ(what.sqlstate, "");
}

TEST(build, authentication_messages_begin_with_their_number) {
    std::string out;
    put_authentication_ok(out);
    EXPECT_EQ(body_of(out, 'R'), "\0\0\0\0"sv);
    out.clear();
    put_md5_request(out, "salt");
    EXPECT_EQ(body_of(out, 'R'), "\0\0\0\5salt"sv);
    out.clear();
    put_sasl_request(out, std::array{"A"sv, "B"sv});
    EXPECT_EQ(body_of(out, 'R'), "\0\0\0\12A\0B\0\0"sv);
    out.clear();
    put_sasl_start(out, "A", "data");
    EXPECT_EQ(body_of(out, 'p'), "A\0\0\0\0\4data"sv);
}

TEST(build, a_negotiation_names_what_is_not_known) {
    std::string out;
    put_negotiation(out, 3U << 16 | 2, std::array{std::string("_pq_.a"), std::string("_pq_.b")});
    EXPECT_EQ(body_of(out, 'v'), "\0\3\0\2\0\0\0\2_pq_.a\0_pq_.b\0"sv);
}

TEST(build, a_bound_query_is_a_whole_batch) {
    std::string out;
    const std::array<std::string_view, 2> values{"ann", ""};
    put_bound_query(out, "select $1", values);
    EXPECT_EQ(out,
              "P\0\0\0\x11\0select $1\0\0\0"
              "B\0\0\0\x17\0\0\0\0\0\2\0\0\0\3ann\0\0\0\0\0\0"
              "D\0\0\0\6P\0"
              "E\0\0\0\x9\0\0\0\0\0"
              "S\0\0\0\4"sv);
}

}  // namespace
}  // namespace weft::pool
