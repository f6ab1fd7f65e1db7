// SPDX-License-Identifier: Apache-2.0
//
// Answers byte by byte; what servers do with whole ones is in tests/integration/dns_test.cpp.
#include "dns/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace weft::dns {
namespace {

using namespace std::string_literals;

/// A response with one question for x.test, and these counts of what follows.
std::string head(char answers, char authorities = 0, char code = 0) {
    return "\x12\x34\x81"s + static_cast<char>(0x80 | code) + "\0\1\0"s + answers + "\0"s +
           authorities + "\0\0"s + "\1x\4test\0\0\1\0\1"s;
}

/// Of the name of the question.
std::string record(std::string_view type, std::string_view ttl, const std::string& data) {
    return "\xc0\x0c\0"s + std::string(type) + "\0\1"s + std::string(ttl) + "\0"s +
           static_cast<char>(data.size()) + data;
}

const std::string one_minute = "\0\0\0\x3c"s;

answer read(const std::string& bytes, record_type wanted = record_type::a) {
    return read_answer({reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size()},
                       wanted);
}

TEST(DnsMessage, AnAddress) {
    const answer found = read(head(1) + record("\1", one_minute, "\xc0\0\2\1"s));
    ASSERT_EQ(found.addresses.size(), 1u);
    EXPECT_EQ(found.addresses[0].to_string(), "192.0.2.1:0");
    EXPECT_EQ(found.ttl, 60u);
}

TEST(DnsMessage, TheShortestTimeCounts) {
    const std::string alias = record("\5", "\0\0\0\5"s, "\1y\xc0\x0e"s);
    const std::string target =
        "\xc0\x24\0\1\0\1"s + one_minute + "\0\4\xc0\0\2\1"s;  // y.test, in the alias' data
    const answer found = read(head(2) + alias + target);
    ASSERT_EQ(found.addresses.size(), 1u);
    EXPECT_EQ(found.ttl, 5u);
    EXPECT_EQ(read(head(1) + record("\1", "\x80\0\0\1"s, "\xc0\0\2\1"s)).ttl, 0u)
        << "RFC 2181: with the highest bit it is none";
}

TEST(DnsMessage, AnyPrefixIsMalformedOrEmpty) {
    const std::string whole = head(1) + record("\1", one_minute, "\xc0\0\2\1"s);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(read(whole.substr(0, size)).error, errc::bad_answer) << size;
    }
}

TEST(DnsMessage, NamesThatLeadNowhere) {
    const std::string self = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\xc0\x0c\0\1\0\1"s;
    EXPECT_EQ(read(self).error, errc::bad_answer);
    const std::string forward = "\x12\x34\x81\x80\0\1\0\1\0\0\0\0\xc0\x0e\0\0\1\0\1"s;
    EXPECT_EQ(read(forward).error, errc::bad_answer);
    for (const std::string& label : {"a b"s, "a.b"s, "a\\b"s, "a\nb"s, "\xff\xff\xff"s}) {
        const std::string data = "\3"s + label + "\0"s;
        EXPECT_EQ(read(head(1) + record("\x0c", one_minute, data), record_type::ptr).error,
                  errc::bad_answer);
    }
    EXPECT_EQ(read(head(1) + record("\x0c", one_minute, "\3abc\0!"s), record_type::ptr).error,
              errc::bad_answer)
        << "more than a name";
}

TEST(DnsMessage, HowLongANoMayBeKept) {
    const std::string minimum = "\0\0\0\7"s;
    const std::string soa = "\0\0"s + std::string(16, '\1') + minimum;
    EXPECT_EQ(read(head(0, 1, 3) + record("\6", one_minute, soa)).ttl, 7u);
    EXPECT_EQ(read(head(0, 1, 3) + record("\6", "\0\0\0\2"s, soa)).ttl, 2u);
    EXPECT_EQ(read(head(0, 1) + record("\6", one_minute, soa)).error, errc::no_such_record);
    EXPECT_EQ(read(head(0, 0, 3)).ttl, 0u);
    EXPECT_EQ(read(head(0, 1, 3) + record("\6", one_minute, "\0\0\1"s)).ttl, 0u);
    const answer gone = read(head(1, 0, 3) + record("\1", one_minute, "\xc0\0\2\1"s));
    EXPECT_EQ(gone.error, errc::no_such_name);
    EXPECT_TRUE(gone.addresses.empty());
}

TEST(DnsMessage, OtherClassesAndTypesArePassedOver) {
    std::string chaos = record("\1", one_minute, "\xc0\0\2\1"s);
    chaos[5] = '\3';
    EXPECT_EQ(read(head(1) + chaos).error, errc::no_such_record);
    EXPECT_EQ(read(head(1) + record("\x10", one_minute, "\1a"s)).error, errc::no_such_record);
}

TEST(DnsMessage, NoMoreThanSoMany) {
    std::string many = head(1);
    many[6] = 2;  // 513 answers
    for (int i = 0; i < 513; ++i) {
        many += record("\1", one_minute, "\xc0\0\2\1"s);
    }
    EXPECT_EQ(read(many).addresses.size(), most_records);
}

TEST(DnsMessage, EveryErrorHasItsText) {
    for (int code = 1; code <= static_cast<int>(errc::too_many_queries); ++code) {
        const std::error_code error(code, error_category());
        EXPECT_THAT(error.message(), ::testing::Not(::testing::HasSubstr("unknown"))) << code;
    }
    EXPECT_STREQ(error_category().name(), "weft.dns");
}

}  // namespace
}  // namespace weft::dns
