// SPDX-License-Identifier: Apache-2.0
//
// weft::recursive_mutex and recursive_timed_mutex against the standard ones, and for tasks.
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

static_assert(std::is_nothrow_default_constructible_v<recursive_mutex>);
static_assert(!std::is_copy_constructible_v<recursive_mutex>);
static_assert(!std::is_copy_assignable_v<recursive_timed_mutex>);

constinit recursive_mutex constant_recursive_mutex;

/// The main thread of the tests; false: somebody else has it.
template <class Mutex>
bool is_free(Mutex& m) {
    if (!m.try_lock()) {
        return false;
    }
    m.unlock();
    return true;
}

WEFT_TEST_BY_CALLER(RecursiveMutexConformance, ItsOwnerLocksItAgain) {
    recursive_mutex& m = constant_recursive_mutex;
    std::atomic<int> step = 0;
    auto owner = this->start([&]() -> task<> {
        auto first = co_await TypeParam::lock(m);
        auto second = co_await TypeParam::lock(m);
        {
            const auto third = co_await TypeParam::lock(m, -1h);
            EXPECT_TRUE(third.has_value());
        }
        step = 1;
        while (step == 1) {
            co_await TypeParam::yield();
        }
        second.unlock();
        step = 3;
        while (step == 3) {
            co_await TypeParam::yield();
        }
    });
    EXPECT_TRUE(testing::eventually([&] { return step == 1; }));
    EXPECT_FALSE(is_free(m));
    step = 2;
    EXPECT_TRUE(testing::eventually([&] { return step == 3; }));
    EXPECT_FALSE(is_free(m)) << "it was locked once more than it was unlocked";
    step = 4;
    owner.join();
    EXPECT_TRUE(is_free(m));
}

WEFT_TEST_BY_CALLER(RecursiveMutexConformance, OthersWait) {
    recursive_mutex m;
    std::atomic<bool> unlocked = false;
    m.lock();
    m.lock();
    auto waiter = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(unlocked);
        const auto again = co_await TypeParam::lock(m);
        EXPECT_TRUE(again.owns_lock());
    });
    until_all_wait();
    m.unlock();
    until_all_wait();
    unlocked = true;
    m.unlock();
    waiter.join();
}

WEFT_TEST_BY_CALLER(RecursiveMutexConformance, WithDeadlinesAndStops) {
    recursive_timed_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const auto late = co_await TypeParam::lock(m, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
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
    this->act_within(testing::stopped(), {}, [&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m, -1h);
        EXPECT_TRUE(lock.has_value());
        const auto again = co_await TypeParam::lock(m, -1h);
        EXPECT_TRUE(again.has_value());
    });
    EXPECT_TRUE(is_free(m));
}

WEFT_TEST_BY_CALLER(RecursiveMutexConformance, OwnersAreOrdered) {
    recursive_mutex m;
    long plain = 0;
    {
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(this->start([&]() -> task<> {
                for (int n = 0; n < 200; ++n) {
                    const auto outer = co_await TypeParam::lock(m);
                    ++plain;
                    if (n % 8 == 0) {
                        co_await TypeParam::yield();
                    }
                    const auto inner = co_await TypeParam::lock(m);
                    ++plain;
                }
            }));
        }
    }
    EXPECT_EQ(plain, 5 * 200 * 2);
}

WEFT_TEST_BY_BLOCKING_CALLER(RecursiveMutexBlocking, TryLockByTheOwnerAndByOthers) {
    recursive_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        EXPECT_FALSE(m.try_lock());
        co_return;
    });
    m.unlock();
    this->act([&]() -> task<> {
        for (int depth = 0; depth < 3; ++depth) {
            const bool locked = m.try_lock();
            EXPECT_TRUE(locked);
        }
        this_fiber::yield();
        for (int depth = 0; depth < 3; ++depth) {
            m.unlock();
        }
        co_return;
    });
    EXPECT_TRUE(is_free(m));
}

WEFT_TEST_BY_BLOCKING_CALLER(RecursiveMutexBlocking, TimedForms) {
    recursive_timed_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        EXPECT_FALSE(m.try_lock_for(2ms));
        EXPECT_FALSE(m.try_lock_until(start + 3ms));
        EXPECT_GE(clock::now() - start, 3ms);
        co_return;
    });
    std::stop_source stop;
    auto other = this->start_within(stop, [&]() -> task<> {
        EXPECT_FALSE(m.try_lock_for(testing::safety_net)) << "until the stop";
        co_return;
    });
    until_all_wait();
    stop.request_stop();
    other.join();
    EXPECT_TRUE(m.try_lock_for(-1h));
    EXPECT_TRUE(m.try_lock_until(clock::now() + 1h));
    m.unlock();
    m.unlock();
    m.unlock();
    EXPECT_TRUE(is_free(m));
}

WEFT_TEST_BY_BLOCKING_CALLER(RecursiveMutexBlocking, WorksWithTheStandardGuards) {
    recursive_timed_mutex a;
    recursive_mutex b;
    this->act([&]() -> task<> {
        const std::scoped_lock both(a, b);
        const std::scoped_lock both_again(b, a);
        const std::lock_guard guard(b);
        const std::unique_lock timed(a, 1ms);
        EXPECT_TRUE(timed.owns_lock());
        co_return;
    });
    EXPECT_TRUE(is_free(a));
    EXPECT_TRUE(is_free(b));
}

task<int> descends(recursive_mutex& m, int depth) {
    const auto lock = co_await co::lock(m);
    co_await co::yield();
    if (depth == 0) {
        co_return 0;
    }
    const int below = co_await descends(m, depth - 1);
    co_return below + 1;
}

TEST(RecursiveMutex, BelongsToATaskWithAllThatItAwaits) {
    runtime home({.workers = 2});
    recursive_mutex m;
    auto one = home.spawn(descends(m, 20));
    auto two = home.spawn(descends(m, 20));
    EXPECT_EQ(one.join(), 20);
    EXPECT_EQ(two.join(), 20);
    EXPECT_TRUE(is_free(m));
}

task<> holds_while_another_task_tries(recursive_mutex& m) {
    const auto lock = co_await co::lock(m);
    auto other = spawn([](recursive_mutex& same) -> task<> {
        const auto late = co_await co::lock(same, 1ms);
        expect_timed_out(late.error());
    }(m));
    co_await other;
}

TEST(RecursiveMutex, ASpawnedTaskIsAnotherOwner) {
    recursive_mutex m;
    runtime home({.workers = 1});
    home.spawn(holds_while_another_task_tries(m)).join();
    EXPECT_TRUE(is_free(m));
}

TEST(RecursiveMutexDeathTest, UnlockingWhatIsNotLocked) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            recursive_mutex m;
            m.unlock();
        },
        "not locked");
}

TEST(RecursiveMutexDeathTest, UnlockingByAStranger) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run({.workers = 1},
                     [] {
                         recursive_mutex m;
                         m.lock();
                         spawn([&] { m.unlock(); }).join();
                     }),
                 "somebody else has locked");
}

TEST(RecursiveMutexDeathTest, UnlockingMoreOftenThanLocking) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            recursive_mutex m;
            m.lock();
            m.lock();
            m.unlock();
            m.unlock();
            m.unlock();
        },
        "not locked");
}

}  // namespace
}  // namespace weft
