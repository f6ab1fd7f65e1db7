// SPDX-License-Identifier: Apache-2.0
//
// The awaiters of <weft/co.h> for time, locks, semaphores, groups and conditions: ready at once,
// after waiting, timed out.
#include <weft/co.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <weft/runtime.h>
#include <weft/scope.h>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::one_worker;
using testing::two_workers;

task<> appends(std::string& order, char name) {
    for (int i = 0; i < 3; ++i) {
        order += name;
        co_await co::yield();
    }
}

TEST(AsyncTime, YieldLetsOthersRun) {
    run(one_worker, [] {
        std::string order;
        auto a = spawn(appends(order, 'a'));
        auto b = spawn(appends(order, 'b'));
        a.join();
        b.join();
        EXPECT_EQ(order, "ababab");
    });
}

task<> sleeps() {
    const auto start = clock::now();
    co_await co::sleep_for(3ms);
    EXPECT_GE(clock::now() - start, 3ms);
    const auto when = clock::now() + 2ms;
    co_await co::sleep_until(when);
    EXPECT_GE(clock::now(), when);
    co_await co::sleep_for(0s);
    co_await co::sleep_for(-1h);
    co_await co::sleep_until(clock::time_point::min());
}

TEST(AsyncTime, SleepsAreNeverEarly) {
    run(two_workers, [] { sync_wait(sleeps()); });
}

task<> sleeps_until(clock::time_point start, int number, std::vector<int>& order, bool& late) {
    late = late || clock::now() >= start;
    co_await co::sleep_until(start + number * 2ms);
    order.push_back(number);
}

TEST(AsyncTime, SleepersWakeInTheOrderOfTheirDeadlines) {
    run(one_worker, [] {
        bool late = true;  // the machine stood still until a deadline had passed: anew
        for (auto ahead = 5ms; late; ahead *= 2) {
            late = false;
            std::vector<int> order;
            const auto start = clock::now() + ahead;
            std::vector<task_handle<>> all;
            for (const int i : {3, 1, 4, 2, 0}) {
                all.push_back(spawn(sleeps_until(start, i, order, late)));
            }
            all.clear();
            EXPECT_TRUE(late || order == (std::vector<int>{0, 1, 2, 3, 4}))
                << ::testing::PrintToString(order);
        }
    });
}

task<> locks_free_mutex(mutex& m) {
    {
        const std::unique_lock<mutex> lock = co_await co::lock(m);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_EQ(lock.mutex(), &m);
        EXPECT_FALSE(m.try_lock());
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

TEST(AsyncLock, OfAFreeMutex) {
    mutex m;
    run(one_worker, [&] { sync_wait(locks_free_mutex(m)); });
}

task<> appends_under_lock(mutex& m, std::string& order, char name) {
    const auto lock = co_await co::lock(m);
    order += name;
    co_await co::yield();
}

TEST(AsyncLock, WaitersGetItInTheOrderOfTheirArrival) {
    mutex m;
    std::string order;
    run(one_worker, [&] {
        std::vector<task_handle<>> all;
        m.lock();
        for (char name = 'a'; name <= 'h'; ++name) {
            all.push_back(spawn(appends_under_lock(m, order, name)));
        }
        this_fiber::yield();
        m.unlock();
        all.clear();
    });
    EXPECT_EQ(order, "abcdefgh");
}

task<> holds_for_a_yield(mutex& m, long& count, int turns) {
    for (int i = 0; i < turns; ++i) {
        const auto lock = co_await co::lock(m);
        const long seen = count;
        if (i % 2 == 0) {
            co_await co::yield();
        }
        count = seen + 1;
    }
}

TEST(AsyncLock, ManyCoroutinesOnOneMutex) {
    mutex m;
    long count = 0;
    {
        runtime r({.workers = 3});
        for (int i = 0; i < 20; ++i) {
            r.spawn(holds_for_a_yield(m, count, 200)).detach();
        }
    }
    EXPECT_EQ(count, 20 * 200);
}

task<> acquires(counting_semaphore<>& s) {
    EXPECT_TRUE(co_await co::acquire(s));
    EXPECT_TRUE(co_await co::try_acquire_until(s, -1h)) << "what need not wait succeeds";
    const auto start = clock::now();
    EXPECT_FALSE(co_await co::try_acquire_until(s, 2ms));
    EXPECT_GE(clock::now() - start, 2ms);
    EXPECT_FALSE(co_await co::try_acquire_until(s, 0s));
    EXPECT_FALSE(co_await co::try_acquire_until(s, clock::time_point::min()));
    s.release();
    EXPECT_TRUE(co_await co::acquire(s));
}

TEST(AsyncSemaphore, ReadyTimedOutAndExpired) {
    run(one_worker, [] {
        counting_semaphore<> s(2);
        sync_wait(acquires(s));
        EXPECT_FALSE(s.try_acquire());
    });
}

task<> ping_pong(binary_semaphore& mine, binary_semaphore& other, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        if (i % 2 == 0) {
            co_await co::acquire(mine);
        } else {
            EXPECT_TRUE(co_await co::try_acquire_until(mine, testing::safety_net));
        }
        other.release();
    }
}

class AsyncByKind : public ::testing::TestWithParam<actor_kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, AsyncByKind,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(AsyncByKind, PingPongThroughSemaphores) {
    runtime r(two_workers);
    binary_semaphore ping(0);
    binary_semaphore pong(0);
    constexpr int rounds = 2000;
    auto coroutine = r.spawn(ping_pong(ping, pong, rounds));
    testing::act(r, GetParam(), [&] {
        for (int i = 0; i < rounds; ++i) {
            ping.release();
            if (i % 2 == 0) {
                pong.acquire();
            } else {
                EXPECT_TRUE(pong.try_acquire_for(testing::safety_net));
            }
        }
    });
    coroutine.join();
}

TEST(AsyncSemaphore, CoroutinesPingPong) {
    for (const unsigned workers : {1u, 2u}) {
        runtime r({.workers = workers});
        binary_semaphore ping(0);
        binary_semaphore pong(0);
        auto a = r.spawn(ping_pong(ping, pong, 5000));
        auto b = r.spawn(ping_pong(pong, ping, 5000));
        ping.release();
        a.join();
        b.join();
        EXPECT_TRUE(ping.try_acquire());
        EXPECT_FALSE(pong.try_acquire());
    }
}

task<> frees_after_acquire(std::unique_ptr<binary_semaphore> s, bool timed) {
    if (timed) {
        EXPECT_TRUE(co_await co::try_acquire_until(*s, testing::safety_net));
    } else {
        co_await co::acquire(*s);
    }
    s.reset();
}

TEST_P(AsyncByKind, SemaphoreDestroyedByTheCoroutineThatWasWoken) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        auto s = std::make_unique<binary_semaphore>(0);
        binary_semaphore* const here = s.get();
        auto coroutine = r.spawn(frees_after_acquire(std::move(s), i % 2 == 0));
        actor(r, GetParam(), [here] { here->release(); }).join();
        coroutine.join();
    }
}

task<> waits_for_group(wait_group& group) {
    EXPECT_TRUE(co_await co::wait_until(group, -1h)) << "nothing is left to be done";
    EXPECT_TRUE(co_await co::wait(group));
    group.add(2);
    EXPECT_FALSE(co_await co::wait_until(group, 1ms));
    EXPECT_FALSE(co_await co::wait_until(group, clock::time_point::min()));
    group.done();
    spawn([&] { group.done(); }).detach();
    EXPECT_TRUE(co_await co::wait_until(group, testing::safety_net));
    group.add();
    spawn([&] { group.done(); }).detach();
    EXPECT_TRUE(co_await co::wait(group));
}

TEST(AsyncWaitGroup, ReadyAfterWaitingAndTimedOut) {
    wait_group group;
    run(two_workers, [&] { sync_wait(waits_for_group(group)); });
}

task<> frees_group(std::unique_ptr<wait_group> group, int microseconds) {
    bool done = false;
    while (!done) {
        done = co_await co::wait_until(*group, std::chrono::microseconds(microseconds));
    }
    group.reset();
}

TEST_P(AsyncByKind, WaitGroupDestroyedByTheCoroutineThatWaited) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        auto group = std::make_unique<wait_group>(2);
        wait_group* const here = group.get();
        auto coroutine = r.spawn(frees_group(std::move(group), i % 30));
        actor first(r, GetParam(), [here] { here->done(); });
        actor second(r, GetParam(), [here] { here->done(); });
        first.join();
        second.join();
        coroutine.join();
    }
}

task<> waits_on_condition(mutex& m, condition_variable& cv) {
    auto lock = co_await co::lock(m);
    const auto start = clock::now();
    EXPECT_EQ(co_await co::wait_until(cv, lock, 2ms), cv_status::timeout);
    EXPECT_GE(clock::now() - start, 2ms);
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_EQ(co_await co::wait_until(cv, lock, clock::time_point::min()), cv_status::timeout);
    EXPECT_FALSE(co_await co::wait_until(cv, lock, 1ms, [] { return false; }));
    EXPECT_TRUE(co_await co::wait_until(cv, lock, -1h, [] { return true; }));
    co_await co::wait(cv, lock, [] { return true; });
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_FALSE(m.try_lock());
}

TEST(AsyncCondition, ReadyAndTimedOut) {
    mutex m;
    condition_variable cv;
    run(two_workers, [&] { sync_wait(waits_on_condition(m, cv)); });
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

struct turns {
    mutex m;
    condition_variable cv;
    int turn = 0;
};

task<> takes_turns(turns& t, int mine, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        auto lock = co_await co::lock(t.m);
        if (i % 2 == 0) {
            co_await co::wait(t.cv, lock, [&] { return t.turn == mine; });
        } else {
            EXPECT_TRUE(co_await co::wait_until(t.cv, lock, testing::safety_net,
                                                [&] { return t.turn == mine; }));
        }
        t.turn = 1 - mine;
        t.cv.notify_one();
    }
}

TEST_P(AsyncByKind, ConditionPassesTurns) {
    runtime r(two_workers);
    turns t;
    constexpr int rounds = 1000;
    auto coroutine = r.spawn(takes_turns(t, 1, rounds));
    testing::act(r, GetParam(), [&] {
        for (int i = 0; i < rounds; ++i) {
            std::unique_lock lock(t.m);
            t.cv.wait(lock, [&] { return t.turn == 0; });
            t.turn = 1;
            t.cv.notify_one();
        }
    });
    coroutine.join();
}

task<cv_status> waits_once(turns& t, std::atomic<int>& waiting, deadline until) {
    auto lock = co_await co::lock(t.m);
    ++waiting;
    co_return co_await co::wait_until(t.cv, lock, until);
}

// As for fibers: the first waiter's deadline comes at about the time of the only notification.
TEST(AsyncCondition, ANotificationIsNotSpentOnACoroutineThatTimedOut) {
    runtime r(two_workers);
    for (int i = 0; i < 200; ++i) {
        turns t;
        std::atomic<int> waiting = 0;
        const auto stand = [&](int count) {
            return testing::eventually([&] {
                const std::lock_guard guard(t.m);
                return waiting == count;
            });
        };
        auto first = r.spawn(waits_once(t, waiting, std::chrono::microseconds(20 + i % 150)));
        ASSERT_TRUE(stand(1));
        auto second = r.spawn(waits_once(t, waiting, testing::safety_net));
        ASSERT_TRUE(stand(2));
        t.cv.notify_one();
        if (first.join() == cv_status::no_timeout) {
            t.cv.notify_one();
        }
        ASSERT_EQ(second.join(), cv_status::no_timeout) << "the notification was lost";
    }
}

// As for fibers: one look at the timers ends the waits of the sleeper and of the first waiter.
TEST(AsyncCondition, ANotificationPassesOverACoroutineThatHasTimedOutButNotLeft) {
    run(one_worker, [] {
        turns t;
        std::atomic<int> started = 0;
        bool in_time = false;  // or the machine is too busy to see anything
        const auto when = clock::now() + 5ms;
        fiber sleeper = spawn([&] {
            ++started;
            this_fiber::sleep_until(when);
            in_time = started == 3;
            if (in_time) {
                t.cv.notify_one();
            } else {
                EXPECT_TRUE(testing::eventually([&] { return started == 3; }));
                t.cv.notify_all();
            }
        });
        ASSERT_TRUE(testing::eventually([&] { return started == 1; }));
        auto first = spawn(waits_once(t, started, when));
        ASSERT_TRUE(testing::eventually([&] { return started == 2; }));
        auto second = spawn(waits_once(t, started, testing::safety_net));
        const cv_status first_status = first.join();
        EXPECT_EQ(second.join(), cv_status::no_timeout) << "the notification was lost";
        EXPECT_TRUE(first_status == cv_status::timeout || !in_time);
    });
}

task<bool> waits_for_turn_or_stop(turns& t, std::stop_token stop, std::atomic<int>& waiting) {
    auto lock = co_await co::lock(t.m);
    ++waiting;
    const auto ended = co_await co::with_stop_token(
        stop, co::wait(t.cv, lock, deadline::never(), [&] { return t.turn == 1; }));
    EXPECT_TRUE(lock.owns_lock());
    EXPECT_TRUE(ended || ended.error() == std::errc::operation_canceled);
    co_return ended.has_value();
}

// What condition_variable::wait(lock, stop_token, predicate) is to fibers.
TEST(AsyncCondition, AStopTokenEndsAWait) {
    runtime r(two_workers);
    turns t;
    std::stop_source stop;
    std::atomic<int> waiting = 0;
    auto stopped = r.spawn(waits_for_turn_or_stop(t, stop.get_token(), waiting));
    ASSERT_TRUE(testing::eventually([&] { return waiting == 1; }));
    {
        const std::lock_guard until_it_waits(t.m);
    }
    stop.request_stop();
    EXPECT_FALSE(stopped.join());
    EXPECT_FALSE(r.spawn(waits_for_turn_or_stop(t, stop.get_token(), waiting)).join());
    t.turn = 1;
    EXPECT_TRUE(r.spawn(waits_for_turn_or_stop(t, stop.get_token(), waiting)).join())
        << "it holds, whatever was stopped";
}

task<> waits_for_go(turns& t, int& waiting) {
    auto lock = co_await co::lock(t.m);
    ++waiting;
    while (t.turn == 0) {
        co_await co::wait(t.cv, lock);
    }
    --waiting;
}

TEST(AsyncCondition, NotifyAllWakesEverybody) {
    runtime r(two_workers);
    turns t;
    int waiting = 0;
    std::vector<task_handle<>> all;
    for (int i = 0; i < 20; ++i) {
        all.push_back(r.spawn(waits_for_go(t, waiting)));
    }
    ASSERT_TRUE(testing::eventually([&] {
        const std::lock_guard guard(t.m);
        return waiting == 20;
    }));
    {
        const std::lock_guard guard(t.m);
        t.turn = 1;
        t.cv.notify_all();
    }
    all.clear();
    EXPECT_EQ(waiting, 0);
}

}  // namespace
}  // namespace weft
