// SPDX-License-Identifier: Apache-2.0
//
// weft::wait_group against what Go's sync.WaitGroup does, and its wait(deadline).
#include <weft/wait_group.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

WEFT_TEST_BY_CALLER(WaitGroupConformance, WaitWaitsForTheLast) {
    wait_group group(2);
    std::atomic<bool> last = false;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 3; ++i) {
        all.push_back(this->start([&]() -> task<> {
            co_await TypeParam::wait(group);
            EXPECT_TRUE(last);
        }));
    }
    until_all_wait();
    group.done();
    until_all_wait();
    last = true;
    group.done();
    all.clear();
}

WEFT_TEST_BY_CALLER(WaitGroupConformance, WithADeadlineWhatNeedNotWaitSucceeds) {
    wait_group group;
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        const result<void> past = co_await TypeParam::wait(group, -1h);
        EXPECT_TRUE(past.has_value());
        const bool until = co_await TypeParam::wait_until(group, clock::time_point::min());
        EXPECT_TRUE(until);
    });
}

WEFT_TEST_BY_CALLER(WaitGroupConformance, TimesOutNeverEarly) {
    wait_group group(1);
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::wait(group, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
        const bool until = co_await TypeParam::wait_until(group, clock::now() + 1ms);
        EXPECT_FALSE(until);
    });
    group.done();
}

WEFT_TEST_BY_CALLER(WaitGroupConformance, AStopEndsTheWait) {
    wait_group group(1);
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const result<void> cancelled = co_await TypeParam::wait(group, testing::safety_net);
        expect_cancelled(cancelled.error());
        const result<void> before = co_await TypeParam::wait(group, deadline::never());
        expect_cancelled(before.error());
        const auto later = clock::now() + testing::safety_net;
        const bool until = co_await TypeParam::wait_until(group, later);
        EXPECT_FALSE(until);
        EXPECT_LT(clock::now(), later);
        co_await TypeParam::wait(group);
        EXPECT_TRUE(group.is_done());
    });
    until_all_wait();
    stop.request_stop();
    until_all_wait();
    group.done();
    waiter.join();
}

}  // namespace
}  // namespace weft
