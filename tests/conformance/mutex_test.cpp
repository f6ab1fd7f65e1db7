// SPDX-License-Identifier: Apache-2.0
//
// weft::mutex against what std::mutex does, and its lock(deadline).
#include <weft/mutex.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(std::is_nothrow_default_constructible_v<mutex>);
static_assert(!std::is_copy_constructible_v<mutex> && !std::is_move_constructible_v<mutex>);
static_assert(!std::is_copy_assignable_v<mutex> && !std::is_move_assignable_v<mutex>);
static_assert(std::is_void_v<decltype(std::declval<mutex&>().lock())>);
static_assert(std::is_same_v<bool, decltype(std::declval<mutex&>().try_lock())>);
static_assert(sizeof(mutex) == 32, "lock(deadline) has its price in the slow path alone");

constinit mutex constant_mutex;

WEFT_TEST_BY_CALLER(MutexConformance, IsUnlockedAtFirst) {
    this->act([]() -> task<> {
        const auto lock = co_await TypeParam::lock(constant_mutex);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(constant_mutex.try_lock());
    });
    EXPECT_TRUE(constant_mutex.try_lock());
    constant_mutex.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, LockWaitsForTheUnlock) {
    mutex m;
    std::atomic<bool> unlocked = false;
    m.lock();
    auto waiter = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(unlocked);
    });
    until_all_wait();
    unlocked = true;
    m.unlock();
    waiter.join();
}

WEFT_TEST_BY_CALLER(MutexConformance, TryLockDoesNotWait) {
    mutex m;
    m.lock();
    this->act([&]() -> task<> {
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(m.try_lock());
        co_return;
    });
    m.unlock();
    this->act([&]() -> task<> {
        const bool locked = m.try_lock();
        EXPECT_TRUE(locked);
        m.unlock();
        co_return;
    });
}

WEFT_TEST_BY_CALLER(MutexConformance, OwnersAreOrdered) {
    mutex m;
    long plain = 0;  // a data race if they are not
    {
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start([&]() -> task<> {
                for (int n = 0; n < 300; ++n) {
                    const auto lock = co_await TypeParam::lock(m);
                    ++plain;
                    if (n % 16 == 0) {
                        co_await TypeParam::yield();
                    }
                }
            }));
        }
    }
    EXPECT_EQ(plain, 6 * 300);
}

WEFT_TEST_BY_CALLER(MutexConformance, StdLockTakesSeveralInAnyOrder) {
    if constexpr (!TypeParam::is_coroutine) {  // it blocks
        std::array<mutex, 3> m;
        long count = 0;
        {
            std::vector<typename TypeParam::actor> all;
            for (unsigned i = 0; i < 3; ++i) {
                all.push_back(this->start([&, i]() -> task<> {
                    for (int n = 0; n < 200; ++n) {
                        mutex& a = m[i];
                        mutex& b = m[(i + 1) % 3];
                        mutex& c = m[(i + 2) % 3];
                        if (n % 2 == 0) {
                            std::lock(a, b, c);
                            ++count;
                            a.unlock();
                            b.unlock();
                            c.unlock();
                        } else {
                            const std::scoped_lock all_three(c, a, b);
                            ++count;
                        }
                    }
                    co_return;
                }));
            }
        }
        EXPECT_EQ(count, 3 * 200);
    }
}

WEFT_TEST_BY_CALLER(MutexConformance, StdTryLockSaysWhichFailed) {
    mutex a;
    mutex b;
    mutex c;
    EXPECT_EQ(std::try_lock(a, b, c), -1);
    a.unlock();
    b.unlock();
    c.unlock();
    auto holder = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(b);
        co_await TypeParam::yield();
        EXPECT_FALSE(b.try_lock());
    });
    holder.join();
    b.lock();
    EXPECT_EQ(std::try_lock(a, b, c), 1);
    EXPECT_EQ(std::try_lock(b, a), 0);
    b.unlock();
    EXPECT_EQ(std::try_lock(a, b, c), -1) << "what was taken before the failure was given back";
    a.unlock();
    b.unlock();
    c.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, WithADeadlineWhatNeedNotWaitSucceeds) {
    mutex m;
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        for (const deadline until : {deadline(-1h), deadline(1h), deadline::never()}) {
            const auto lock = co_await TypeParam::lock(m, until);
            EXPECT_TRUE(lock.has_value() && lock->owns_lock());
            EXPECT_FALSE(m.try_lock());
        }
        EXPECT_TRUE(m.try_lock());
        m.unlock();
    });
}

WEFT_TEST_BY_CALLER(MutexConformance, TimesOutNeverEarly) {
    mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const auto late = co_await TypeParam::lock(m, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
        const auto past = co_await TypeParam::lock(m, -1h);
        expect_timed_out(past.error());
        const auto long_past = co_await TypeParam::lock(m, clock::time_point::min());
        expect_timed_out(long_past.error());
    });
    m.unlock();
    EXPECT_TRUE(m.try_lock()) << "those that gave up have left nothing";
    m.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, TheDeadlineOfAScopeCounts) {
    mutex m;
    m.lock();
    this->act_within({}, clock::now() + 1ms, [&]() -> task<> {
        const auto late = co_await TypeParam::lock(m, testing::safety_net);
        expect_timed_out(late.error());
    });
    m.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, AStopEndsTheWait) {
    mutex m;
    m.lock();
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const auto cancelled = co_await TypeParam::lock(m, testing::safety_net);
        expect_cancelled(cancelled.error());
        const auto again = co_await TypeParam::lock(m, deadline::never());
        expect_cancelled(again.error());
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, AStopDoesNotEndAPlainLock) {
    mutex m;
    m.lock();
    std::stop_source stop;
    std::atomic<bool> unlocked = false;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(unlocked);
    });
    until_all_wait();
    stop.request_stop();
    until_all_wait();
    unlocked = true;
    m.unlock();
    waiter.join();
}

WEFT_TEST_BY_CALLER(MutexConformance, IsHandedToAWaiterWithADeadline) {
    mutex m;
    m.lock();
    auto waiter = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m, testing::safety_net);
        EXPECT_TRUE(lock.has_value());
    });
    until_all_wait();
    m.unlock();
    waiter.join();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, OneThatGaveUpIsPassedOver) {
    mutex m;
    m.lock();
    std::stop_source stop;
    auto first = this->start_within(stop, [&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m, testing::safety_net);
        EXPECT_FALSE(lock.has_value());
    });
    until_all_wait();
    auto second = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(lock.owns_lock());
    });
    until_all_wait();
    stop.request_stop();
    first.join();
    m.unlock();
    second.join();
}

/// Takes the mutex often, mostly with deadlines at about the time at which it gets free.
template <class Caller>
task<> takes_or_gives_up(mutex& m, long& plain, int who) {
    for (int n = 0; n < 250; ++n) {
        if (n % 8 == 0) {
            const auto lock = co_await Caller::lock(m);
            ++plain;
            co_await Caller::yield();
        } else {
            const auto lock = co_await Caller::lock(m, testing::timeout_of(who, n));
            if (lock) {
                ++plain;
                if (n % 3 == 0) {
                    co_await Caller::yield();
                }
            } else {
                expect_timed_out(lock.error());
            }
        }
    }
}

WEFT_TEST_BY_CALLER(MutexConformance, NothingIsLostUnderDeadlines) {
    mutex m;
    long plain = 0;
    {
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(
                this->start([&, i] { return takes_or_gives_up<TypeParam>(m, plain, i); }));
        }
    }
    EXPECT_GE(plain, 6 * 32);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(MutexConformance, NothingIsLostUnderStops) {
    mutex m;
    long plain = 0;
    for (int round = 0; round < 30; ++round) {
        std::vector<typename TypeParam::actor> all;
        std::stop_source stop;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start_within(stop, [&, i]() -> task<> {
                for (int n = 0; n < 20; ++n) {
                    if (i % 2 == 0) {
                        const auto lock = co_await TypeParam::lock(m);
                        ++plain;
                        co_await TypeParam::yield();
                    } else {
                        const auto lock = co_await TypeParam::lock(m, deadline::never());
                        if (lock) {
                            ++plain;
                        }
                    }
                }
            }));
        }
        std::this_thread::yield();
        stop.request_stop();
    }
    EXPECT_GE(plain, 30 * 3 * 20);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

TEST(MutexConformance, AllKindsUnderDeadlines) {
    mutex m;
    long plain = 0;
    {
        runtime home({.workers = 2});
        std::vector<fiber> fibers;
        std::vector<task_handle<>> coroutines;
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i) {
            fibers.push_back(testing::fibers::start(home, [&, i] {
                return takes_or_gives_up<testing::blocking_calls>(m, plain, 3 * i);
            }));
            coroutines.push_back(testing::coroutines::start(home, [&, i] {
                return takes_or_gives_up<testing::awaitable_calls>(m, plain, 3 * i + 1);
            }));
            threads.push_back(testing::threads::start(home, [&, i] {
                return takes_or_gives_up<testing::blocking_calls>(m, plain, 3 * i + 2);
            }));
        }
        threads.clear();
    }
    EXPECT_GE(plain, 9 * 32);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

// The last unlock() may still be on its way out when the next owner, which had a deadline, destroys
// the mutex.
WEFT_TEST_BY_CALLER(MutexConformance, MayBeDestroyedByAWaiterWithADeadline) {
    for (int i = 0; i < 200; ++i) {
        auto m = std::make_unique<mutex>();
        m->lock();
        auto waiter = this->start([here = m.get(), &m]() -> task<> {
            {
                const auto lock = co_await TypeParam::lock(*here, testing::safety_net);
                EXPECT_TRUE(lock.has_value());
            }
            m.reset();
        });
        if (i % 4 == 0) {
            until_all_wait();
        }
        m.get()->unlock();
        waiter.join();
    }
}

#ifndef NDEBUG
TEST(MutexConformanceDeathTest, LockingTwiceWithADeadline) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            mutex m;
            m.lock();
            static_cast<void>(m.lock(1h));
        },
        "the caller has locked");
}
#endif

}  // namespace
}  // namespace weft
