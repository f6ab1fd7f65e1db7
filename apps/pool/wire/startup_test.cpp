// SPDX-License-Identifier: Apache-2.0
#include "wire/startup.h"

#include <gtest/gtest.h>

#include "wire/bytes.h"

namespace weft::pool {
namespace {

using namespace std::string_view_literals;

std::string packet(std::uint32_t code, std::string_view body) {
    std::string out;
    put_u32(out, static_cast<std::uint32_t>(8 + body.size()));
    put_u32(out, code);
    return out.append(body);
}

std::string error_of(std::string_view bytes) {
    const auto read = read_startup(bytes);
    return read ? "none" : read.error();
}

constexpr std::uint32_t cancel_code = 80'877'102;
constexpr std::uint32_t gss_code = 80'877'104;

TEST(startup, a_session_is_read_in_its_order) {
    const std::string bytes = session_packet(
        protocol_3_2,
        {{"user", "u"}, {"database", "d"}, {"_pq_.more", "1"}, {"options", ""}, {"user", "v"}});
    EXPECT_EQ(startup_size(bytes), bytes.size());
    const auto read = read_startup(bytes);
    ASSERT_TRUE(read) << read.error();
    const auto& session = std::get<session_request>(*read);
    EXPECT_EQ(session.version, protocol_3_2);
    ASSERT_EQ(session.parameters.size(), 4U);
    EXPECT_EQ(session.parameters[1].first, "database");
    EXPECT_EQ(session.parameter("database"), "d");
    EXPECT_EQ(session.parameter("user"), "v") << "the last one counts";
    EXPECT_EQ(session.parameter("nothing"), "");
    ASSERT_EQ(session.protocol_options.size(), 1U);
    EXPECT_EQ(session.protocol_options[0], "_pq_.more");
}

TEST(startup, requests_for_encryption_have_no_body) {
    EXPECT_TRUE(std::holds_alternative<ssl_request>(*read_startup(ssl_request_packet())));
    EXPECT_TRUE(std::holds_alternative<gss_request>(*read_startup(packet(gss_code, ""))));
    EXPECT_EQ(error_of(packet(gss_code, "x")), "invalid length of startup packet");
}

TEST(startup, a_cancel_request_has_a_key_of_4_to_256_bytes) {
    for (const std::size_t length : {4U, 32U, 256U}) {
        const std::string key(length, '\x80');
        const auto read = read_startup(cancel_packet({77, key}));
        ASSERT_TRUE(read) << read.error();
        EXPECT_EQ(std::get<cancel_request>(*read).process, 77U);
        EXPECT_EQ(std::get<cancel_request>(*read).key, key);
    }
    for (const std::size_t length : {0U, 257U}) {
        EXPECT_EQ(error_of(cancel_packet({77, std::string(length, 'k')})),
                  "invalid length of query cancel packet");
    }
    EXPECT_EQ(error_of(packet(cancel_code, "abc")), "invalid length of query cancel packet");
}

TEST(startup, sizes_outside_of_the_servers_limits_are_none) {
    EXPECT_EQ(startup_size("\0\0\0\7"sv), 0U);
    EXPECT_EQ(startup_size("\0\0\0\10"sv), 8U);
    EXPECT_EQ(startup_size("\0\0\x27\x10"sv), 10'000U);
    EXPECT_EQ(startup_size("\0\0\x27\x11"sv), 0U);
    EXPECT_EQ(startup_size("GET "sv), 0U);
    EXPECT_EQ(startup_size("\xff\xff\xff\xff"sv), 0U);
}

TEST(startup, what_is_malformed_is_an_error) {
    constexpr std::string_view layout =
        "invalid startup packet layout: expected terminator as last byte";
    EXPECT_EQ(error_of(packet(protocol_3_0, "user\0u\0"sv)), layout) << "no terminator";
    EXPECT_EQ(error_of(packet(protocol_3_0, "user\0u\0\0x"sv)), layout) << "more behind it";
    EXPECT_EQ(error_of(packet(protocol_3_0, "user\0u"sv)), layout) << "a text without end";
    EXPECT_EQ(error_of(packet(protocol_3_0, "user\0"sv)), layout);
    EXPECT_EQ(error_of(packet(protocol_3_0, ""sv)), layout);
    EXPECT_EQ(error_of(packet(protocol_3_0, "database\0d\0\0"sv)),
              "no PostgreSQL user name specified in startup packet");
    EXPECT_EQ(error_of(packet(2U << 16, "")),
              "unsupported frontend protocol 2.0: server supports 3.0 to 3.2");
    EXPECT_EQ(error_of(""), "invalid length of startup packet");
    EXPECT_EQ(error_of("\0\0\0\4"sv), "invalid length of startup packet");
    EXPECT_EQ(error_of(packet(protocol_3_0, "user\0u\0\0"sv).substr(1)),
              "invalid length of startup packet");
}

TEST(startup, a_version_that_is_too_new_gets_the_newest) {
    EXPECT_EQ(version_for(protocol_3_0), protocol_3_0);
    EXPECT_EQ(version_for(protocol_3_2), protocol_3_2);
    EXPECT_EQ(version_for(3U << 16 | 9999), protocol_3_2);
    EXPECT_EQ(error_of(session_packet(3U << 16 | 9999, {{"user", "u"}})), "none");
}

}  // namespace
}  // namespace weft::pool
