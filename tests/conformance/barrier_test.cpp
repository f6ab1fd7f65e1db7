// SPDX-License-Identifier: Apache-2.0
//
// weft::barrier against what std::barrier does, and its waits with a deadline and under stops.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

#include <weft/latch.h>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(!std::is_default_constructible_v<barrier<>>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, barrier<>>);
static_assert(!std::is_copy_constructible_v<barrier<>> && !std::is_copy_assignable_v<barrier<>>);
static_assert(std::is_move_constructible_v<barrier<>::arrival_token>);
static_assert(!std::is_copy_constructible_v<barrier<>::arrival_token>);
static_assert(barrier<>::max() >= 1'000'000'000);

constinit barrier<> constant_barrier(1);

WEFT_TEST_BY_CALLER(BarrierConformance, OfOneNeverWaits) {
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        for (int i = 0; i < 5; ++i) {
            co_await TypeParam::arrive_and_wait(constant_barrier);
            const result<void> waited =
                co_await TypeParam::arrive_and_wait(constant_barrier, deadline(-1h));
            EXPECT_TRUE(waited.has_value());
        }
    });
}

WEFT_TEST_BY_CALLER(BarrierConformance, PhasesGoInStep) {
    constexpr int members = 5;
    constexpr int phases = 40;
    std::atomic<int> completed = 0;
    std::atomic<int> arrived = 0;
    auto complete = [&]() noexcept {
        EXPECT_EQ(arrived, members * (completed + 1)) << "not all have arrived";
        ++completed;
    };
    barrier b(members, complete);
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < members; ++i) {
        all.push_back(this->start([&, i]() -> task<> {
            for (int phase = 0; phase < phases; ++phase) {
                EXPECT_EQ(completed, phase);
                ++arrived;
                if ((i + phase) % 3 == 0) {
                    co_await TypeParam::yield();
                }
                if ((i + phase) % 2 == 0) {
                    co_await TypeParam::arrive_and_wait(b);
                } else {
                    auto token = b.arrive();
                    co_await TypeParam::wait_for(b, std::move(token));
                }
                EXPECT_EQ(completed, phase + 1) << "the completion comes before whoever waits";
            }
        }));
    }
    all.clear();
    EXPECT_EQ(completed, phases) << "once for each phase";
}

WEFT_TEST_BY_CALLER(BarrierConformance, ArriveDoesNotWait) {
    int completed = 0;
    auto complete = [&]() noexcept { ++completed; };
    barrier b(3, complete);
    this->act([&]() -> task<> {
        auto one = b.arrive();
        auto two = b.arrive(2);
        EXPECT_EQ(completed, 1);
        co_await TypeParam::wait_for(b, std::move(one));
        auto next = b.arrive(3);
        EXPECT_EQ(completed, 2);
        co_await TypeParam::wait_for(b, std::move(next));
        co_await TypeParam::wait_for(b, std::move(two));
    });
}

WEFT_TEST_BY_CALLER(BarrierConformance, WaitWaitsForTheRest) {
    barrier b(2);
    std::atomic<bool> second = false;
    auto waiter = this->start([&]() -> task<> {
        co_await TypeParam::arrive_and_wait(b);
        EXPECT_TRUE(second);
    });
    until_all_wait();
    second = true;
    static_cast<void>(b.arrive());
    waiter.join();
}

WEFT_TEST_BY_CALLER(BarrierConformance, WhoDropsIsExpectedNoMore) {
    std::atomic<int> completed = 0;
    auto complete = [&]() noexcept { ++completed; };
    barrier b(4, complete);
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(this->start([&, i]() -> task<> {
            for (int phase = 0; phase < i; ++phase) {
                co_await TypeParam::arrive_and_wait(b);
            }
            b.arrive_and_drop();
        }));
    }
    all.clear();
    EXPECT_EQ(completed, 4) << "with four, three, two and one";
}

WEFT_TEST_BY_CALLER(BarrierConformance, TheLastDropCompletesThePhase) {
    int completed = 0;
    auto complete = [&]() noexcept { ++completed; };
    barrier b(2, complete);
    auto waiter = this->start([&]() -> task<> {
        co_await TypeParam::arrive_and_wait(b);
        EXPECT_EQ(completed, 1);
        co_await TypeParam::arrive_and_wait(b);
        EXPECT_EQ(completed, 2) << "alone now";
    });
    until_all_wait();
    b.arrive_and_drop();
    waiter.join();
}

WEFT_TEST_BY_CALLER(BarrierConformance, WhatWasDoneBeforeIsSeenAfter) {
    constexpr int members = 4;
    std::vector<int> values(members);
    int sum = 0;
    auto add = [&]() noexcept {
        sum = 0;
        for (const int v : values) {
            sum += v;
        }
    };
    barrier b(members, add);
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < members; ++i) {
        all.push_back(this->start([&, i]() -> task<> {
            for (int round = 1; round <= 30; ++round) {
                values[static_cast<std::size_t>(i)] = round;
                co_await TypeParam::arrive_and_wait(b);
                EXPECT_EQ(sum, round * members);
                co_await TypeParam::arrive_and_wait(b);
            }
        }));
    }
}

WEFT_TEST_BY_CALLER(BarrierConformance, WhoTimesOutHasArrived) {
    std::atomic<int> completed = 0;
    auto complete = [&]() noexcept { ++completed; };
    barrier b(2, complete);
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::arrive_and_wait(b, deadline(2ms));
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
    });
    EXPECT_EQ(completed, 0);
    static_cast<void>(b.arrive());
    EXPECT_EQ(completed, 1) << "the other one alone completes the phase";
}

WEFT_TEST_BY_CALLER(BarrierConformance, ATokenCanBeWaitedForAgainAfterAFailure) {
    barrier b(2);
    std::stop_source stop;
    std::atomic<bool> stopped_once = false;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        auto token = b.arrive();
        const result<void> late = co_await TypeParam::wait_for(b, std::move(token), -1h);
        expect_timed_out(late.error());
        const result<void> cancelled =
            co_await TypeParam::wait_for(b, std::move(token), testing::safety_net);
        expect_cancelled(cancelled.error());
        stopped_once = true;
        co_await TypeParam::wait_for(b, std::move(token));
    });
    until_all_wait();
    stop.request_stop();
    EXPECT_TRUE(testing::eventually([&] { return stopped_once.load(); }));
    until_all_wait();
    static_cast<void>(b.arrive());
    waiter.join();
}

WEFT_TEST_BY_CALLER(BarrierConformance, AStopEndsTheWaitOfSomeAndNotOfOthers) {
    for (int round = 0; round < 30; ++round) {
        constexpr int members = 5;
        std::atomic<int> completed = 0;
        auto complete = [&]() noexcept { ++completed; };
        barrier b(members, complete);
        std::stop_source stop;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < members - 1; ++i) {
            if (i % 2 == 0) {
                all.push_back(this->start([&]() -> task<> {
                    co_await TypeParam::arrive_and_wait(b);
                    EXPECT_EQ(completed, 1);
                }));
            } else {
                all.push_back(this->start_within(stop, [&]() -> task<> {
                    const result<void> waited =
                        co_await TypeParam::arrive_and_wait(b, deadline(testing::safety_net));
                    EXPECT_TRUE(waited || waited.error() == std::errc::operation_canceled);
                }));
            }
        }
        std::this_thread::yield();
        stop.request_stop();
        static_cast<void>(b.arrive());
        all.clear();
        EXPECT_EQ(completed, 1);
    }
}

WEFT_TEST_BY_CALLER(BarrierConformance, MayBeDestroyedByTheWaiter) {
    for (int i = 0; i < 200; ++i) {
        auto b = std::make_unique<barrier<>>(2);
        auto waiter = this->start([here = b.get(), &b]() -> task<> {
            co_await TypeParam::arrive_and_wait(*here);
            b.reset();
        });
        static_cast<void>(b.get()->arrive());
        waiter.join();
    }
}

struct move_only_completion {
    std::unique_ptr<int> calls = std::make_unique<int>(0);
    int* total;
    void operator()() noexcept { *total = ++*calls; }
};

TEST(Barrier, TakesACompletionThatMoves) {
    int total = 0;
    barrier b(1, move_only_completion{.total = &total});
    b.arrive_and_wait();
    b.arrive_and_wait();
    EXPECT_EQ(total, 2);
    barrier<void (*)() noexcept> with_function(1, []() noexcept {});
    with_function.arrive_and_wait();
}

class BarrierDeathTest : public ::testing::Test {
protected:
    BarrierDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(BarrierDeathTest, MoreArriveThanAreExpected) {
    EXPECT_DEATH(
        {
            barrier b(2);
            static_cast<void>(b.arrive(3));
        },
        "more arrive");
}

TEST_F(BarrierDeathTest, NobodyArrives) {
    EXPECT_DEATH(
        {
            barrier b(2);
            static_cast<void>(b.arrive(0));
        },
        "arrive\\(\\) of nobody");
}

TEST_F(BarrierDeathTest, MoreDropThanAreExpected) {
    EXPECT_DEATH(
        {
            barrier b(1);
            b.arrive_and_drop();
            b.arrive_and_drop();
        },
        "more leave");
}

}  // namespace
}  // namespace weft
