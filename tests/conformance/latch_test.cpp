// SPDX-License-Identifier: Apache-2.0
//
// weft::latch against what std::latch does, and its waits with a deadline and under stops.
#include <weft/latch.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <type_traits>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(!std::is_default_constructible_v<latch>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, latch>);
static_assert(!std::is_copy_constructible_v<latch> && !std::is_copy_assignable_v<latch>);
static_assert(noexcept(std::declval<const latch&>().try_wait()));
static_assert(latch::max() >= 1'000'000'000);

constinit latch constant_latch(0);

WEFT_TEST_BY_CALLER(LatchConformance, AtZeroNobodyWaits) {
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        const latch& l = constant_latch;
        EXPECT_TRUE(l.try_wait());
        co_await TypeParam::wait(l);
        const result<void> waited = co_await TypeParam::wait(l, -1h);
        EXPECT_TRUE(waited.has_value());
        latch one(1);
        const result<void> arrived = co_await TypeParam::arrive_and_wait(one, 1, -1h);
        EXPECT_TRUE(arrived.has_value());
    });
}

WEFT_TEST_BY_CALLER(LatchConformance, CountsDownToZero) {
    latch l(5);
    std::atomic<bool> last = false;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(this->start([&]() -> task<> {
            co_await TypeParam::wait(l);
            EXPECT_TRUE(last);
            EXPECT_TRUE(l.try_wait());
        }));
    }
    until_all_wait();
    EXPECT_FALSE(l.try_wait());
    l.count_down(0);
    l.count_down();
    l.count_down(3);
    until_all_wait();
    EXPECT_FALSE(l.try_wait());
    last = true;
    l.count_down();
    EXPECT_TRUE(l.try_wait());
    all.clear();
    l.count_down(0);
}

WEFT_TEST_BY_CALLER(LatchConformance, ArriveAndWaitIsBoth) {
    for (int round = 0; round < 30; ++round) {
        constexpr int parts = 6;
        latch l(parts);
        std::atomic<int> arrived = 0;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < parts; ++i) {
            all.push_back(this->start([&]() -> task<> {
                ++arrived;
                co_await TypeParam::arrive_and_wait(l);
                EXPECT_EQ(arrived, parts);
            }));
        }
    }
}

WEFT_TEST_BY_CALLER(LatchConformance, WhatWasDoneBeforeIsSeen) {
    latch l(2);
    int one = 0;
    int two = 0;
    auto a = this->start([&]() -> task<> {
        one = 1;
        l.count_down();
        co_return;
    });
    auto b = this->start([&]() -> task<> {
        two = 2;
        l.count_down();
        co_return;
    });
    this->act([&]() -> task<> {
        co_await TypeParam::wait(l);
        EXPECT_EQ(one + two, 3);
    });
}

WEFT_TEST_BY_CALLER(LatchConformance, TimesOutNeverEarlyAndCountsAllTheSame) {
    latch l(2);
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::wait(l, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
        const result<void> arrived = co_await TypeParam::arrive_and_wait(l, 1, -1h);
        expect_timed_out(arrived.error());
    });
    EXPECT_FALSE(l.try_wait());
    l.count_down();
    EXPECT_TRUE(l.try_wait()) << "the arrival whose wait timed out counts";
}

WEFT_TEST_BY_CALLER(LatchConformance, AStopEndsTheWaitOnly) {
    latch l(2);
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const result<void> arrived = co_await TypeParam::arrive_and_wait(l, 1, testing::safety_net);
        expect_cancelled(arrived.error());
        const result<void> before = co_await TypeParam::wait(l, deadline::never());
        expect_cancelled(before.error());
    });
    auto other = this->start([&]() -> task<> {
        co_await TypeParam::wait(l);
        EXPECT_TRUE(l.try_wait());
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    EXPECT_FALSE(l.try_wait());
    l.count_down();
    other.join();
}

WEFT_TEST_BY_CALLER(LatchConformance, MayBeDestroyedByTheWaiter) {
    for (int i = 0; i < 200; ++i) {
        auto l = std::make_unique<latch>(2);
        auto waiter = this->start([here = l.get(), &l, i]() -> task<> {
            if (i % 2 == 0) {
                co_await TypeParam::wait(*here);
            } else {
                const result<void> waited = co_await TypeParam::wait(*here, testing::safety_net);
                EXPECT_TRUE(waited.has_value());
            }
            l.reset();
        });
        latch* const here = l.get();
        here->count_down();
        here->count_down();
        waiter.join();
    }
}

class LatchDeathTest : public ::testing::Test {
protected:
    LatchDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(LatchDeathTest, CountingDownBelowZero) {
    EXPECT_DEATH(
        {
            latch l(1);
            l.count_down(2);
        },
        "more than is left");
    EXPECT_DEATH(
        {
            latch l(0);
            l.count_down();
        },
        "more than is left");
}

TEST_F(LatchDeathTest, CountingDownByANegativeNumber) {
    EXPECT_DEATH(
        {
            latch l(1);
            l.count_down(-1);
        },
        "negative number");
}

}  // namespace
}  // namespace weft
