// SPDX-License-Identifier: Apache-2.0
#include "option_values.h"

#include <gtest/gtest.h>

namespace weft::lab {
namespace {

TEST(parse_size, units_and_their_limits) {
    EXPECT_EQ(parse_size("17").value(), 17U);
    EXPECT_EQ(parse_size("2k").value(), 2048U);
    EXPECT_EQ(parse_size("3M").value(), 3U << 20);
    EXPECT_EQ(parse_size("1G").value(), 1U << 30);
    EXPECT_FALSE(parse_size(""));
    EXPECT_FALSE(parse_size("K"));
    EXPECT_FALSE(parse_size("1.5K"));
    EXPECT_FALSE(parse_size("18446744073709551615G"));
}

TEST(option_values, a_real_number_is_finite) {
    EXPECT_EQ(real_within("0.5", 0.1, 600).value(), 0.5);
    for (const char* text : {"nan", "NaN", "-nan", "inf", "0.01", "601", "", "1s", " 1"}) {
        EXPECT_FALSE(real_within(text, 0.1, 600)) << text;
    }
}

TEST(option_values, a_report_goes_to_a_file_or_to_standard_output) {
    EXPECT_EQ(report_path_or_stdout("-").value(), "-");
    EXPECT_FALSE(report_path_from("-"));
    EXPECT_EQ(report_path_from("/dev/null").value(), "/dev/null");
    EXPECT_FALSE(report_path_or_stdout("/nowhere/x"));
    EXPECT_FALSE(report_path_or_stdout(""));
}

}  // namespace
}  // namespace weft::lab
