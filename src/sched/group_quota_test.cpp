// SPDX-License-Identifier: Apache-2.0
#include "sched/group_quota.h"

#include <gtest/gtest.h>

namespace weft::sched {
namespace {

constexpr base::nanoseconds_t ms = 1'000'000;

struct member : waiter {
    member() noexcept : waiter(waiter_kind::thread) {}
};

/// 20 ms in each 100 ms, from 1000 ms on.
class group_quota_test : public ::testing::Test {
protected:
    group_quota_test() { quota_.set(20 * ms, 100 * ms, 1000 * ms); }

    bool refill(base::nanoseconds_t now) { return quota_.refill(now, freed_); }

    group_quota quota_;
    waiter_queue freed_;
};

TEST_F(group_quota_test, throttles_when_it_is_used_up_until_the_period_ends) {
    EXPECT_FALSE(quota_.charge(19 * ms, 1019 * ms));
    EXPECT_FALSE(quota_.throttled());
    EXPECT_TRUE(quota_.charge(1 * ms, 1020 * ms));
    EXPECT_TRUE(quota_.throttled());
    EXPECT_EQ(quota_.period_end(), 1100 * ms);
    EXPECT_TRUE(refill(1100 * ms));
    EXPECT_FALSE(quota_.throttled());
    EXPECT_EQ(quota_.times_throttled(), 1U);
}

TEST_F(group_quota_test, says_once_that_it_throttles) {
    EXPECT_TRUE(quota_.charge(21 * ms, 1021 * ms));
    EXPECT_FALSE(quota_.charge(3 * ms, 1022 * ms));
    EXPECT_FALSE(quota_.charge(3 * ms, 1200 * ms)) << "until it is refilled, however late";
    EXPECT_TRUE(quota_.throttled());
}

TEST_F(group_quota_test, what_was_used_beyond_it_is_missing_in_the_next_period) {
    EXPECT_TRUE(quota_.charge(25 * ms, 1025 * ms));
    EXPECT_TRUE(refill(1100 * ms));
    EXPECT_FALSE(quota_.charge(14 * ms, 1114 * ms));
    EXPECT_TRUE(quota_.charge(1 * ms, 1115 * ms));
}

TEST_F(group_quota_test, more_than_a_period_beyond_costs_a_period) {
    EXPECT_TRUE(quota_.charge(50 * ms, 1050 * ms));
    EXPECT_FALSE(refill(1100 * ms));
    EXPECT_TRUE(quota_.throttled());
    EXPECT_EQ(quota_.period_end(), 1200 * ms);
    EXPECT_TRUE(refill(1200 * ms));
    EXPECT_TRUE(quota_.charge(10 * ms, 1210 * ms));
}

TEST_F(group_quota_test, what_a_period_leaves_is_lost) {
    EXPECT_FALSE(quota_.charge(5 * ms, 1005 * ms));
    EXPECT_FALSE(quota_.charge(19 * ms, 1519 * ms));
    EXPECT_EQ(quota_.period_end(), 1600 * ms);
    EXPECT_TRUE(quota_.charge(1 * ms, 1520 * ms));
}

TEST_F(group_quota_test, a_late_refill_is_worth_the_periods_that_have_begun) {
    EXPECT_TRUE(quota_.charge(70 * ms, 1070 * ms));
    EXPECT_TRUE(refill(1399 * ms)) << "three periods: 10 ms are left";
    EXPECT_EQ(quota_.period_end(), 1400 * ms);
    EXPECT_TRUE(quota_.charge(10 * ms, 1399 * ms));
}

TEST_F(group_quota_test, holds_whoever_comes_while_it_is_throttled) {
    member before;
    member first;
    member second;
    EXPECT_FALSE(quota_.hold(before));
    EXPECT_TRUE(quota_.charge(45 * ms, 1045 * ms));
    EXPECT_TRUE(quota_.hold(first));
    EXPECT_TRUE(quota_.hold(second));
    EXPECT_FALSE(refill(1100 * ms));
    EXPECT_TRUE(freed_.empty());
    EXPECT_TRUE(refill(1200 * ms));
    EXPECT_EQ(freed_.pop_front(), &first);
    EXPECT_EQ(freed_.pop_front(), &second);
    EXPECT_TRUE(freed_.empty());
    EXPECT_FALSE(quota_.hold(before));
}

TEST(group_without_quota, is_never_throttled) {
    group_quota none;
    none.set(0, 100 * ms, 0);
    EXPECT_FALSE(none.charge(1'000'000 * ms, 50 * ms));
    member w;
    EXPECT_FALSE(none.hold(w));
}

}  // namespace
}  // namespace weft::sched
