// SPDX-License-Identifier: Apache-2.0
#include "wire/bytes.h"

#include <gtest/gtest.h>

#include "wire/message.h"

namespace weft::pool {
namespace {

using namespace std::string_view_literals;

TEST(byte_reader, reads_what_was_put) {
    std::string bytes;
    put_u32(bytes, 0x89abcdef);
    put_u16(bytes, 0xfedc);
    put_text(bytes, "name");
    bytes += "\xff and the rest";
    byte_reader reader(bytes);
    EXPECT_EQ(reader.u32(), 0x89abcdefU);
    EXPECT_EQ(reader.u16(), 0xfedcU);
    EXPECT_EQ(reader.text(), "name");
    EXPECT_EQ(reader.u8(), 0xffU);
    EXPECT_EQ(reader.bytes(4), " and");
    EXPECT_EQ(reader.rest(), " the rest");
    EXPECT_TRUE(reader.ok());
    EXPECT_FALSE(reader.complete());
    EXPECT_EQ(reader.bytes(9), " the rest");
    EXPECT_TRUE(reader.complete());
}

TEST(byte_reader, fails_for_good_when_something_is_missing) {
    for (const auto& missing : {+[](byte_reader& r) { return r.u32() == 0; },
                                +[](byte_reader& r) { return r.bytes(4).empty(); },
                                +[](byte_reader& r) { return r.text().empty(); }}) {
        byte_reader reader("abc");
        EXPECT_TRUE(missing(reader));
        EXPECT_FALSE(reader.ok());
        EXPECT_EQ(reader.u8(), 0) << "although there were some";
        EXPECT_TRUE(reader.rest().empty());
        EXPECT_FALSE(reader.complete());
    }
    byte_reader one("a");
    EXPECT_EQ(one.u16(), 0);
    EXPECT_FALSE(one.ok());
}

TEST(byte_reader, an_empty_text_is_one) {
    byte_reader reader("\0x"sv);
    EXPECT_EQ(reader.text(), "");
    EXPECT_TRUE(reader.ok());
    EXPECT_EQ(reader.rest(), "x");
}

TEST(message_head, counts_its_letter) {
    const auto head = read_head("Q\0\0\1\4..."sv);
    ASSERT_TRUE(head);
    EXPECT_EQ(head->type, 'Q');
    EXPECT_EQ(head->size, 261U);
}

TEST(message_head, a_length_must_count_itself_and_fit) {
    EXPECT_FALSE(read_head("Q\0\0\0\3"sv));
    EXPECT_TRUE(read_head("Q\0\0\0\4"sv));
    EXPECT_TRUE(read_head("Q\x7f\xff\xff\xff"sv));
    EXPECT_FALSE(read_head("Q\x80\0\0\0"sv));
    EXPECT_FALSE(read_head("Q\xff\xff\xff\xff"sv));
}

TEST(message_types, are_told_apart_by_side) {
    for (const char type : "QSPBEDCHFdcfX"sv) {
        EXPECT_TRUE(is_request(type)) << type;
    }
    for (const char type : "123ACDEGHIKNSTVWZcdnst"sv) {
        EXPECT_TRUE(is_answer(type)) << type;
    }
    for (const char type : "\0\xff?Zp1"sv) {
        EXPECT_FALSE(is_request(type)) << type;
    }
    for (const char type : "\0\xff?QpBX"sv) {
        EXPECT_FALSE(is_answer(type)) << type;
    }
}

}  // namespace
}  // namespace weft::pool
