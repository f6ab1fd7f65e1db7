// SPDX-License-Identifier: Apache-2.0
//
// Coroutines that wait for futures, fibers and tasks, and that ask what bounds them.
#include <gtest/gtest.h>

#include <weft/co.h>
#include <weft/future.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <tuple>
#include <variant>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::safety_net;
using testing::two_workers;

task<> waits_with_deadlines() {
    promise<std::unique_ptr<int>> given;
    auto taken = given.get_future();
    const auto start = clock::now();
    const auto late = co_await co::wait(taken, 2ms);
    EXPECT_EQ(late.error(), std::errc::timed_out);
    EXPECT_GE(clock::now() - start, 2ms);
    auto status = co_await co::wait_until(taken, 1ms);
    EXPECT_EQ(status, std::future_status::timeout);
    EXPECT_TRUE(taken.valid());
    fiber giver = spawn([&] { given.set_value(std::make_unique<int>(7)); });
    const auto in_time = co_await co::wait(taken, safety_net);
    EXPECT_TRUE(in_time);
    const auto again = co_await co::wait(taken, clock::time_point::min());
    EXPECT_TRUE(again) << "what need not wait succeeds";
    status = co_await co::wait_until(taken, -1h);
    EXPECT_EQ(status, std::future_status::ready);
    const std::unique_ptr<int> value = taken.get();
    EXPECT_EQ(*value, 7);
    co_await co::join(giver);
}

task<> waits_without() {
    auto failing = async([]() -> int { throw std::runtime_error("x"); });
    co_await co::wait(failing);
    EXPECT_TRUE(failing.is_ready());
    EXPECT_THROW(failing.get(), std::runtime_error);
}

TEST(AsyncFuture, WaitsWithAndWithoutADeadline) {
    run(two_workers, [] {
        for (int i = 0; i < 20; ++i) {
            sync_wait(waits_with_deadlines());
            sync_wait(waits_without());
        }
    });
}

task<> waits_for_nothing() {
    future<int> none;
    EXPECT_THROW(co_await co::wait(none), std::future_error);
    EXPECT_THROW(co_await co::wait(none, 1ms), std::future_error);
    EXPECT_THROW(co_await co::when_any(none), std::future_error);
    EXPECT_THROW(co_await co::when_all(std::move(none)), std::future_error);
}

TEST(AsyncFuture, OneThatIsNotValid) {
    run([] { sync_wait(waits_for_nothing()); });
}

task<> gathers() {
    int referred = 0;
    auto [number, text, nothing, reference] =
        co_await co::when_all(async([] {
                                  this_fiber::sleep_for(1ms);
                                  return 1;
                              }),
                              async([] { return std::string("b"); }), async([] {}),
                              async([&]() -> int& { return referred; }));
    EXPECT_EQ(number, 1);
    EXPECT_EQ(text, "b");
    EXPECT_EQ(nothing, std::monostate());
    EXPECT_EQ(&reference, &referred);
    const std::tuple<> none = co_await co::when_all();
    static_cast<void>(none);
}

task<> gathers_failures() {
    bool ended = false;
    int first = 0;
    try {
        co_await co::when_all(async([&]() -> int {
                                  this_fiber::sleep_for(2ms);
                                  ended = true;
                                  return 1;
                              }),
                              async([]() -> int { throw 2; }), async([]() -> int { throw 3; }));
    } catch (const int thrown) {
        first = thrown;
    }
    EXPECT_EQ(first, 2) << "the first in order";
    EXPECT_TRUE(ended) << "when all are ready";
}

TEST(AsyncWhenAll, GathersValuesAndFailures) {
    run(two_workers, [] {
        sync_wait(gathers());
        sync_wait(gathers_failures());
    });
}

using three_futures = std::array<future<int>, 3>;

task<std::size_t> first_of(three_futures& all, bool with_deadline) {
    result<std::size_t> which = 0;
    if (with_deadline) {
        which = co_await co::when_any_until(safety_net, all[0], all[1], all[2]);
    } else {
        which = co_await co::when_any(all[0], all[1], all[2]);
    }
    co_return which.value();
}

class AsyncWhenAny : public ::testing::TestWithParam<actor_kind> {
protected:
    runtime runtime_{two_workers};
};
INSTANTIATE_TEST_SUITE_P(Givers, AsyncWhenAny,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(AsyncWhenAny, TellsWhichIsReady) {
    for (int i = 0; i < 300; ++i) {
        std::array<promise<int>, 3> given;
        three_futures taken{given[0].get_future(), given[1].get_future(), given[2].get_future()};
        const auto ready = static_cast<std::size_t>(i % 3);
        auto waiting = runtime_.spawn(first_of(taken, i % 2 == 0));
        actor give(runtime_, GetParam(), [&] { given[ready].set_value(i); });
        const std::size_t which = waiting.join();
        ASSERT_EQ(which, ready);
        EXPECT_EQ(taken[which].get(), i);
        give.join();
    }
}

task<> gives_up(promise<int>& given, future<int>& never) {
    const auto late = co_await co::when_any_until(1ms, never);
    EXPECT_EQ(late.error(), std::errc::timed_out);
    const auto bounded = co_await co::with_deadline(1ms, co::when_any(never));
    EXPECT_EQ(bounded.error(), std::errc::timed_out);
    promise<int> other;
    auto second = other.get_future();
    other.set_value(1);
    const auto which = co_await co::when_any_until(clock::time_point::min(), never, second);
    EXPECT_EQ(which, 1u);
    given.set_value(2);
    const auto first = co_await co::when_any(never, second);
    EXPECT_EQ(first, 0u) << "of several the first in order";
}

TEST(AsyncWhenAny, GivesUpAndLeavesTheFutures) {
    promise<int> given;
    auto never = given.get_future();
    run(two_workers, [&] { sync_wait(gives_up(given, never)); });
    EXPECT_EQ(never.get(), 2);
}

/// Waits in each of the ways that can be ended, until one is.
task<> waits_in_all_ways(std::error_code& ended) {
    auto one = async([] { this_fiber::yield(); });
    auto waited = co_await co::wait(one, safety_net);
    auto two = async([] { this_fiber::yield(); });
    if (waited) {
        const auto which = co_await co::when_any_until(safety_net, two);
        waited = which ? result<void>() : std::unexpected(which.error());
    }
    ended = waited ? std::error_code() : waited.error();
    // Their destructors must not wait.
    co_await co::wait(one);
    co_await co::wait(two);
}

TEST(AsyncFuture, StoppedAtEachWait) {
    run(two_workers, [] {
        bool stopped = true;
        for (std::uint64_t n = 1; stopped; ++n) {
            std::error_code ended;
            stopped = sync_wait(co::stop_at_wait(n, waits_in_all_ways(ended)));
            EXPECT_TRUE(!ended || (stopped && ended == std::errc::operation_canceled)) << ended;
            ASSERT_LT(n, 10u);
        }
    });
}

task<> joins_fibers(int round) {
    std::atomic<int> done = 0;
    fiber slow = spawn([&] {
        for (int i = 0; i < round % 4; ++i) {
            this_fiber::yield();
        }
        done = 1;
    });
    co_await co::join(slow);
    EXPECT_EQ(done, 1);
    EXPECT_FALSE(slow.joinable());

    fiber failing = spawn([] { throw std::runtime_error("x"); });
    EXPECT_THROW(co_await co::join(failing), std::runtime_error);

    fiber ended = spawn([&] { done = 2; });
    while (done != 2) {
        co_await co::yield();
    }
    co_await co::join(ended);

    fiber until_stopped = spawn([](const std::stop_token&) {
        EXPECT_EQ(this_fiber::sleep_for(1h).error(), std::errc::operation_canceled);
    });
    until_stopped.request_stop();
    co_await co::join(until_stopped);
}

TEST(AsyncJoin, OfFibers) {
    for (const unsigned workers : {1u, 2u}) {
        run({.workers = workers}, [] {
            for (int round = 0; round < 200; ++round) {
                sync_wait(joins_fibers(round));
            }
        });
    }
}

task<int> answers() {
    co_await co::yield();
    co_return 42;
}

task<> joins_a_task() {
    auto handle = spawn(answers());
    const int answer = co_await co::join(handle);
    EXPECT_EQ(answer, 42);
    EXPECT_FALSE(handle.joinable());
}

TEST(AsyncJoin, OfATask) {
    run([] { sync_wait(joins_a_task()); });
}

task<> asks_for_bounds(bool deadline_around, bool stopped) {
    const deadline until = co_await co::get_deadline();
    EXPECT_EQ(until.is_never(), !deadline_around);
    const bool stop = co_await co::stop_requested();
    EXPECT_EQ(stop, stopped);
    const std::stop_token token = co_await co::get_stop_token();
    EXPECT_EQ(token.stop_requested(), stopped);
}

TEST(AsyncBounds, AreTold) {
    run([] {
        std::stop_source source;
        sync_wait(asks_for_bounds(false, false));
        sync_wait(co::with_deadline(1h, asks_for_bounds(true, false)));
        sync_wait(co::with_stop_token(source.get_token(), asks_for_bounds(false, false)));
        source.request_stop();
        sync_wait(co::with_stop_token(source.get_token(),
                                      co::with_deadline(1h, asks_for_bounds(true, true))));
    });
}

}  // namespace
}  // namespace weft
