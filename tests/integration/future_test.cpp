// SPDX-License-Identifier: Apache-2.0
//
// future, promise, async, when_all and when_any: what the standard says of the first three, case by
// case, between fibers, coroutines and plain threads; and the others.
#include <gtest/gtest.h>
#include <weft/future.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include "counted.h"
#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::safety_net;

std::error_code code_of(const std::function<void()>& misuse) {
    try {
        misuse();
    } catch (const std::future_error& e) {
        return e.code();
    }
    return {};
}

class Future : public ::testing::TestWithParam<std::tuple<actor_kind, actor_kind>> {
protected:
    [[nodiscard]] static actor_kind giver() { return std::get<0>(GetParam()); }
    [[nodiscard]] static actor_kind taker() { return std::get<1>(GetParam()); }
    runtime runtime_{{.workers = 2}};
};
INSTANTIATE_TEST_SUITE_P(
    Actors, Future,
    ::testing::Combine(::testing::Values(actor_kind::fiber, actor_kind::thread),
                       ::testing::Values(actor_kind::fiber, actor_kind::thread)),
    [](const auto& of) {
        return name_of(std::get<0>(of.param)) + "_to_" + name_of(std::get<1>(of.param));
    });

TEST_P(Future, TakesWhatThePromiseGives) {
    for (int i = 0; i < 200; ++i) {
        promise<std::unique_ptr<int>> given;
        auto taken = given.get_future();
        actor give(runtime_, giver(), [&] { given.set_value(std::make_unique<int>(i)); });
        act(runtime_, taker(), [&] {
            EXPECT_EQ(*taken.get(), i);
            EXPECT_FALSE(taken.valid());
        });
    }
}

TEST_P(Future, ThrowsWhatThePromiseGot) {
    promise<int> given;
    auto taken = given.get_future();
    actor give(runtime_, giver(),
               [&] { given.set_exception(std::make_exception_ptr(std::runtime_error("no"))); });
    act(runtime_, taker(), [&] { EXPECT_THROW(taken.get(), std::runtime_error); });
}

TEST_P(Future, OfAReferenceAndOfNothing) {
    int referred = 1;
    promise<int&> to_reference;
    promise<void> to_nothing;
    auto reference = to_reference.get_future();
    auto nothing = to_nothing.get_future();
    actor give(runtime_, giver(), [&] {
        to_reference.set_value(referred);
        to_nothing.set_value();
    });
    act(runtime_, taker(), [&] {
        EXPECT_EQ(&reference.get(), &referred);
        nothing.get();
    });
}

TEST_P(Future, TellsOfABrokenPromise) {
    auto given = std::make_unique<promise<int>>();
    auto taken = given->get_future();
    actor give(runtime_, giver(), [&] { given.reset(); });
    act(runtime_, taker(),
        [&] { EXPECT_EQ(code_of([&] { taken.get(); }), std::future_errc::broken_promise); });
}

TEST_P(Future, WaitsAsLongAsItIsTold) {
    promise<int> given;
    const auto taken = given.get_future();
    act(runtime_, taker(), [&] {
        EXPECT_FALSE(taken.is_ready());
        EXPECT_EQ(taken.wait_for(1ms), std::future_status::timeout);
        EXPECT_EQ(taken.wait_until(clock::now()), std::future_status::timeout);
        const auto waited = taken.wait(deadline(1ms));
        ASSERT_FALSE(waited);
        EXPECT_EQ(waited.error(), std::errc::timed_out);
    });
    actor give(runtime_, giver(), [&] { given.set_value(1); });
    act(runtime_, taker(), [&] {
        EXPECT_TRUE(taken.wait(safety_net));
        taken.wait();
        EXPECT_EQ(taken.wait_for(0s), std::future_status::ready);
        EXPECT_TRUE(taken.is_ready());
    });
}

TEST(FutureMisuse, IsReportedAsByTheStandard) {
    promise<int> given;
    auto taken = given.get_future();
    EXPECT_EQ(code_of([&] { (void)given.get_future(); }),
              std::future_errc::future_already_retrieved);
    given.set_value(1);
    EXPECT_EQ(code_of([&] { given.set_value(2); }), std::future_errc::promise_already_satisfied);
    EXPECT_EQ(code_of([&] { given.set_exception(std::make_exception_ptr(1)); }),
              std::future_errc::promise_already_satisfied);
    EXPECT_EQ(taken.get(), 1);
    EXPECT_EQ(code_of([&] { taken.get(); }), std::future_errc::no_state);
    EXPECT_EQ(code_of([] { future<int>().wait(); }), std::future_errc::no_state);
    promise<int> moved = std::move(given);
    EXPECT_EQ(code_of([&] { (void)given.get_future(); }), std::future_errc::no_state);  // NOLINT
    EXPECT_EQ(code_of([&] { given.set_value(1); }), std::future_errc::no_state);        // NOLINT
}

struct throws_when_copied {
    throws_when_copied() = default;
    throws_when_copied(const throws_when_copied&) { throw std::logic_error("copied"); }
    throws_when_copied(throws_when_copied&&) noexcept = default;
    throws_when_copied& operator=(throws_when_copied&&) = default;
};

TEST(FutureMisuse, AValueThatCannotBeMadeLeavesThePromise) {
    promise<throws_when_copied> given;
    auto taken = given.get_future();
    const throws_when_copied value;
    EXPECT_THROW(given.set_value(value), std::logic_error);
    EXPECT_FALSE(taken.is_ready());
    given.set_value(throws_when_copied());
    EXPECT_TRUE(taken.is_ready());
}

TEST(Async, GivesResultsExceptionsAndNothing) {
    run([] {
        EXPECT_EQ(async([](int a, int b) { return a + b; }, 1, 2).get(), 3);
        EXPECT_THROW(async([]() -> int { throw 1; }).get(), int);
        bool ran = false;
        async([&] { ran = true; }).get();
        EXPECT_TRUE(ran);
        int referred = 0;
        EXPECT_EQ(&async([&]() -> int& { return referred; }).get(), &referred);
        auto owned = std::make_unique<int>(4);
        EXPECT_EQ(
            weft::async([](const std::unique_ptr<int>& p) { return *p; }, std::move(owned)).get(),
            4);
    });
}

TEST(Async, WhatItWasCalledWithEndsBeforeItsResultIsThere) {
    run([] {
        const testing::counted original;
        for (int i = 0; i < 20; ++i) {
            auto of_argument = async([](const testing::counted&) {}, original);
            of_argument.get();
            EXPECT_EQ(testing::counted::alive, 1);
            auto of_callable = async([captured = original] { return 1; });
            EXPECT_EQ(of_callable.get(), 1);
            EXPECT_EQ(testing::counted::alive, 1);
        }
    });
}

TEST(Async, ItsFutureWaitsAtItsEndAndOthersDoNot) {
    run([] {
        bool ended = false;
        {
            auto f = async([&] {
                this_fiber::sleep_for(1ms);
                ended = true;
            });
        }
        EXPECT_TRUE(ended);
        ended = false;
        {
            auto f = async([&] {
                this_fiber::sleep_for(1ms);
                ended = true;
            });
            f = async([] {});
            EXPECT_TRUE(ended);
        }
        promise<int> never_kept;
        {
            auto f = never_kept.get_future();
        }
    });
}

task<int> sum_in_coroutine() {
    future<int> ready = async([] { return 1; });
    promise<int> late;
    future<int> waiting = late.get_future();
    fiber giver = spawn([&] { late.set_value(2); });
    const int first = co_await std::move(ready);
    const int second = co_await std::move(waiting);
    giver.detach();
    co_return first + second;
}

task<> failing_in_coroutine() {
    future<void> failing = async([] { throw std::runtime_error("x"); });
    co_await std::move(failing);
}

TEST(FutureInCoroutine, IsAwaited) {
    run({.workers = 2}, [] {
        for (int i = 0; i < 100; ++i) {
            EXPECT_EQ(sync_wait(sum_in_coroutine()), 3);
        }
        EXPECT_THROW(sync_wait(failing_in_coroutine()), std::runtime_error);
    });
}

TEST(WhenAll, GathersInOrder) {
    run([] {
        auto [number, text, nothing] =
            when_all(async([] {
                         this_fiber::sleep_for(1ms);
                         return 1;
                     }),
                     async([] { return std::string("b"); }), async([] {}));
        EXPECT_EQ(number, 1);
        EXPECT_EQ(text, "b");
        EXPECT_EQ(nothing, std::monostate());
    });
}

TEST(WhenAll, ThrowsTheFirstInOrderWhenAllAreReady) {
    run([] {
        bool ended = false;
        try {
            when_all(async([&]() -> int {
                         this_fiber::sleep_for(2ms);
                         ended = true;
                         return 1;
                     }),
                     async([]() -> int { throw 2; }), async([]() -> int { throw 3; }));
            FAIL();
        } catch (int first) {
            EXPECT_EQ(first, 2);
        }
        EXPECT_TRUE(ended);
    });
}

class WhenAny : public ::testing::TestWithParam<actor_kind> {
protected:
    runtime runtime_{{.workers = 2}};
};
INSTANTIATE_TEST_SUITE_P(Actors, WhenAny, ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         [](const auto& of) { return name_of(of.param); });

TEST_P(WhenAny, TellsWhichIsReady) {
    for (int i = 0; i < 300; ++i) {
        std::array<promise<int>, 3> given;
        std::array<future<int>, 3> taken{given[0].get_future(), given[1].get_future(),
                                         given[2].get_future()};
        const auto ready = static_cast<std::size_t>(i % 3);
        actor give(runtime_, GetParam(), [&] { given[ready].set_value(i); });
        act(runtime_, GetParam(), [&] {
            const auto which = when_any(taken[0], taken[1], taken[2]);
            ASSERT_TRUE(which);
            EXPECT_EQ(*which, ready);
            EXPECT_EQ(taken[*which].get(), i);
        });
        give.join();
    }
}

TEST_P(WhenAny, OfSeveralThatAreReadyTheFirst) {
    promise<int> a;
    promise<std::string> b;
    auto first = a.get_future();
    auto second = b.get_future();
    b.set_value("b");
    act(runtime_, GetParam(), [&] {
        EXPECT_EQ(when_any(first, second), 1u);
        a.set_value(1);
        EXPECT_EQ(when_any(first, second), 0u);
        EXPECT_EQ(when_any_until(clock::now(), first, second), 0u);
    });
}

TEST_P(WhenAny, GivesUpAndLeavesTheFutures) {
    promise<int> a;
    auto never = a.get_future();
    act(runtime_, GetParam(), [&] {
        const auto late = when_any_until(1ms, never);
        ASSERT_FALSE(late);
        EXPECT_EQ(late.error(), std::errc::timed_out);
        std::stop_source stop;
        stop.request_stop();
        const auto stopped = with_stop_token(stop.get_token(), [&] { return when_any(never); });
        ASSERT_FALSE(stopped);
        EXPECT_EQ(stopped.error(), std::errc::operation_canceled);
    });
    a.set_value(3);
    EXPECT_EQ(never.get(), 3);
}

}  // namespace
}  // namespace weft
