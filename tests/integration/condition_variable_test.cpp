// SPDX-License-Identifier: Apache-2.0
//
// weft::condition_variable between fibers, coroutines and plain threads.
#include <weft/condition_variable.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::eventually;
using testing::one_worker;
using testing::two_workers;

/// A bounded queue: every kind of caller waits for both of its conditions.
class channel {
public:
    void put(int value) {
        std::unique_lock lock(mutex_);
        not_full_.wait(lock, [&] { return items_.size() < capacity; });
        items_.push_back(value);
        not_empty_.notify_one();
    }

    int get() {
        std::unique_lock lock(mutex_);
        not_empty_.wait(lock, [&] { return !items_.empty(); });
        return pop();
    }

    task<> async_put(int value) {
        auto lock = co_await co::lock(mutex_);
        co_await co::wait(not_full_, lock, [this] { return items_.size() < capacity; });
        items_.push_back(value);
        not_empty_.notify_one();
    }

    task<int> async_get() {
        auto lock = co_await co::lock(mutex_);
        co_await co::wait(not_empty_, lock, [this] { return !items_.empty(); });
        co_return pop();
    }

private:
    static constexpr std::size_t capacity = 2;

    int pop() {
        const int value = items_.front();
        items_.pop_front();
        not_full_.notify_one();
        return value;
    }

    mutex mutex_;
    condition_variable not_full_;
    condition_variable not_empty_;
    std::deque<int> items_;
};

constexpr int items = 300;

task<> produce(channel& c) {
    for (int i = 1; i <= items; ++i) {
        co_await c.async_put(i);
    }
}

task<> consume(channel& c, std::atomic<long>& sum) {
    for (int i = 0; i < items; ++i) {
        sum += co_await c.async_get();
    }
}

TEST(ConditionVariable, ProducersAndConsumersOfAllKinds) {
    channel c;
    std::atomic<long> sum = 0;
    const auto put_all = [&] {
        for (int i = 1; i <= items; ++i) {
            c.put(i);
        }
    };
    const auto get_all = [&] {
        for (int i = 0; i < items; ++i) {
            sum += c.get();
        }
    };
    {
        runtime r(two_workers);
        const auto producer = r.spawn(produce(c));
        const auto consumer = r.spawn(consume(c, sum));
        const fiber fiber_producer = r.spawn(put_all);
        const fiber fiber_consumer = r.spawn(get_all);
        const std::jthread thread_producer(put_all);
        const std::jthread thread_consumer(get_all);
    }
    EXPECT_EQ(sum, 3L * items * (items + 1) / 2);
}

class ConditionVariableByKind : public ::testing::TestWithParam<actor_kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, ConditionVariableByKind,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(ConditionVariableByKind, TimesOutNeverEarlyAndHoldsTheLock) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        mutex m;
        condition_variable cv;
        std::unique_lock lock(m);
        const auto start = clock::now();
        EXPECT_EQ(cv.wait_for(lock, 2ms), cv_status::timeout);
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_TRUE(lock.owns_lock());
        const auto when = clock::now() + 2ms;
        EXPECT_EQ(cv.wait_until(lock, when), cv_status::timeout);
        EXPECT_GE(clock::now(), when);
        EXPECT_FALSE(cv.wait_for(lock, 1ms, [] { return false; }));
        EXPECT_FALSE(cv.wait_until(lock, clock::now() + 1ms, [] { return false; }));
        EXPECT_TRUE(cv.wait_for(lock, -1h, [] { return true; }));
        EXPECT_TRUE(lock.owns_lock());
    });
}

TEST_P(ConditionVariableByKind, OtherClocksAndDeadlinesLongPast) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        mutex m;
        condition_variable cv;
        std::unique_lock lock(m);
        using std::chrono::system_clock;
        const auto when = system_clock::now() + 2ms;
        EXPECT_EQ(cv.wait_until(lock, when), cv_status::timeout);
        EXPECT_EQ(cv.wait_until(lock, system_clock::time_point()), cv_status::timeout);
        EXPECT_EQ(cv.wait_until(lock, clock::time_point::min()), cv_status::timeout);
        EXPECT_EQ(cv.wait_for(lock, -1h), cv_status::timeout);
    });
}

TEST_P(ConditionVariableByKind, NotifiedBeforeADeadlineFarAhead) {
    runtime r(two_workers);
    mutex m;
    condition_variable cv;
    int stage = 0;
    actor waiter(r, GetParam(), [&] {
        std::unique_lock lock(m);
        EXPECT_TRUE(cv.wait_for(lock, 24h, [&] { return stage == 1; }));
        stage = 2;
        cv.notify_one();
        EXPECT_TRUE(cv.wait_until(lock, clock::time_point::max(), [&] { return stage == 3; }));
    });
    std::unique_lock lock(m);
    stage = 1;
    cv.notify_one();
    cv.wait(lock, [&] { return stage == 2; });
    stage = 3;
    cv.notify_one();
    lock.unlock();
    waiter.join();
}

TEST_P(ConditionVariableByKind, NotifyAllWakesEverybody) {
    runtime r(two_workers);
    mutex m;
    condition_variable cv;
    constexpr int count = 8;
    int waiting = 0;
    bool go = false;
    {
        std::vector<actor> all;
        for (int i = 0; i < count; ++i) {
            all.emplace_back(r, GetParam(), [&] {
                std::unique_lock lock(m);
                ++waiting;
                cv.wait(lock, [&] { return go; });
                --waiting;
            });
        }
        ASSERT_TRUE(eventually([&] {
            const std::lock_guard guard(m);
            return waiting == count;
        }));
        const std::lock_guard guard(m);
        go = true;
        cv.notify_all();
    }
    EXPECT_EQ(waiting, 0);
}

TEST(ConditionVariable, WaitersAreWokenInTheOrderOfTheirArrival) {
    run(one_worker, [] {
        mutex m;
        condition_variable cv;
        std::string order;
        std::vector<fiber> all;
        for (char name = 'a'; name <= 'e'; ++name) {
            all.push_back(spawn([&, name] {
                std::unique_lock lock(m);
                cv.wait(lock);
                order += name;
            }));
        }
        this_fiber::yield();
        for (int i = 0; i < 3; ++i) {
            cv.notify_one();
        }
        this_fiber::yield();
        EXPECT_EQ(order, "abc");
        cv.notify_all();
        all.clear();
        EXPECT_EQ(order, "abcde");
    });
}

/// Two waiters stand in the queue, the first with a deadline that comes at about the time of the
/// only notification: exactly one of them gets it.
class race_with_a_deadline {
public:
    race_with_a_deadline(runtime& home, actor_kind kind) : home_(home), kind_(kind) {}

    void round(std::chrono::microseconds timeout) {
        actor first(home_, kind_, [&] { first_ = wait(timeout); });
        ASSERT_TRUE(eventually([&] { return waiting_ == 1; }));
        actor second(home_, kind_, [&] { second_ = wait(testing::safety_net); });
        ASSERT_TRUE(eventually([&] { return second_waits(); }));
        cv_.notify_one();
        first.join();
        if (*first_ == cv_status::no_timeout) {
            cv_.notify_one();
        }
        second.join();
        EXPECT_EQ(*second_, cv_status::no_timeout) << "the notification was lost";
    }

private:
    cv_status wait(std::chrono::microseconds timeout) {
        std::unique_lock lock(mutex_);
        ++waiting_;
        return cv_.wait_for(lock, timeout);
    }

    bool second_waits() {
        const std::lock_guard guard(mutex_);
        return waiting_ == 2;
    }

    runtime& home_;
    actor_kind kind_;
    mutex mutex_;
    condition_variable cv_;
    std::atomic<int> waiting_ = 0;
    std::optional<cv_status> first_;
    std::optional<cv_status> second_;
};

TEST_P(ConditionVariableByKind, ANotificationIsNotSpentOnAWaiterThatTimedOut) {
    runtime r(two_workers);
    for (int i = 0; i < 150; ++i) {
        race_with_a_deadline race(r, GetParam());
        race.round(std::chrono::microseconds(20 + (i * 13) % 200));
        if (HasFailure()) {
            FAIL() << "round " << i;
        }
    }
}

// The sleeper and the first waiter have one deadline, so one look at the timers ends both waits;
// the sleeper runs first, and finds the other still in the queue.
TEST(ConditionVariable, ANotificationPassesOverAWaiterThatHasTimedOutButNotLeft) {
    run(one_worker, [] {
        mutex m;
        condition_variable cv;
        std::atomic<int> started = 0;
        bool in_time = false;  // or the machine is too busy to see anything
        const auto when = clock::now() + 5ms;
        fiber sleeper = spawn([&] {
            ++started;
            this_fiber::sleep_until(when);
            in_time = started == 3;
            if (in_time) {
                cv.notify_one();
            } else {
                EXPECT_TRUE(eventually([&] { return started == 3; }));
                cv.notify_all();
            }
        });
        ASSERT_TRUE(eventually([&] { return started == 1; }));
        const auto wait = [&](clock::time_point until, cv_status& status) {
            std::unique_lock lock(m);
            ++started;
            status = cv.wait_until(lock, until);
        };
        cv_status first_status{};
        cv_status second_status{};
        fiber first = spawn([&] { wait(when, first_status); });
        ASSERT_TRUE(eventually([&] { return started == 2; }));
        fiber second = spawn([&] { wait(clock::now() + testing::safety_net, second_status); });
        first.join();
        second.join();
        EXPECT_TRUE(first_status == cv_status::timeout || !in_time);
        EXPECT_EQ(second_status, cv_status::no_timeout) << "the notification was lost";
    });
}

TEST_P(ConditionVariableByKind, StopEndsTheWait) {
    runtime r(two_workers);
    mutex m;
    condition_variable cv;
    std::stop_source stop;
    bool waits = false;
    actor waiter(r, GetParam(), [&] {
        std::unique_lock lock(m);
        const auto never = [&] {
            waits = true;
            return false;
        };
        EXPECT_FALSE(cv.wait(lock, stop.get_token(), never));
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(cv.wait(lock, stop.get_token(), never)) << "requested already";
        EXPECT_TRUE(cv.wait(lock, stop.get_token(), [] { return true; }));
    });
    ASSERT_TRUE(eventually([&] {
        const std::lock_guard guard(m);
        return waits;
    }));
    stop.request_stop();
    waiter.join();
}

TEST_P(ConditionVariableByKind, StopTokenWithADeadlineAndWithoutAState) {
    runtime r(two_workers);
    testing::act(r, GetParam(), [] {
        mutex m;
        condition_variable cv;
        std::unique_lock lock(m);
        std::stop_source stop;
        const auto never = [] { return false; };
        EXPECT_FALSE(cv.wait_for(lock, stop.get_token(), 1ms, never));
        EXPECT_FALSE(cv.wait_until(lock, stop.get_token(), clock::now() + 1ms, never));
        EXPECT_FALSE(cv.wait_for(lock, std::stop_token(), 1ms, never));
        EXPECT_TRUE(cv.wait_for(lock, stop.get_token(), -1h, [] { return true; }));
        stop.request_stop();
        EXPECT_FALSE(cv.wait_for(lock, stop.get_token(), 24h, never));
    });
}

// A stop and a notification for the same waiter: the second waiter must not lose its own.
TEST_P(ConditionVariableByKind, ANotificationIsNotSpentOnAWaiterThatWasStopped) {
    runtime r(two_workers);
    for (int i = 0; i < 100; ++i) {
        mutex m;
        condition_variable cv;
        std::stop_source stop;
        int waiting = 0;
        bool go = false;
        actor first(r, GetParam(), [&] {
            std::unique_lock lock(m);
            ++waiting;
            cv.wait(lock, stop.get_token(), [&] { return go; });
            cv.notify_one();  // as one does who has got a notification and leaves
        });
        actor second(r, GetParam(), [&] {
            std::unique_lock lock(m);
            ++waiting;
            EXPECT_TRUE(cv.wait_for(lock, testing::safety_net, [&] { return go; }));
        });
        ASSERT_TRUE(eventually([&] {
            const std::lock_guard guard(m);
            return waiting == 2;
        }));
        actor stopper(r, GetParam(), [&] { stop.request_stop(); });
        {
            const std::lock_guard guard(m);
            go = true;
            cv.notify_one();
        }
        first.join();
        second.join();
        stopper.join();
    }
}

TEST(ConditionVariable, NotifiedByAPlainThread) {
    runtime r(two_workers);
    mutex m;
    condition_variable cv;
    int turn = 0;
    constexpr int rounds = 500;
    fiber f = r.spawn([&] {
        for (int i = 0; i < rounds; ++i) {
            std::unique_lock lock(m);
            cv.wait(lock, [&] { return turn == 1; });
            turn = 0;
            cv.notify_one();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        std::unique_lock lock(m);
        turn = 1;
        cv.notify_one();
        cv.wait(lock, [&] { return turn == 0; });
    }
    f.join();
}

class ConditionVariableDeathTest : public ::testing::Test {
protected:
    ConditionVariableDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(ConditionVariableDeathTest, WaitingWithoutTheLock) {
    EXPECT_DEATH(
        {
            mutex m;
            condition_variable cv;
            std::unique_lock lock(m, std::defer_lock);
            cv.wait(lock);
        },
        "without holding the lock");
}

#ifndef NDEBUG
TEST_F(ConditionVariableDeathTest, DestroyingItWhileSomebodyWaits) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         mutex m;
                         auto cv = std::make_unique<condition_variable>();
                         std::atomic<bool> there = false;
                         fiber waiter = spawn([&, here = cv.get()] {
                             std::unique_lock lock(m);
                             there = true;
                             here->wait(lock);
                         });
                         eventually([&] { return there.load(); });
                         {
                             const std::lock_guard until_it_waits(m);
                         }
                         cv.reset();
                     }),
                 "while somebody waits for it");
}
#endif

}  // namespace
}  // namespace weft
