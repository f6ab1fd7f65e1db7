// SPDX-License-Identifier: Apache-2.0
//
// weft::event: no type of the standard library; the words of its header are the specification.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
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

static_assert(std::is_nothrow_default_constructible_v<event>);
static_assert(!std::is_copy_constructible_v<event> && !std::is_convertible_v<bool, event>);

constinit event constant_event(true);

WEFT_TEST_BY_CALLER(EventConformance, WhenSetNobodyWaits) {
    EXPECT_TRUE(constant_event.is_set());
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        co_await TypeParam::wait(constant_event);
        const result<void> waited = co_await TypeParam::wait(constant_event, -1h);
        EXPECT_TRUE(waited.has_value());
        event e;
        EXPECT_FALSE(e.is_set());
        e.set();
        e.set();
        co_await TypeParam::wait(e);
        EXPECT_TRUE(e.is_set()) << "a wait does not reset it";
    });
}

WEFT_TEST_BY_CALLER(EventConformance, SetLetsAllGoOn) {
    event e;
    std::atomic<bool> set = false;
    int plain = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 5; ++i) {
        all.push_back(this->start([&, i]() -> task<> {
            if (i % 2 == 0) {
                co_await TypeParam::wait(e);
            } else {
                const result<void> waited = co_await TypeParam::wait(e, testing::safety_net);
                EXPECT_TRUE(waited.has_value());
            }
            EXPECT_TRUE(set);
            EXPECT_EQ(plain, 1);
        }));
    }
    until_all_wait();
    plain = 1;
    set = true;
    e.set();
    all.clear();
}

WEFT_TEST_BY_CALLER(EventConformance, ThoseThatWaitedGoOnAlsoIfItIsResetAtOnce) {
    event e;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(this->start([&]() -> task<> {
            const result<void> waited = co_await TypeParam::wait(e, testing::safety_net);
            EXPECT_TRUE(waited.has_value());
        }));
    }
    until_all_wait();
    e.set();
    e.reset();
    all.clear();
    EXPECT_FALSE(e.is_set());
}

WEFT_TEST_BY_CALLER(EventConformance, AfterAResetOneWaitsAgain) {
    event e(true);
    e.reset();
    e.reset();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const result<void> late = co_await TypeParam::wait(e, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(late.error());
    });
    auto waiter = this->start([&]() -> task<> { co_await TypeParam::wait(e); });
    until_all_wait();
    e.set();
    waiter.join();
}

WEFT_TEST_BY_CALLER(EventConformance, AStopEndsTheWait) {
    event e;
    std::stop_source stop;
    auto waiter = this->start_within(stop, [&]() -> task<> {
        const result<void> cancelled = co_await TypeParam::wait(e, testing::safety_net);
        expect_cancelled(cancelled.error());
        const result<void> before = co_await TypeParam::wait(e, deadline::never());
        expect_cancelled(before.error());
    });
    auto other = this->start([&]() -> task<> {
        co_await TypeParam::wait(e);
        EXPECT_TRUE(e.is_set());
    });
    until_all_wait();
    stop.request_stop();
    waiter.join();
    until_all_wait();
    e.set();
    other.join();
}

// No set() is missed by those that wait for it, however short it lasts.
WEFT_TEST_BY_CALLER(EventConformance, PingPong) {
    event ping;
    event pong;
    constexpr int rounds = 500;
    auto other = this->start([&]() -> task<> {
        for (int i = 0; i < rounds; ++i) {
            co_await TypeParam::wait(ping);
            ping.reset();
            pong.set();
        }
    });
    this->act([&]() -> task<> {
        for (int i = 0; i < rounds; ++i) {
            ping.set();
            const result<void> waited = co_await TypeParam::wait(pong, testing::safety_net);
            EXPECT_TRUE(waited.has_value());
            pong.reset();
        }
    });
    other.join();
}

WEFT_TEST_BY_CALLER(EventConformance, ManyWaitUnderShortDeadlinesAndStops) {
    for (int round = 0; round < 30; ++round) {
        event e;
        std::stop_source stop;
        std::atomic<int> went_on = 0;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start_within(stop, [&, i]() -> task<> {
                for (int n = 0; n < 10; ++n) {
                    const result<void> waited =
                        co_await TypeParam::wait(e, testing::timeout_of(i, n));
                    went_on += waited ? 1 : 0;
                }
                co_await TypeParam::wait(e);
                ++went_on;
            }));
        }
        std::this_thread::yield();
        stop.request_stop();
        e.set();
        all.clear();
        EXPECT_GE(went_on, 6);
    }
}

WEFT_TEST_BY_CALLER(EventConformance, MayBeDestroyedByTheWaiter) {
    for (int i = 0; i < 200; ++i) {
        auto e = std::make_unique<event>();
        auto waiter = this->start([here = e.get(), &e, i]() -> task<> {
            if (i % 2 == 0) {
                co_await TypeParam::wait(*here);
            } else {
                const result<void> waited = co_await TypeParam::wait(*here, testing::safety_net);
                EXPECT_TRUE(waited.has_value());
            }
            e.reset();
        });
        e.get()->set();
        waiter.join();
    }
}

}  // namespace
}  // namespace weft
