// SPDX-License-Identifier: Apache-2.0
//
// weft::promise, future and async against the standard's where tests/integration/future_test.cpp,
// which has the plain course, says nothing: handles that are moved, who is first, what lives until
// when.
#include <weft/future.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <exception>
#include <memory>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

static_assert(!std::is_copy_constructible_v<future<int>>);
static_assert(!std::is_copy_constructible_v<promise<int>>);
static_assert(std::is_nothrow_move_constructible_v<future<int>>);
static_assert(std::is_nothrow_move_assignable_v<future<int>>);
static_assert(std::is_nothrow_move_constructible_v<promise<int>>);
static_assert(std::is_nothrow_move_assignable_v<promise<int>>);
static_assert(std::is_nothrow_swappable_v<promise<int>>);

template <class Misuse>
std::error_code code_of(Misuse misuse) {
    try {
        misuse();
    } catch (const std::future_error& e) {
        return e.code();
    }
    return {};
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, APromiseThatIsAssignedToBreaksTheOldOne) {
    this->act([&]() -> task<> {
        promise<int> p;
        future<int> old = p.get_future();
        promise<int> other;
        future<int> of_other = other.get_future();
        p = std::move(other);
        EXPECT_EQ(code_of([&] { old.get(); }), std::future_errc::broken_promise);
        EXPECT_FALSE(of_other.is_ready());
        EXPECT_EQ(code_of([&] { static_cast<void>(p.get_future()); }),
                  std::future_errc::future_already_retrieved);
        p.set_value(3);
        EXPECT_EQ(of_other.get(), 3);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, APromiseThatIsMovedToItselfStays) {
    this->act([&]() -> task<> {
        promise<int> p;
        future<int> f = p.get_future();
        promise<int>& same = p;
        p = std::move(same);
        EXPECT_FALSE(f.is_ready());
        p.set_value(4);
        EXPECT_EQ(f.get(), 4);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, SwapExchangesPromisesAndFutures) {
    this->act([&]() -> task<> {
        promise<int> a;
        promise<int> b;
        future<int> of_a = a.get_future();
        future<int> of_b = b.get_future();
        std::swap(a, b);
        a.set_value(1);
        b.set_value(2);
        EXPECT_TRUE(of_a.is_ready() && of_b.is_ready()) << "neither was broken";
        std::swap(of_a, of_b);
        EXPECT_EQ(of_a.get(), 1);
        EXPECT_EQ(of_b.get(), 2);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, AFutureIsOfUseOnceAlsoIfItThrows) {
    this->act([&]() -> task<> {
        promise<int> p;
        future<int> f = p.get_future();
        p.set_exception(std::make_exception_ptr(std::runtime_error("kept")));
        EXPECT_THROW(f.get(), std::runtime_error);
        EXPECT_FALSE(f.valid());
        EXPECT_EQ(code_of([&] { f.get(); }), std::future_errc::no_state);
        EXPECT_EQ(code_of([&] { static_cast<void>(f.wait_for(0s)); }), std::future_errc::no_state);
        future<int> none;
        future<int> moved = std::move(none);
        EXPECT_FALSE(moved.valid() || none.valid());  // NOLINT(bugprone-use-after-move)
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, AValueOutlivesItsPromiseAndNobodyMayWantIt) {
    this->act([&]() -> task<> {
        const auto counted = std::make_shared<int>(5);
        future<std::shared_ptr<int>> f;
        {
            promise<std::shared_ptr<int>> p;
            f = p.get_future();
            p.set_value(counted);
        }
        EXPECT_EQ(counted.use_count(), 2);
        EXPECT_EQ(*f.get(), 5);
        EXPECT_EQ(counted.use_count(), 1);
        {
            promise<std::shared_ptr<int>> p;
            static_cast<void>(p.get_future());
            p.set_value(counted);
            EXPECT_EQ(counted.use_count(), 2);
        }
        EXPECT_EQ(counted.use_count(), 1);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, WaitsOnAnyClock) {
    this->act([&]() -> task<> {
        promise<void> p;
        const future<void> f = p.get_future();
        const auto on_the_wall = std::chrono::system_clock::now() + 1ms;
        EXPECT_EQ(f.wait_until(on_the_wall), std::future_status::timeout);
        EXPECT_GE(std::chrono::system_clock::now(), on_the_wall);
        EXPECT_EQ(f.wait_for(-1h), std::future_status::timeout);
        p.set_value();
        EXPECT_EQ(f.wait_until(on_the_wall), std::future_status::ready);
        EXPECT_EQ(f.wait_for(-1h), std::future_status::ready);
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(FutureConformance, OneOfManyKeepsThePromise) {
    for (int round = 0; round < 20; ++round) {
        promise<int> p;
        future<int> f = p.get_future();
        std::atomic<int> winner = -1;
        std::atomic<int> refused = 0;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(this->start([&, i]() -> task<> {
                const std::error_code code = code_of([&] { p.set_value(int{i}); });
                if (code == std::future_errc::promise_already_satisfied) {
                    ++refused;
                } else {
                    winner = i;
                }
                co_return;
            }));
        }
        const int got = f.get();
        for (auto& each : all) {
            each.join();
        }
        EXPECT_EQ(refused, 3);
        EXPECT_EQ(got, winner);
    }
}

struct throws_when_copied {
    throws_when_copied() = default;
    throws_when_copied(const throws_when_copied&) { throw std::logic_error("copied"); }
};

TEST(AsyncConformance, ACopyOfAnArgumentThatThrowsLeavesTheCall) {
    run([] {
        bool ran = false;
        const throws_when_copied argument;
        EXPECT_THROW(
            static_cast<void>(async([&](const throws_when_copied&) { ran = true; }, argument)),
            std::logic_error);
        EXPECT_FALSE(ran);
    });
}

TEST(AsyncConformance, ItsExceptionGoesToTheFutureOnly) {
    run([] {
        {
            const future<void> unasked = async([] { throw std::runtime_error("dropped"); });
        }
        future<int> f = async([]() -> int { throw std::runtime_error("kept"); });
        f.wait();
        EXPECT_TRUE(f.valid());
        EXPECT_THROW(f.get(), std::runtime_error);
    });
}

}  // namespace
}  // namespace weft
