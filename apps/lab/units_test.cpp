// SPDX-License-Identifier: Apache-2.0
#include "units.h"

#include <gtest/gtest.h>

namespace weft::lab {
namespace {

TEST(units, figures_have_two_or_three_digits) {
    EXPECT_EQ(text_of_bytes(512), "512 B");
    EXPECT_EQ(text_of_bytes(4300), "4.2 KiB");
    EXPECT_EQ(text_of_bytes(1023.9 * 1024), "1.0 MiB");
    EXPECT_EQ(text_of_bytes(0), "0 B");
    EXPECT_EQ(text_of_rate(128'000), "128 k/s");
    EXPECT_EQ(text_of_time(0.085), "85 ns");
    EXPECT_EQ(text_of_time(1234), "1.2 ms");
    EXPECT_EQ(text_of_time(12, symbols::unicode), "12 µs");
    EXPECT_EQ(text_of_count(1'234'567), "1,234,567");
    EXPECT_EQ(text_of_factor(3.44), "3.4x");
    EXPECT_EQ(text_of_factor(1234), "1,200x");
}

TEST(units, wrapping_keeps_to_the_width) {
    EXPECT_EQ(wrapped("a: ", "one two three four", 2, 10), "a: one two\n  three\n  four");
    EXPECT_EQ(wrapped("", "abcdefghij", 2, 5), "abcde\n  fgh\n  ij");
}

TEST(units, control_characters_cannot_reach_a_terminal) {
    EXPECT_EQ(printable("a\x1b[2Jb\r\n\x7f"), "a?[2Jb???");
    EXPECT_EQ(printable("µ"), "µ");
    EXPECT_EQ(printable("\xc2\x9b"), "\xc2?");
    EXPECT_EQ(columns_of("µs"), 2U);
}

}  // namespace
}  // namespace weft::lab
