// SPDX-License-Identifier: Apache-2.0
#include "interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "sampling.h"

namespace weft::measure {
namespace {

/// Rounds that differ by `between`, of samples that differ by `within`, around 100.
rounds_of_samples made_up(std::mt19937_64& random, std::size_t rounds, double between,
                          double within) {
    std::normal_distribution<double> noise(0, 1);
    rounds_of_samples all(rounds);
    for (auto& round : all) {
        const double middle = 100 + between * noise(random);
        for (int i = 0; i < 30; ++i) {
            round.push_back(middle + within * noise(random));
        }
    }
    return all;
}

double part_that_holds_the_truth(std::size_t rounds, double between, double within) {
    std::mt19937_64 random(7);
    constexpr int runs = 300;
    int holds = 0;
    for (int i = 0; i < runs; ++i) {
        const auto value = summarize(made_up(random, rounds, between, within));
        holds += value && value->low <= 100 && 100 <= value->high ? 1 : 0;
    }
    return holds / static_cast<double>(runs);
}

TEST(interval, holds_the_truth_in_19_of_20_runs_when_rounds_differ) {
    EXPECT_GE(part_that_holds_the_truth(5, 5, 1), 0.93);
    EXPECT_GE(part_that_holds_the_truth(3, 5, 1), 0.93);
    EXPECT_GE(part_that_holds_the_truth(5, 0, 5), 0.93);
}

TEST(interval, is_as_narrow_as_the_rounds_allow) {
    std::mt19937_64 random(1);
    const auto wide = summarize(made_up(random, 5, 10, 1));
    const auto narrow = summarize(made_up(random, 5, 0.1, 1));
    ASSERT_TRUE(wide && narrow);
    EXPECT_GT(relative_half_width(*wide), 0.04);
    EXPECT_LT(relative_half_width(*narrow), 0.02);
}

TEST(interval, names_outliers_and_keeps_them) {
    rounds_of_samples rounds(2, std::vector<double>{10, 10.1, 9.9, 10.05, 9.95, 10, 10.1});
    rounds[0].push_back(10.5);
    rounds[1].push_back(1000);
    const auto value = summarize(rounds);
    ASSERT_TRUE(value);
    EXPECT_EQ(value->samples, 16u);
    EXPECT_EQ(value->severe_outliers + value->mild_outliers, 2u);
    EXPECT_GE(value->severe_outliers, 1u);
    EXPECT_NEAR(value->median, 10, 0.1);
}

TEST(interval, of_nothing_and_of_nonsense) {
    EXPECT_FALSE(summarize({}));
    EXPECT_FALSE(summarize({{}, {std::numeric_limits<double>::quiet_NaN()}}));
    const auto one = summarize({{3}});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->low, 3);
    EXPECT_EQ(one->high, 3);
    const auto never_negative = summarize({{0, 0, 0}, {100, 100, 100}});
    ASSERT_TRUE(never_negative);
    EXPECT_EQ(never_negative->low, 0);
}

TEST(interval, the_same_for_the_same_samples) {
    std::mt19937_64 random(3);
    const auto rounds = made_up(random, 4, 3, 3);
    EXPECT_EQ(summarize(rounds)->low, summarize(rounds)->low);
    EXPECT_EQ(summarize(rounds)->high, summarize(rounds)->high);
}

TEST(sampling, stops_when_it_is_sure_or_at_its_bounds) {
    int taken = 0;
    const auto same = take_samples({.seconds = 60, .least = 5, .most = 1000}, [&] {
        ++taken;
        return 7.0;
    });
    EXPECT_LT(same.size(), 20u) << "equal samples need no more";
    EXPECT_EQ(same.size() + 1, static_cast<std::size_t>(taken)) << "the first one warms up";
    double value = 1;
    const auto wild =
        take_samples({.seconds = 60, .least = 5, .most = 40}, [&] { return value *= -2; });
    EXPECT_EQ(wild.size(), 40u);
    const auto late =
        take_samples({.seconds = 0, .least = 3, .most = 40}, [&] { return value *= -2; });
    EXPECT_EQ(late.size(), 3u);
}

TEST(sampling, several_figures_stay_together) {
    double n = 0;
    const auto [first, second] = take_samples_of<2>({.seconds = 0, .least = 4}, [&] {
        ++n;
        return std::array{n, 10 * n};
    });
    ASSERT_EQ(first.size(), 4u);
    ASSERT_EQ(second.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) {
        EXPECT_EQ(second[i], 10 * first[i]);
    }
}

}  // namespace
}  // namespace weft::measure
