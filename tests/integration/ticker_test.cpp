// SPDX-License-Identifier: Apache-2.0
//
// Tickers: the grid, what a slow receiver misses, deadlines and stops, select.
#include <gtest/gtest.h>
#include <weft/ticker.h>

#include <chrono>
#include <limits>
#include <stdexcept>

#include <weft/channel.h>
#include <weft/select.h>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class Ticker : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, Ticker, each_caller, name_of_caller);

TEST_P(Ticker, TicksOnAGridThatDoesNotMove) {
    const auto start = clock::now();
    ticker t(2ms, start + 2ms);
    std::uint64_t ticks = 0;
    for (int i = 0; i < 20; ++i) {
        const auto missed = call(WEFT_BOTH_OF(t, wait, safety_net));
        ASSERT_TRUE(missed);
        ticks += 1 + *missed;
        ASSERT_GE(clock::now(), start + 2ms * ticks) << "early";
        ASSERT_EQ(t.next(), start + 2ms * (ticks + 1));
    }
}

TEST_P(Ticker, ASlowReceiverMissesTicks) {
    const auto start = clock::now();
    // A hundred and a half periods ago; then a tick that is far away.
    ticker t(1h, start - 100h - 30min);
    EXPECT_EQ(*call(WEFT_BOTH_OF(t, wait)), 100u);
    EXPECT_EQ(t.next(), start + 30min);
    EXPECT_EQ(call(WEFT_BOTH_OF(t, wait, 1ms)).error(), std::errc::timed_out);
    EXPECT_EQ(t.next(), start + 30min) << "it is not lost";
    EXPECT_EQ(t.period(), 1h);
}

TEST_P(Ticker, WhatEndsAWait) {
    ticker far(1h);
    const auto begin = clock::now();
    EXPECT_EQ(call(WEFT_BOTH_OF(far, wait, 2ms)).error(), std::errc::timed_out);
    EXPECT_GE(clock::now(), begin + 2ms);
    EXPECT_EQ(call_in({.token = {}, .until = begin}, WEFT_BOTH_OF(far, wait)).error(),
              std::errc::timed_out);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto waiting = start_in(limits, WEFT_BOTH_OF(far, wait));
    waiting.wait_for(1ms);
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    ticker due(1h, begin - 1ms);
    EXPECT_EQ(*call_in(limits, WEFT_BOTH_OF(due, wait, clock::time_point::min())), 0u)
        << "what need not wait succeeds";
}

task<> wait_in_coroutine(ticker& t, std::error_code& failed) {
    failed = error_of(co_await co::wait(t));
}

TEST_P(Ticker, StoppedAtTheNthWaitForAllN) {
    ticker t(1h);
    std::error_code failed;
    const auto stopped = [&](std::uint64_t n) {
        return call([&] { return stop_at_wait(n, [&] { failed = error_of(t.wait()); }); },
                    [&] { return co::stop_at_wait(n, wait_in_coroutine(t, failed)); });
    };
    EXPECT_TRUE(stopped(1));
    EXPECT_EQ(failed, std::errc::operation_canceled);
    t.reset(1ms);
    EXPECT_FALSE(stopped(2)) << "it waits once";
    EXPECT_FALSE(failed);
}

task<result<std::size_t>> select_in_coroutine(ticker& t, channel<int>& from, std::uint64_t& missed,
                                              deadline until) {
    co_return co_await co::select(on_receive(from, [](std::optional<int>) {}),
                                  on_tick(t, [&](std::uint64_t n) { missed = n; }),
                                  on_deadline(until));
}

TEST_P(Ticker, Select) {
    channel<int> from(1);
    std::uint64_t missed = 0;
    const auto select_from = [&](ticker& t, deadline until) {
        return call(
            [&] {
                return select(on_receive(from, [](std::optional<int>) {}),
                              on_tick(t, [&](std::uint64_t n) { missed = n; }), on_deadline(until));
            },
            [&] { return select_in_coroutine(t, from, missed, until); });
    };
    const auto begin = clock::now();
    ticker soon(2ms, begin + 2ms);
    EXPECT_EQ(*select_from(soon, safety_net), 1u);
    EXPECT_GE(clock::now(), begin + 2ms * (missed + 1));
    EXPECT_EQ(soon.next(), begin + 2ms * (missed + 2));
    ticker late(1h, begin - 10h - 1min);
    EXPECT_EQ(*select_from(late, safety_net), 1u);
    EXPECT_EQ(missed, 10u);
    EXPECT_EQ(*select_from(late, 1ms), 2u) << "the deadline comes first";
    EXPECT_TRUE(from.send(7));
    EXPECT_EQ(*select_from(late, safety_net), 0u);
    EXPECT_EQ(late.next(), begin + 1h - 1min) << "not taken";
}

TEST(TickerValues, TheEdgesOfTime) {
    EXPECT_THROW(ticker(0ms), std::invalid_argument);
    EXPECT_THROW(ticker(-1ms), std::invalid_argument);
    ticker t(1ns);
    EXPECT_THROW(t.reset(0ms), std::invalid_argument);
    EXPECT_TRUE(t.wait(safety_net));
    ticker never(clock::duration::max());
    EXPECT_EQ(never.wait(1ms).error(), std::errc::timed_out);
    ticker past(clock::duration::max(), clock::time_point::min());
    EXPECT_EQ(*past.wait(), 1u);
    EXPECT_GT(past.next(), clock::now());
}

}  // namespace
}  // namespace weft
