// SPDX-License-Identifier: Apache-2.0
//
// weft::counting_semaphore against what std::counting_semaphore does, and its acquire(deadline).
#include <weft/semaphore.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <type_traits>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(!std::is_default_constructible_v<counting_semaphore<>>);
static_assert(!std::is_convertible_v<std::ptrdiff_t, counting_semaphore<>>);
static_assert(!std::is_copy_constructible_v<binary_semaphore>);
static_assert(!std::is_copy_assignable_v<binary_semaphore>);
static_assert(counting_semaphore<5>::max() >= 5);
static_assert(binary_semaphore::max() >= 1);
static_assert(counting_semaphore<>::max() >= 1'000'000);

WEFT_TEST_BY_CALLER(SemaphoreConformance, AcquireTakesWhatIsThere) {
    counting_semaphore<> s(3);
    this->act([&]() -> task<> {
        co_await TypeParam::acquire(s);
        co_await TypeParam::acquire(s);
        EXPECT_TRUE(s.try_acquire());
        EXPECT_FALSE(s.try_acquire());
        s.release(2);
        co_await TypeParam::acquire(s);
        co_await TypeParam::acquire(s);
        EXPECT_FALSE(s.try_acquire());
    });
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, AcquireWaitsForARelease) {
    binary_semaphore s(0);
    std::atomic<bool> released = false;
    auto waiter = this->start([&]() -> task<> {
        co_await TypeParam::acquire(s);
        EXPECT_TRUE(released);
    });
    until_all_wait();
    released = true;
    s.release();
    waiter.join();
    EXPECT_FALSE(s.try_acquire());
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, ReleaseOfNIsForNWaiters) {
    counting_semaphore<10> s(0);
    std::atomic<int> got = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(this->start([&]() -> task<> {
            co_await TypeParam::acquire(s);
            ++got;
        }));
    }
    until_all_wait();
    s.release(0);
    until_all_wait();
    EXPECT_EQ(got, 0);
    s.release(3);
    EXPECT_TRUE(testing::eventually([&] { return got == 3; }));
    until_all_wait();
    EXPECT_EQ(got, 3);
    s.release();
    all.clear();
    EXPECT_EQ(got, 4);
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, ReleaseComesBeforeTheAcquireThatGetsIt) {
    binary_semaphore s(0);
    int plain = 0;
    auto other = this->start([&]() -> task<> {
        co_await TypeParam::acquire(s);
        EXPECT_EQ(plain, 1);
    });
    plain = 1;
    s.release();
    other.join();
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, WithADeadlineWhatNeedNotWaitSucceeds) {
    counting_semaphore<> s(3);
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        const result<void> past = co_await TypeParam::acquire(s, -1h);
        EXPECT_TRUE(past.has_value());
        const result<void> never = co_await TypeParam::acquire(s, deadline::never());
        EXPECT_TRUE(never.has_value());
        const bool tried = co_await TypeParam::try_acquire_until(s, clock::time_point::min());
        EXPECT_TRUE(tried);
        EXPECT_FALSE(s.try_acquire());
    });
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, TimesOutNeverEarly) {
    binary_semaphore s(0);
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::acquire(s, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
        const auto when = clock::now() + 2ms;
        const bool tried = co_await TypeParam::try_acquire_until(s, when);
        EXPECT_GE(clock::now(), when);
        EXPECT_FALSE(tried);
        const result<void> past = co_await TypeParam::acquire(s, clock::time_point::min());
        expect_timed_out(past.error());
    });
    s.release();
    EXPECT_TRUE(s.try_acquire());
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, TheDeadlineOfAScopeCounts) {
    binary_semaphore s(0);
    this->act_within({}, clock::now() + 1ms, [&]() -> task<> {
        const result<void> late = co_await TypeParam::acquire(s, testing::safety_net);
        expect_timed_out(late.error());
        const auto later = clock::now() + testing::safety_net;
        const bool tried = co_await TypeParam::try_acquire_until(s, later);
        EXPECT_FALSE(tried);
        EXPECT_LT(clock::now(), later);
    });
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, AStopEndsTheWait) {
    binary_semaphore s(0);
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const result<void> cancelled = co_await TypeParam::acquire(s, testing::safety_net);
        expect_cancelled(cancelled.error());
        const result<void> before = co_await TypeParam::acquire(s, deadline::never());
        expect_cancelled(before.error());
        const auto later = clock::now() + testing::safety_net;
        const bool tried = co_await TypeParam::try_acquire_until(s, later);
        EXPECT_FALSE(tried);
        EXPECT_LT(clock::now(), later);
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    s.release();
    EXPECT_TRUE(s.try_acquire());
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, AStopDoesNotEndAPlainAcquire) {
    binary_semaphore s(0);
    std::stop_source stop;
    std::atomic<bool> released = false;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        co_await TypeParam::acquire(s);
        EXPECT_TRUE(released);
    });
    until_all_wait();
    stop.request_stop();
    until_all_wait();
    released = true;
    s.release();
    waiter.join();
}

WEFT_TEST_BY_CALLER(SemaphoreConformance, TokensAreConservedUnderStopsAndDeadlines) {
    constexpr int tokens = 3;
    counting_semaphore<> s(tokens);
    std::atomic<int> inside = 0;
    for (int round = 0; round < 20; ++round) {
        std::stop_source stop;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start_within(stop, [&, i]() -> task<> {
                for (int n = 0; n < 20; ++n) {
                    const deadline until =
                        n % 2 == 0 ? deadline::never() : deadline(testing::timeout_of(i, n));
                    const result<void> taken = co_await TypeParam::acquire(s, until);
                    if (taken) {
                        EXPECT_LE(++inside, tokens);
                        co_await TypeParam::yield();
                        --inside;
                        s.release();
                    }
                }
            }));
        }
        std::this_thread::yield();
        stop.request_stop();
    }
    for (int i = 0; i < tokens; ++i) {
        EXPECT_TRUE(s.try_acquire()) << "token " << i << " was lost";
    }
    EXPECT_FALSE(s.try_acquire()) << "a token too many";
}

WEFT_TEST_BY_BLOCKING_CALLER(SemaphoreBlocking, TimedForms) {
    counting_semaphore<> s(1);
    this->act([&]() -> task<> {
        EXPECT_TRUE(s.try_acquire_for(-1h));
        const auto start = clock::now();
        EXPECT_FALSE(s.try_acquire_for(1ms));
        EXPECT_FALSE(s.try_acquire_until(clock::now() + 1ms));
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::now() + 1ms));
        EXPECT_FALSE(s.try_acquire_until(std::chrono::system_clock::time_point::min()));
        s.release();
        EXPECT_TRUE(s.try_acquire_until(std::chrono::system_clock::now() + 1h));
        co_return;
    });
}

class SemaphoreDeathTest : public ::testing::Test {
protected:
    SemaphoreDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(SemaphoreDeathTest, ReleaseBeyondTheMaximum) {
    EXPECT_DEATH(
        {
            counting_semaphore<2> s(1);
            s.release(2);
        },
        "beyond the maximum");
}

TEST_F(SemaphoreDeathTest, ReleaseOfANegativeNumber) {
    EXPECT_DEATH(
        {
            counting_semaphore<2> s(1);
            s.release(-1);
        },
        "negative number");
}

}  // namespace
}  // namespace weft
