// SPDX-License-Identifier: Apache-2.0
#include "admin/result.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {
namespace {

using namespace std::string_literals;

constexpr std::array two_columns = {column{"name", type::text}, column{"n", type::int4}};

TEST(console_result, numbers_in_binary) {
    EXPECT_EQ(to_binary(type::int4, "258"), "\0\0\1\2"s);
    EXPECT_EQ(to_binary(type::int4, "-1"), "\xff\xff\xff\xff"s);
    EXPECT_EQ(to_binary(type::int8, "4294967296"), "\0\0\0\1\0\0\0\0"s);
    EXPECT_EQ(to_binary(type::float8, "1.5"), "\x3f\xf8\0\0\0\0\0\0"s);
    EXPECT_EQ(to_binary(type::text, "1.5"), "1.5");
}

TEST(console_result, numeric_in_binary_has_digits_of_ten_thousand) {
    EXPECT_EQ(to_binary(type::numeric, "0"), "\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(to_binary(type::numeric, "7"), "\0\1\0\0\0\0\0\0\0\7"s);
    EXPECT_EQ(to_binary(type::numeric, "10000"), "\0\2\0\1\0\0\0\0\0\1\0\0"s);
    EXPECT_EQ(to_binary(type::numeric, "123456789"),
              "\0\3\0\2\0\0\0\0\0\1\x09\x29\x1a\x85"s);  // 1 2345 6789
}

TEST(console_result, formats_count_for_all_or_for_each) {
    EXPECT_FALSE(result_formats().binary(1));
    EXPECT_TRUE(result_formats({1}).binary(1));
    EXPECT_FALSE(result_formats({1, 0}).binary(1));
    EXPECT_TRUE(result_formats({1, 0}).fits(2));
    EXPECT_FALSE(result_formats({1, 0}).fits(3));
}

TEST(console_result, a_row_tells_null_from_nothing) {
    std::string out;
    put_cells(out, two_columns, {std::nullopt, "7"}, result_formats({0, 1}));
    byte_reader body(std::string_view(out).substr(head_size));
    EXPECT_EQ(out[0], answer::data_row);
    EXPECT_EQ(body.u16(), 2);
    EXPECT_EQ(body.u32(), 0xffffffffU);
    EXPECT_EQ(body.u32(), 4U);
    EXPECT_EQ(body.u32(), 7U);
    EXPECT_TRUE(body.complete());
}

TEST(console_result, columns_say_their_type_and_format) {
    std::string out;
    put_columns(out, two_columns, result_formats({0, 1}));
    byte_reader body(std::string_view(out).substr(head_size));
    EXPECT_EQ(body.u16(), 2);
    EXPECT_EQ(body.text(), "name");
    (void)body.bytes(6);
    EXPECT_EQ(body.u32(), type::text);
    EXPECT_EQ(body.u16(), 0xffff);
    EXPECT_EQ(body.u32(), 0xffffffffU);
    EXPECT_EQ(body.u16(), 0);
    EXPECT_EQ(body.text(), "n");
    (void)body.bytes(6);
    EXPECT_EQ(body.u32(), type::int4);
    EXPECT_EQ(body.u16(), 4);
    EXPECT_EQ(body.u32(), 0xffffffffU);
    EXPECT_EQ(body.u16(), 1);
    EXPECT_TRUE(body.complete());
}

}  // namespace
}  // namespace weft::pool
