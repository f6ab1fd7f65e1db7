// SPDX-License-Identifier: Apache-2.0
//
// weft::call_once against what std::call_once does, its deadline, and calls that are tasks.
#include <weft/mutex.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <vector>

#include <weft/latch.h>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(std::is_nothrow_default_constructible_v<once_flag>);
static_assert(!std::is_copy_constructible_v<once_flag> && !std::is_copy_assignable_v<once_flag>);

constinit once_flag constant_flag;

WEFT_TEST_BY_CALLER(CallOnceConformance, CallsOnce) {
    for (int round = 0; round < 30; ++round) {
        once_flag flag;
        int calls = 0;  // a data race if who returns does not see what the call did
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start([&]() -> task<> {
                for (int n = 0; n < 3; ++n) {
                    co_await TypeParam::call_once(flag, [&] { ++calls; });
                    EXPECT_EQ(calls, 1);
                }
            }));
        }
        all.clear();
        EXPECT_EQ(calls, 1);
    }
}

WEFT_TEST_BY_CALLER(CallOnceConformance, WhoComesMeanwhileWaitsForTheEnd) {
    once_flag flag;
    event go;
    std::atomic<bool> finished = false;
    testing::actor first(this->home, testing::actor_kind::thread, [&] {
        call_once(flag, [&] {
            go.wait();
            finished = true;
        });
    });
    until_all_wait();
    auto second = this->start([&]() -> task<> {
        co_await TypeParam::call_once(flag, [] { ADD_FAILURE() << "called twice"; });
        EXPECT_TRUE(finished);
    });
    until_all_wait();
    go.set();
    second.join();
}

WEFT_TEST_BY_CALLER(CallOnceConformance, AnExceptionLeavesItToTheNext) {
    once_flag flag;
    std::atomic<int> calls = 0;
    std::atomic<int> caught = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 5; ++i) {
        all.push_back(this->start([&]() -> task<> {
            try {
                co_await TypeParam::call_once(flag, [&] {
                    if (++calls < 3) {
                        throw std::runtime_error("not yet");
                    }
                });
            } catch (const std::runtime_error& error) {
                EXPECT_STREQ(error.what(), "not yet");
                ++caught;
            }
        }));
    }
    all.clear();
    EXPECT_EQ(caught, 2);
    EXPECT_EQ(calls, 3) << "two that failed, one that did not, and no more";
}

WEFT_TEST_BY_CALLER(CallOnceConformance, AFailureWakesThoseThatWait) {
    once_flag flag;
    event go;
    std::atomic<int> calls = 0;
    testing::actor first(this->home, testing::actor_kind::thread, [&] {
        EXPECT_THROW(call_once(flag,
                               [&] {
                                   go.wait();
                                   throw 1;
                               }),
                     int);
    });
    until_all_wait();
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(this->start([&]() -> task<> {
            co_await TypeParam::call_once(flag, [&] { ++calls; });
            EXPECT_EQ(calls, 1);
        }));
    }
    until_all_wait();
    go.set();
    all.clear();
    EXPECT_EQ(calls, 1);
}

WEFT_TEST_BY_CALLER(CallOnceConformance, DeadlinesAndStopsBoundTheWaitForAnother) {
    once_flag flag;
    event go;
    testing::actor first(this->home, testing::actor_kind::thread,
                         [&] { call_once(flag, [&] { go.wait(); }); });
    until_all_wait();
    const auto never_called = [] { ADD_FAILURE() << "called beside the first"; };
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::call_once(flag, 2ms, never_called);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
    });
    std::stop_source stop;
    auto other = this->start_within(stop, [&]() -> task<> {
        const result<void> cancelled =
            co_await TypeParam::call_once(flag, testing::safety_net, never_called);
        expect_cancelled(cancelled.error());
    });
    until_all_wait();
    stop.request_stop();
    other.join();
    go.set();
    first.join();
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        const result<void> done = co_await TypeParam::call_once(flag, -1h, never_called);
        EXPECT_TRUE(done.has_value());
        once_flag fresh;
        int calls = 0;
        const result<void> called = co_await TypeParam::call_once(fresh, -1h, [&] { ++calls; });
        EXPECT_TRUE(called.has_value());
        EXPECT_EQ(calls, 1) << "an own call need not wait";
    });
}

struct counted {
    int calls = 0;
    void count(int by) { calls += by; }
};

TEST(CallOnce, TakesWhateverCanBeInvoked) {
    counted c;
    once_flag member;
    call_once(member, &counted::count, c, 3);
    call_once(member, &counted::count, &c, 3);
    EXPECT_EQ(c.calls, 3);

    once_flag move_only;
    int value = 0;
    call_once(move_only, [&](std::unique_ptr<int> p) { value = *p; }, std::make_unique<int>(7));
    EXPECT_EQ(value, 7);

    once_flag by_reference;
    call_once(by_reference, [](int& v) { ++v; }, value);
    EXPECT_EQ(value, 8);

    once_flag with_deadline;
    EXPECT_TRUE(call_once(with_deadline, 1s, &counted::count, c, 2));
    EXPECT_EQ(c.calls, 5);
    static int calls = 0;  // as the flag: also if the test is repeated
    call_once(constant_flag, [] { ++calls; });
    EXPECT_EQ(calls, 1);
}

TEST(CallOnce, ACallMaySwitchAndUseAnotherFlag) {
    run({.workers = 2}, [] {
        once_flag outer;
        once_flag inner;
        std::atomic<int> calls = 0;
        std::vector<fiber> all;
        for (int i = 0; i < 8; ++i) {
            all.push_back(spawn([&] {
                call_once(outer, [&] {
                    this_fiber::yield();
                    call_once(inner, [&] { ++calls; });
                    this_fiber::yield();
                    ++calls;
                });
                EXPECT_EQ(calls, 2);
            }));
        }
    });
}

task<> initialises(int& value) {
    co_await co::yield();
    value = 42;
}

task<> calls_a_task(once_flag& flag, int& value) {
    co_await co::call_once(flag, [&] { return initialises(value); });
    EXPECT_EQ(value, 42);
}

TEST(CallOnce, OfATask) {
    runtime home({.workers = 2});
    for (int round = 0; round < 50; ++round) {
        once_flag flag;
        int value = 0;
        std::vector<task_handle<>> all;
        for (int i = 0; i < 5; ++i) {
            all.push_back(home.spawn(calls_a_task(flag, value)));
        }
        all.clear();
        EXPECT_EQ(value, 42);
    }
}

TEST(CallOnceDeathTest, FromInsideOfItself) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            once_flag flag;
            call_once(flag, [&] { call_once(flag, [] {}); });
        },
        "from inside");
}

}  // namespace
}  // namespace weft
