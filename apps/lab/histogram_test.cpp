// SPDX-License-Identifier: Apache-2.0
#include "histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

namespace weft::lab {
namespace {

TEST(histogram, is_empty_at_first) {
    const histogram h;
    EXPECT_TRUE(h.empty());
    EXPECT_EQ(h.quantile(0.5), 0);
    EXPECT_EQ(h.minimum(), 0);
    EXPECT_EQ(h.maximum(), 0);
    EXPECT_EQ(h.mean(), 0.0);
    EXPECT_TRUE(h.buckets().empty());
}

TEST(histogram, small_values_are_exact) {
    histogram h;
    for (int i = 1; i <= 100; ++i) {
        h.record(i);
    }
    EXPECT_EQ(h.quantile(0.01), 1);
    EXPECT_EQ(h.quantile(0.50), 50);
    EXPECT_EQ(h.quantile(0.99), 99);
    EXPECT_EQ(h.quantile(1.0), 100);
    EXPECT_DOUBLE_EQ(h.mean(), 50.5);
}

TEST(histogram, quantiles_are_within_one_percent_of_the_sorted_values) {
    std::mt19937_64 random(1);
    std::lognormal_distribution<double> latency(11.0, 2.0);
    std::vector<std::int64_t> values;
    histogram h;
    for (int i = 0; i < 50'000; ++i) {
        values.push_back(static_cast<std::int64_t>(latency(random)));
        h.record(values.back());
    }
    std::sort(values.begin(), values.end());
    for (const double q : {0.001, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999}) {
        const auto rank = static_cast<std::size_t>(std::ceil(q * 50'000)) - 1;
        const auto exact = static_cast<double>(values[rank]);
        const auto got = static_cast<double>(h.quantile(q));
        EXPECT_GE(got, exact) << q;
        EXPECT_LE(got, exact * 1.01 + 1) << q;
    }
    EXPECT_EQ(h.minimum(), values.front());
    EXPECT_EQ(h.maximum(), values.back());
}

TEST(histogram, values_outside_the_range_are_kept_as_extremes) {
    histogram h;
    h.record(-5);
    h.record(std::int64_t{1} << 50);
    EXPECT_EQ(h.count(), 2U);
    EXPECT_EQ(h.minimum(), 0);
    EXPECT_EQ(h.maximum(), std::int64_t{1} << 50);
    EXPECT_GT(h.quantile(1.0), std::int64_t{1} << 41);
}

TEST(histogram, merging_equals_recording_into_one) {
    histogram a;
    histogram b;
    histogram both;
    for (std::int64_t v = 1; v < 3'000'000; v = v * 5 / 4 + 1) {
        (v % 2 == 0 ? a : b).record(v, 3);
        both.record(v, 3);
    }
    a.merge(b);
    a.merge(histogram{});
    EXPECT_EQ(a.serialize(), both.serialize());
    EXPECT_EQ(a.quantile(0.9), both.quantile(0.9));
}

TEST(histogram, survives_the_round_trip_through_numbers) {
    histogram h;
    for (std::int64_t v = 1; v < 40'000'000; v = v * 3 / 2 + 1) {
        h.record(v);
    }
    histogram copy;
    ASSERT_TRUE(copy.deserialize(h.serialize()));
    EXPECT_EQ(copy.serialize(), h.serialize());
    EXPECT_EQ(copy.count(), h.count());
    EXPECT_EQ(copy.quantile(0.5), h.quantile(0.5));
}

TEST(histogram, refuses_numbers_that_are_no_histogram) {
    histogram h;
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{}));
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{1, 2, 3, 4}));
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{1, 2, 3, 1'000'000, 1}));
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{2, 1, 3, 1, 1}))
        << "least above greatest";
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{0, ~std::uint64_t{0}, 3, 1, 1}));
    EXPECT_FALSE(h.deserialize(std::vector<std::uint64_t>{0, 1, 1, 0, ~std::uint64_t{0}, 1, 1}));
    EXPECT_TRUE(h.empty());
}

TEST(histogram, bucket_counts_add_up) {
    histogram h;
    for (std::int64_t v = 0; v < 100'000; v += 7) {
        h.record(v);
    }
    std::uint64_t sum = 0;
    std::int64_t last = -1;
    for (const auto& [bound, count] : h.buckets()) {
        EXPECT_GT(bound, last);
        last = bound;
        sum += count;
    }
    EXPECT_EQ(sum, h.count());
}

}  // namespace
}  // namespace weft::lab
