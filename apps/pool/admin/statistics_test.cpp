// SPDX-License-Identifier: Apache-2.0
#include "admin/statistics.h"

#include <chrono>

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

using namespace std::chrono_literals;

TEST(console_statistics, averages_are_rates_and_times_of_one) {
    figures before;
    before[figures::transactions] = 100;
    before[figures::transaction_time] = 5'000;
    figures now = before;
    now[figures::transactions] += 20;
    now[figures::transaction_time] += 3'000;
    now[figures::received] = 1'000;
    now[figures::wait_time] = 77;  // of no assignment at all
    const figures avg = averages(before, now, 10s);
    EXPECT_EQ(avg[figures::transactions], 2U);
    EXPECT_EQ(avg[figures::transaction_time], 150U);
    EXPECT_EQ(avg[figures::received], 100U);
    EXPECT_EQ(avg[figures::wait_time], 0U);
}

TEST(console_statistics, averages_of_no_time_and_of_less_are_nothing) {
    figures before;
    before[figures::queries] = 10;
    EXPECT_EQ(averages(before, figures(), 10s), figures());
    EXPECT_EQ(averages(figures(), before, 0s)[figures::queries], 0U);
}

TEST(console_statistics, the_sample_before_the_last_one_counts) {
    const clock::time_point start;
    sample_pair<int> samples(start);
    EXPECT_FALSE(samples.due(start + 59s, 60s));
    EXPECT_TRUE(samples.due(start + 60s, 60s));
    samples.add(1, start + 60s);
    EXPECT_EQ(samples.older(), 0);
    EXPECT_EQ(samples.older_at(), start);
    samples.add(2, start + 120s);
    EXPECT_EQ(samples.older(), 1);
    EXPECT_EQ(samples.older_at(), start + 60s);
}

}  // namespace
}  // namespace weft::pool
