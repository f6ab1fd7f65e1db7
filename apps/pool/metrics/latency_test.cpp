// SPDX-License-Identifier: Apache-2.0
#include "metrics/latency.h"

#include <gtest/gtest.h>

#include <limits>

namespace weft::pool {
namespace {

/// The only bucket that has something.
std::size_t bucket_of(std::int64_t ns) {
    latency_histogram h;
    h.add(ns);
    std::size_t found = latency_histogram::buckets;
    for (std::size_t i = 0; i < latency_histogram::buckets; ++i) {
        if (h.in_bucket(i) != 0) {
            EXPECT_EQ(found, latency_histogram::buckets) << "two buckets";
            found = i;
        }
    }
    return found;
}

TEST(latency_histogram, a_bound_is_the_last_value_of_its_bucket) {
    for (std::size_t i = 0; i + 1 < latency_histogram::buckets; ++i) {
        const auto bound = static_cast<std::int64_t>(latency_histogram::upper_ns(i));
        EXPECT_EQ(bucket_of(bound), i);
        EXPECT_EQ(bucket_of(bound + 1), i + 1);
    }
}

TEST(latency_histogram, whatever_is_added_has_a_bucket) {
    EXPECT_EQ(bucket_of(0), 0U);
    EXPECT_EQ(bucket_of(-5), 0U) << "of a clock that went back";
    EXPECT_EQ(bucket_of(std::numeric_limits<std::int64_t>::max()), latency_histogram::buckets - 1);
}

TEST(latency_histogram, quantiles_are_bounds_of_buckets) {
    latency_histogram h;
    EXPECT_EQ(h.quantile_ns(0.5), 0U);
    for (int i = 0; i < 98; ++i) {
        h.add(900'000);  // 0.768 ms to 1.024 ms
    }
    h.add(50'000'000);
    h.add(50'000'000);
    EXPECT_EQ(h.count(), 100U);
    EXPECT_EQ(h.sum_ns(), 98U * 900'000 + 2U * 50'000'000);
    EXPECT_EQ(h.quantile_ns(0), 1'024'000U);
    EXPECT_EQ(h.quantile_ns(0.5), 1'024'000U);
    EXPECT_EQ(h.quantile_ns(0.98), 1'024'000U);
    EXPECT_EQ(h.quantile_ns(0.99), 65'536'000U);
    EXPECT_EQ(h.quantile_ns(1), 65'536'000U);
}

}  // namespace
}  // namespace weft::pool
