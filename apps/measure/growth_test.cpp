// SPDX-License-Identifier: Apache-2.0
#include "growth.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace weft::measure {
namespace {

std::vector<curve_point> curve(const std::vector<double>& places, double noise, auto of) {
    std::mt19937_64 random(11);
    std::normal_distribution<double> error(0, 1);
    std::vector<curve_point> points;
    for (const double x : places) {
        points.push_back({.x = x, .y = of(x) * (1 + noise * error(random))});
    }
    return points;
}

const std::vector<double> decades{1, 4, 16, 50, 128, 512, 2048};

TEST(growth, finds_the_law_that_made_the_curve) {
    const auto linear = growth_of(curve(decades, 0.05, [](double x) { return 50 + 3 * x; }));
    ASSERT_TRUE(linear);
    EXPECT_EQ(linear->law, law::linear) << linear->reason;
    ASSERT_TRUE(linear->exponent);
    EXPECT_LE(linear->exponent_low, 1);
    EXPECT_GE(linear->exponent_high, 1);
    const auto constant = growth_of(curve(decades, 0.05, [](double) { return 200.0; }));
    ASSERT_TRUE(constant);
    EXPECT_EQ(constant->law, law::constant) << constant->reason;
    const auto logarithmic =
        growth_of(curve(decades, 0.01, [](double x) { return 10 + 8 * std::log2(1 + x); }));
    ASSERT_TRUE(logarithmic);
    EXPECT_EQ(logarithmic->law, law::logarithmic) << logarithmic->reason;
    const auto more =
        growth_of(curve(decades, 0.01, [](double x) { return x * std::log2(1 + x); }));
    ASSERT_TRUE(more);
    EXPECT_EQ(more->law, law::linearithmic) << more->reason;
}

TEST(growth, of_four_points_as_well) {
    const auto linear =
        growth_of(curve({1, 16, 50, 256}, 0.2, [](double x) { return 500 + 30 * x; }));
    ASSERT_TRUE(linear);
    EXPECT_NE(linear->law, law::constant) << linear->reason;
}

TEST(growth, of_less_than_a_tenth_is_none) {
    const auto slight = growth_of(curve(decades, 0, [](double x) { return 100 + 0.004 * x; }));
    ASSERT_TRUE(slight);
    EXPECT_EQ(slight->law, law::constant);
}

TEST(growth, below_the_scatter_is_none) {
    const auto noisy = growth_of(curve(decades, 0.3, [](double) { return 100.0; }));
    ASSERT_TRUE(noisy);
    EXPECT_EQ(noisy->law, law::constant) << noisy->reason;
}

TEST(growth, of_too_little_is_unknown) {
    EXPECT_FALSE(growth_of({}));
    EXPECT_FALSE(growth_of(curve({1, 2, 3}, 0, [](double x) { return x; })));
    EXPECT_FALSE(growth_of(curve({0, 0, 0, 5}, 0, [](double) { return 1.0; })));
    EXPECT_FALSE(growth_of(curve({1, 2, 3, 4}, 0, [](double) { return 0.0; })));
}

TEST(growth, begins_at_zero_if_the_axis_does) {
    const auto from_none = growth_of(curve({0, 10, 100, 1000}, 0.02, [](double) { return 46.0; }));
    ASSERT_TRUE(from_none);
    EXPECT_EQ(from_none->law, law::constant);
    EXPECT_EQ(from_none->range, 100);
}

}  // namespace
}  // namespace weft::measure
