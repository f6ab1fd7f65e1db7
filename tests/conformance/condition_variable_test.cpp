// SPDX-License-Identifier: Apache-2.0
//
// weft::condition_variable against what std::condition_variable does, its waits with a deadline,
// and under stops.
#include <weft/condition_variable.h>

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

static_assert(std::is_nothrow_default_constructible_v<condition_variable>);
static_assert(!std::is_copy_constructible_v<condition_variable>);
static_assert(!std::is_copy_assignable_v<condition_variable>);
static_assert(noexcept(std::declval<condition_variable&>().notify_one()));
static_assert(noexcept(std::declval<condition_variable&>().notify_all()));

constinit condition_variable constant_condition;

struct shared {
    mutex m;
    condition_variable cv;
    int value = 0;

    void set(int to) {
        const std::lock_guard guard(m);
        value = to;
    }
};

WEFT_TEST_BY_CALLER(ConditionConformance, NotifyingNobodyDoesNothing) {
    constant_condition.notify_one();
    constant_condition.notify_all();
    shared s;
    s.cv.notify_one();
    this->act([&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        const cv_status status = co_await TypeParam::wait_until(s.cv, lock, clock::now() + 1ms);
        EXPECT_EQ(status, cv_status::timeout) << "a notification is not kept";
        EXPECT_TRUE(lock.owns_lock());
    });
}

WEFT_TEST_BY_CALLER(ConditionConformance, WaitGivesTheMutexAwayAndTakesItBack) {
    shared s;
    auto waiter = this->start([&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        co_await TypeParam::wait(s.cv, lock, [&] { return s.value == 1; });
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(s.m.try_lock());
        s.value = 2;
    });
    until_all_wait();
    EXPECT_TRUE(s.m.try_lock()) << "who waits does not hold it";
    s.value = 1;
    s.m.unlock();
    s.cv.notify_one();
    waiter.join();
    EXPECT_EQ(s.value, 2);
}

WEFT_TEST_BY_CALLER(ConditionConformance, NotifyOneWakesOne) {
    shared s;
    std::atomic<int> went_on = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(this->start([&]() -> task<> {
            auto lock = co_await TypeParam::lock(s.m);
            co_await TypeParam::wait(s.cv, lock);
            ++went_on;
        }));
    }
    until_all_wait();
    for (int i = 1; i <= 3; ++i) {
        s.cv.notify_one();
        EXPECT_TRUE(testing::eventually([&] { return went_on == i; }));
        until_all_wait();
        EXPECT_EQ(went_on, i);
    }
}

WEFT_TEST_BY_CALLER(ConditionConformance, NotifyAllWakesAllThatWait) {
    shared s;
    std::atomic<int> went_on = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 5; ++i) {
        all.push_back(this->start([&]() -> task<> {
            auto lock = co_await TypeParam::lock(s.m);
            co_await TypeParam::wait(s.cv, lock, [&] { return s.value == 1; });
            ++went_on;
        }));
    }
    until_all_wait();
    s.set(1);
    s.cv.notify_all();
    all.clear();
    EXPECT_EQ(went_on, 5);
}

WEFT_TEST_BY_CALLER(ConditionConformance, APredicateThatHoldsNeedNotWait) {
    shared s;
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        const auto yes = [] { return true; };
        co_await TypeParam::wait(s.cv, lock, yes);
        const bool until =
            co_await TypeParam::wait_until(s.cv, lock, clock::time_point::min(), yes);
        EXPECT_TRUE(until);
        const result<void> ended = co_await TypeParam::wait(s.cv, lock, -1h, yes);
        EXPECT_TRUE(ended.has_value());
        EXPECT_TRUE(lock.owns_lock());
    });
}

WEFT_TEST_BY_CALLER(ConditionConformance, TimesOutNeverEarlyAndHoldsTheLock) {
    shared s;
    this->act([&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        const auto no = [] { return false; };
        auto when = clock::now() + 2ms;
        const result<void> late = co_await TypeParam::wait(s.cv, lock, when, no);
        EXPECT_GE(clock::now(), when);
        expect_timed_out(late.error());
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(s.m.try_lock());
        when = clock::now() + 2ms;
        const bool holds = co_await TypeParam::wait_until(s.cv, lock, when, no);
        EXPECT_GE(clock::now(), when);
        EXPECT_FALSE(holds);
        const cv_status past = co_await TypeParam::wait_until(s.cv, lock, clock::time_point::min());
        EXPECT_EQ(past, cv_status::timeout);
    });
}

WEFT_TEST_BY_CALLER(ConditionConformance, APredicateThatHoldsAtTheEndIsNoFailure) {
    shared s;
    this->act([&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        int looks = 0;
        const result<void> ended =
            co_await TypeParam::wait(s.cv, lock, 1ms, [&] { return ++looks == 2; });
        EXPECT_TRUE(ended.has_value());
        EXPECT_EQ(looks, 2);
    });
}

WEFT_TEST_BY_CALLER(ConditionConformance, AStopEndsWaitsThatCanEndWithoutANotification) {
    shared s;
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        const auto no = [] { return false; };
        const result<void> cancelled =
            co_await TypeParam::wait(s.cv, lock, testing::safety_net, no);
        expect_cancelled(cancelled.error());
        EXPECT_TRUE(lock.owns_lock());
        const result<void> before = co_await TypeParam::wait(s.cv, lock, deadline::never(), no);
        expect_cancelled(before.error());
        const auto later = clock::now() + testing::safety_net;
        const bool holds = co_await TypeParam::wait_until(s.cv, lock, later, no);
        EXPECT_FALSE(holds);
        const cv_status status = co_await TypeParam::wait_until(s.cv, lock, later);
        EXPECT_EQ(status, cv_status::timeout);
        EXPECT_LT(clock::now(), later);
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
}

WEFT_TEST_BY_CALLER(ConditionConformance, AStopDoesNotEndAPlainWait) {
    shared s;
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        co_await TypeParam::wait(s.cv, lock, [&] { return s.value == 1; });
    });
    until_all_wait();
    stop.request_stop();
    until_all_wait();
    s.set(1);
    s.cv.notify_one();
    waiter.join();
}

WEFT_TEST_BY_CALLER(ConditionConformance, ANotificationIsNotSpentOnOneThatWasStopped) {
    for (int i = 0; i < 50; ++i) {
        shared s;
        std::stop_source stop;
        std::atomic<bool> first_notified = false;
        auto first = this->start_within(stop, [&]() -> task<> {
            auto lock = co_await TypeParam::lock(s.m);
            const cv_status status =
                co_await TypeParam::wait_until(s.cv, lock, clock::now() + testing::safety_net);
            first_notified = status == cv_status::no_timeout;
        });
        auto second = this->start([&]() -> task<> {
            auto lock = co_await TypeParam::lock(s.m);
            co_await TypeParam::wait(s.cv, lock, [&] { return s.value == 1; });
        });
        if (i % 8 == 0) {
            until_all_wait();
        }
        testing::actor stopper(this->home, testing::actor_kind::thread,
                               [&] { stop.request_stop(); });
        s.set(1);
        s.cv.notify_one();
        first.join();
        if (first_notified) {
            s.cv.notify_one();
        }
        second.join();
    }
}

struct thrown {};

/// Throws when it is asked for the `at`-th time; does not hold before.
struct throwing {
    int at;
    int* looks;
    bool operator()() const {
        if (++*looks == at) {
            throw thrown();
        }
        return false;
    }
};

WEFT_TEST_BY_CALLER(ConditionConformance, APredicateThatThrowsLeavesTheLockHeld) {
    for (const int at : {1, 2}) {
        shared s;
        std::atomic<int> caught = 0;
        auto waiter = this->start([&]() -> task<> {
            auto lock = co_await TypeParam::lock(s.m);
            for (const int form : {0, 1, 2}) {
                int looks = 0;
                const throwing throws{at, &looks};
                try {
                    if (form == 0) {
                        co_await TypeParam::wait(s.cv, lock, throws);
                    } else if (form == 1) {
                        const deadline until(testing::safety_net);
                        const result<void> r = co_await TypeParam::wait(s.cv, lock, until, throws);
                        ADD_FAILURE() << r.has_value();
                    } else {
                        const auto until = clock::now() + testing::safety_net;
                        const bool r = co_await TypeParam::wait_until(s.cv, lock, until, throws);
                        ADD_FAILURE() << r;
                    }
                } catch (const thrown&) {
                    ++caught;
                }
                EXPECT_EQ(looks, at);
                EXPECT_TRUE(lock.owns_lock());
                EXPECT_FALSE(s.m.try_lock());
            }
        });
        for (int i = 1; at == 2 && i <= 3; ++i) {
            until_all_wait();
            s.cv.notify_one();
            EXPECT_TRUE(testing::eventually([&] { return caught == i; }));
        }
        waiter.join();
        EXPECT_EQ(caught, 3);
        EXPECT_TRUE(s.m.try_lock());
        s.m.unlock();
    }
}

WEFT_TEST_BY_CALLER(ConditionConformance, AStopBeforeEndsOnlyWhatWouldWait) {
    shared s;
    this->act_within(testing::stopped(), {}, [&]() -> task<> {
        auto lock = co_await TypeParam::lock(s.m);
        for (const bool holds : {true, false}) {
            int looks = 0;
            const auto satisfied = [&] {
                ++looks;
                return holds;
            };
            const result<void> ended =
                co_await TypeParam::wait(s.cv, lock, deadline::never(), satisfied);
            EXPECT_EQ(ended.has_value(), holds);
            EXPECT_EQ(looks, holds ? 1 : 2) << "again at the end";
            EXPECT_TRUE(lock.owns_lock());
        }
    });
}

// What follows blocks: for fibers and plain threads.

WEFT_TEST_BY_BLOCKING_CALLER(ConditionBlocking, AStopBeforeAsksThePredicateOnce) {
    shared s;
    this->act([&]() -> task<> {
        std::unique_lock lock(s.m);
        for (const bool holds : {true, false}) {
            int looks = 0;
            const auto satisfied = [&] {
                ++looks;
                return holds;
            };
            const auto when = clock::now() + testing::safety_net;
            EXPECT_EQ(s.cv.wait(lock, testing::stopped(), satisfied), holds);
            EXPECT_EQ(s.cv.wait_until(lock, testing::stopped(), when, satisfied), holds);
            EXPECT_EQ(s.cv.wait_for(lock, testing::stopped(), testing::safety_net, satisfied),
                      holds);
            EXPECT_EQ(looks, 3);
            EXPECT_LT(clock::now(), when);
            EXPECT_TRUE(lock.owns_lock());
        }
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(ConditionBlocking, APredicateThatThrowsBesideAStopToken) {
    shared s;
    std::stop_source stop;
    std::atomic<int> caught = 0;
    auto waiter = this->start([&]() -> task<> {
        std::unique_lock lock(s.m);
        const std::stop_token token = stop.get_token();
        for (int form = 0; form < 3; ++form) {
            int looks = 0;
            const throwing throws{2, &looks};
            const auto when = clock::now() + testing::safety_net;
            EXPECT_THROW(form == 0   ? s.cv.wait(lock, token, throws)
                         : form == 1 ? s.cv.wait_until(lock, token, when, throws)
                                     : s.cv.wait_for(lock, token, testing::safety_net, throws),
                         thrown);
            EXPECT_TRUE(lock.owns_lock());
            ++caught;
        }
        co_return;
    });
    // Woken by notifications, at last by the stop.
    for (int i = 1; i <= 3; ++i) {
        until_all_wait();
        if (i < 3) {
            s.cv.notify_one();
        } else {
            stop.request_stop();
        }
        EXPECT_TRUE(testing::eventually([&] { return caught == i; }));
    }
    waiter.join();
    EXPECT_TRUE(s.m.try_lock());
    s.m.unlock();
}

WEFT_TEST_BY_BLOCKING_CALLER(ConditionBlocking, TimedForms) {
    shared s;
    this->act([&]() -> task<> {
        std::unique_lock lock(s.m);
        const auto start = clock::now();
        EXPECT_EQ(s.cv.wait_for(lock, 1ms), cv_status::timeout);
        EXPECT_FALSE(s.cv.wait_for(lock, 1ms, [] { return false; }));
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_TRUE(s.cv.wait_for(lock, -1h, [] { return true; }));
        EXPECT_EQ(s.cv.wait_for(lock, -1h), cv_status::timeout);
        const auto on_the_wall = std::chrono::system_clock::now() + 1ms;
        EXPECT_EQ(s.cv.wait_until(lock, on_the_wall), cv_status::timeout);
        EXPECT_FALSE(s.cv.wait_until(lock, on_the_wall, [] { return false; }));
        EXPECT_TRUE(lock.owns_lock());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(ConditionBlocking, NotifiedInTime) {
    shared s;
    auto waiter = this->start([&]() -> task<> {
        std::unique_lock lock(s.m);
        EXPECT_TRUE(s.cv.wait_for(lock, testing::safety_net, [&] { return s.value == 1; }));
        EXPECT_TRUE(s.cv.wait(lock, testing::safety_net, [&] { return s.value == 2; }));
        EXPECT_TRUE(s.cv.wait_until(lock, std::chrono::system_clock::now() + testing::safety_net,
                                    [&] { return s.value == 3; }));
        co_return;
    });
    for (int i = 1; i <= 3; ++i) {
        until_all_wait();
        s.set(i);
        s.cv.notify_all();
    }
    waiter.join();
}

WEFT_TEST_BY_BLOCKING_CALLER(ConditionBlocking, ItsOwnStopTokenAndThatOfTheScope) {
    for (const bool own : {true, false}) {
        shared s;
        std::stop_source stop;
        std::stop_source other;
        auto waiter = this->start_within(own ? other : stop, [&]() -> task<> {
            const std::stop_token token = own ? stop.get_token() : other.get_token();
            const auto no = [] { return false; };
            std::unique_lock lock(s.m);
            EXPECT_FALSE(s.cv.wait(lock, token, no));
            EXPECT_FALSE(s.cv.wait_for(lock, token, testing::safety_net, no));
            EXPECT_FALSE(s.cv.wait_until(lock, token, clock::now() + testing::safety_net, no));
            EXPECT_TRUE(s.cv.wait(lock, token, [] { return true; }));
            EXPECT_TRUE(lock.owns_lock());
            co_return;
        });
        until_all_wait();
        stop.request_stop();
        waiter.join();
    }
}

TEST(ConditionDeathTest, WaitingWithoutTheLock) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            shared s;
            std::unique_lock lock(s.m, std::defer_lock);
            static_cast<void>(s.cv.wait_for(lock, 1ms));
        },
        "without holding the lock");
}

}  // namespace
}  // namespace weft
