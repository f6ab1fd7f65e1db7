// SPDX-License-Identifier: Apache-2.0
#include "statistics.h"

#include <gtest/gtest.h>

#include <array>
#include <limits>

namespace weft::lab {
namespace {

TEST(statistics, the_median_of_few_values) {
    EXPECT_FALSE(median({}).has_value());
    EXPECT_EQ(median(std::array{3.0}), 3);
    EXPECT_EQ(median(std::array{3.0, 1.0, 2.0}), 2);
    EXPECT_EQ(median(std::array{4.0, 1.0, 2.0, 3.0}), 2.5);
}

TEST(statistics, what_is_no_number_is_left_out) {
    const std::array values{1.0, std::numeric_limits<double>::infinity(),
                            std::numeric_limits<double>::quiet_NaN(), 3.0};
    const auto value = estimate_of(std::span<const double>(values));
    ASSERT_TRUE(value.has_value());
    EXPECT_EQ(value->count, 2U);
    EXPECT_EQ(value->median, 2);
}

TEST(statistics, one_disturbed_repeat_moves_the_range_and_not_the_deviation) {
    const std::array values{10.0, 10.0, 10.0, 10.0, 90.0};
    const auto value = estimate_of(std::span<const double>(values));
    EXPECT_EQ(value->median, 10);
    EXPECT_EQ(value->max, 90);
    EXPECT_EQ(value->deviation, 0);
    EXPECT_EQ(relative_spread(*value), 8);
}

TEST(statistics, a_ratio_ranges_over_both) {
    const estimate over{.median = 20, .min = 18, .max = 24, .deviation = 1, .count = 3};
    const estimate under{.median = 10, .min = 9, .max = 12, .deviation = 1, .count = 3};
    const auto times = ratio_of(over, under);
    ASSERT_TRUE(times.has_value());
    EXPECT_DOUBLE_EQ(times->median, 2);
    EXPECT_DOUBLE_EQ(times->low, 1.5);
    EXPECT_DOUBLE_EQ(times->high, 24.0 / 9);
    EXPECT_FALSE(overlap(over, under));
    EXPECT_TRUE(overlap(under, under));
    EXPECT_FALSE(ratio_of(over, estimate{}).has_value());
}

}  // namespace
}  // namespace weft::lab
