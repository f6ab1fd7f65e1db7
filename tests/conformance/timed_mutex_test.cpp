// SPDX-License-Identifier: Apache-2.0
//
// weft::timed_mutex against what std::timed_mutex does, and its waits under a stop.
#include <weft/mutex.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <type_traits>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(std::is_nothrow_default_constructible_v<timed_mutex>);
static_assert(!std::is_copy_constructible_v<timed_mutex> &&
              !std::is_copy_assignable_v<timed_mutex>);

constinit timed_mutex constant_timed_mutex;

WEFT_TEST_BY_CALLER(TimedMutexConformance, LocksAndExcludes) {
    timed_mutex& m = constant_timed_mutex;
    this->act([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_EQ(lock.mutex(), &m);
        EXPECT_FALSE(m.try_lock());
    });
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(TimedMutexConformance, WaitsWithADeadline) {
    timed_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto late = co_await TypeParam::lock(m, 1ms);
        expect_timed_out(late.error());
    });
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const auto cancelled = co_await TypeParam::lock(m, testing::safety_net);
        expect_cancelled(cancelled.error());
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    m.unlock();
    this->act([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m, -1h);
        EXPECT_TRUE(lock.has_value());
    });
}

// What follows blocks: for fibers and plain threads.

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, TryLockForGetsAFreeOneWhateverTheTime) {
    timed_mutex m;
    this->act([&]() -> task<> {
        for (const auto timeout : {0ms, -5ms, 5ms}) {
            const bool locked = m.try_lock_for(timeout);
            EXPECT_TRUE(locked);
            m.unlock();
        }
        const bool past = m.try_lock_until(clock::now() - 1h);
        EXPECT_TRUE(past);
        m.unlock();
        const bool of_the_wall_clock = m.try_lock_until(std::chrono::system_clock::now() + 1h);
        EXPECT_TRUE(of_the_wall_clock);
        m.unlock();
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, TryLockForWaitsNoLess) {
    timed_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        EXPECT_FALSE(m.try_lock_for(2ms));
        EXPECT_GE(clock::now() - start, 2ms);
        const auto when = clock::now() + 2ms;
        EXPECT_FALSE(m.try_lock_until(when));
        EXPECT_GE(clock::now(), when);
        const auto on_the_wall = std::chrono::system_clock::now() + 2ms;
        const auto began = clock::now();
        EXPECT_FALSE(m.try_lock_until(on_the_wall));
        EXPECT_GE(clock::now() - began, 1ms);
        EXPECT_FALSE(m.try_lock_for(0s));
        EXPECT_FALSE(m.try_lock_for(-1h));
        EXPECT_FALSE(m.try_lock_until(clock::time_point::min()));
        EXPECT_FALSE(m.try_lock_until(std::chrono::system_clock::time_point::min()));
        EXPECT_FALSE(m.try_lock_for(std::chrono::duration<double>(1e-4)));
        co_return;
    });
    m.unlock();
}

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, TryLockForGetsWhatIsUnlockedInTime) {
    timed_mutex m;
    m.lock();
    auto waiter = this->start([&]() -> task<> {
        const std::unique_lock by_duration(m, testing::safety_net);
        EXPECT_TRUE(by_duration.owns_lock());
        co_return;
    });
    until_all_wait();
    m.unlock();
    waiter.join();
    m.lock();
    auto other = this->start([&]() -> task<> {
        const std::unique_lock by_time(m, clock::now() + testing::safety_net);
        EXPECT_TRUE(by_time.owns_lock());
        co_return;
    });
    until_all_wait();
    m.unlock();
    other.join();
}

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, TheEndOfTimeIsNever) {
    timed_mutex m;
    m.lock();
    auto waiter = this->start([&]() -> task<> {
        const bool first = m.try_lock_for(std::chrono::hours::max());
        EXPECT_TRUE(first);
        m.unlock();
        const bool second = m.try_lock_until(clock::time_point::max());
        EXPECT_TRUE(second);
        m.unlock();
        co_return;
    });
    until_all_wait();
    m.unlock();
    waiter.join();
}

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, AStopEndsTheWait) {
    timed_mutex m;
    m.lock();
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        EXPECT_FALSE(m.try_lock_for(testing::safety_net));
        EXPECT_FALSE(m.try_lock_until(clock::now() + testing::safety_net));
        co_return;
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_BLOCKING_CALLER(TimedMutexBlocking, ManyWithShortTimeouts) {
    timed_mutex m;
    long plain = 0;
    {
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start([&, i]() -> task<> {
                for (int n = 0; n < 300; ++n) {
                    if (m.try_lock_for(testing::timeout_of(i, n))) {
                        ++plain;
                        if (n % 5 == 0) {
                            this_fiber::yield();
                        }
                        m.unlock();
                    }
                }
                co_return;
            }));
        }
    }
    EXPECT_GT(plain, 0);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

}  // namespace
}  // namespace weft
