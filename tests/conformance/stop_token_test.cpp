// SPDX-License-Identifier: Apache-2.0
//
// What the standard says of std::stop_source, std::stop_token and std::stop_callback, where fibers,
// coroutines and plain threads use them: they are the standard library's own, which was written for
// threads. And the one thing that callbacks on fibers must not do.
#include <stop_token>

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include <weft/channel.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>

#include "callers.h"

namespace weft {
namespace {

using testing::until_all_wait;

using any_callback = std::stop_callback<std::function<void()>>;

/// Who runs here: neither changes before the next wait.
struct identity {
    std::thread::id on_thread;
    fiber::id on_fiber;

    bool operator==(const identity&) const = default;

    [[gnu::noinline]] static identity current() {
        asm volatile("");  // each call counts
        return {.on_thread = std::this_thread::get_id(), .on_fiber = this_fiber::get_id()};
    }
};

WEFT_TEST_BY_CALLER(StopTokenConformance, WithoutAStateNothingIsPossible) {
    this->act([&]() -> task<> {
        const std::stop_token none;
        const std::stop_source no_source(std::nostopstate);
        bool ran = false;
        const std::stop_callback callback(none, [&] { ran = true; });
        EXPECT_FALSE(none.stop_possible());
        EXPECT_FALSE(none.stop_requested());
        EXPECT_FALSE(no_source.stop_possible());
        EXPECT_FALSE(std::stop_source(no_source).request_stop());
        EXPECT_EQ(no_source.get_token(), none);
        std::stop_token orphan;
        {
            const std::stop_source source;
            orphan = source.get_token();
            EXPECT_TRUE(orphan.stop_possible());
        }
        EXPECT_FALSE(orphan.stop_possible()) << "nobody is left who could request it";
        EXPECT_FALSE(ran);
        co_return;
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, CopiesShareTheState) {
    this->act([&]() -> task<> {
        std::stop_source source;
        const std::stop_source copy = source;
        const std::stop_token token = source.get_token();
        EXPECT_EQ(source, copy);
        EXPECT_EQ(token, copy.get_token());
        EXPECT_NE(token, std::stop_source().get_token());
        EXPECT_FALSE(token.stop_requested());
        EXPECT_TRUE(source.request_stop());
        EXPECT_TRUE(token.stop_requested());
        EXPECT_TRUE(copy.stop_requested());
        EXPECT_FALSE(std::stop_source(copy).request_stop());
        source = std::stop_source();
        EXPECT_FALSE(source.stop_requested());
        EXPECT_TRUE(token.stop_possible()) << "it has happened";
        co_return;
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, ACallbackRunsAtOnceIfAStopWasRequested) {
    this->act([&]() -> task<> {
        std::optional<identity> ran;
        const identity me = identity::current();
        const std::stop_callback callback(testing::stopped(), [&] { ran = identity::current(); });
        EXPECT_EQ(ran, me) << "in the constructor";
        co_return;
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, CallbacksRunOnceOnTheOneThatRequests) {
    std::stop_source source;
    std::vector<identity> ran;
    std::vector<std::unique_ptr<any_callback>> callbacks;
    this->act([&]() -> task<> {
        for (int i = 0; i < 5; ++i) {
            callbacks.push_back(std::make_unique<any_callback>(
                source.get_token(), [&] { ran.push_back(identity::current()); }));
        }
        co_return;
    });
    this->act([&]() -> task<> {
        const identity me = identity::current();
        EXPECT_TRUE(source.request_stop());
        EXPECT_EQ(ran, std::vector(5, me)) << "before request_stop() returns";
        EXPECT_FALSE(source.request_stop());
        EXPECT_EQ(ran.size(), 5u);
        callbacks.clear();
        EXPECT_EQ(ran.size(), 5u);
        co_return;
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, WhoHasEndedIsNotCalled) {
    this->act([&]() -> task<> {
        std::stop_source source;
        int ran = 0;
        std::optional<any_callback> first;
        std::optional<any_callback> second;
        first.emplace(source.get_token(), [&] { ran += 1; });
        {
            const any_callback ended(source.get_token(), [&] { ran += 10; });
            second.emplace(source.get_token(), [&] { ran += 100; });
        }
        first.reset();
        co_await TypeParam::yield();
        source.request_stop();
        EXPECT_EQ(ran, 100);
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, ACallbackMayEndItselfAndOthers) {
    this->act([&]() -> task<> {
        std::stop_source source;
        int ran = 0;
        std::optional<any_callback> one;
        std::optional<any_callback> other;
        // Whichever is called first ends both, so the other one is not called.
        const auto end_both = [&] {
            auto& a = one;  // the captures end with the callback
            auto& b = other;
            ++ran;
            a.reset();
            b.reset();
        };
        one.emplace(source.get_token(), end_both);
        other.emplace(source.get_token(), end_both);
        co_await TypeParam::yield();
        EXPECT_TRUE(source.request_stop());
        EXPECT_EQ(ran, 1);
        EXPECT_FALSE(one || other);
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, ACallbackMayRegisterAnotherAndRequestAgain) {
    this->act([&]() -> task<> {
        std::stop_source source;
        int ran = 0;
        const std::stop_callback outer(source.get_token(), [&] {
            EXPECT_TRUE(source.stop_requested());
            EXPECT_FALSE(source.request_stop());
            const std::stop_callback inner(source.get_token(), [&] { ++ran; });
            EXPECT_EQ(ran, 1) << "at once";
        });
        source.request_stop();
        EXPECT_EQ(ran, 1);
        co_return;
    });
}

WEFT_TEST_BY_CALLER(StopTokenConformance, CallbacksMayWakeOthers) {
    counting_semaphore<> permits(0);
    mutex held;
    const channel<int> values(1);
    std::stop_source source;
    auto waiter = this->start([&]() -> task<> {
        co_await TypeParam::acquire(permits);
        const auto lock = co_await TypeParam::lock(held);
        EXPECT_EQ(values.try_receive(), 7);
        EXPECT_TRUE(values.is_closed());
    });
    this->act([&]() -> task<> {
        const std::stop_callback callback(source.get_token(), [&] {
            EXPECT_TRUE(held.try_lock());
            EXPECT_TRUE(values.try_send(7));
            values.close();
            permits.release();
            held.unlock();
        });
        co_await TypeParam::yield();
        source.request_stop();
    });
    waiter.join();
}

// On a plain thread a callback may wait: nobody else runs on it.

WEFT_TEST_BY_CALLER(StopTokenConformance, TheEndOfACallbackWaitsUntilItHasRun) {
    std::stop_source source;
    counting_semaphore<> go_on(0);
    std::atomic<bool> ran = false;
    std::atomic<bool> ended = false;
    std::optional<any_callback> callback;
    callback.emplace(source.get_token(), [&] {
        go_on.acquire();
        ran = true;
    });
    std::jthread requester([&] { source.request_stop(); });
    until_all_wait();
    auto ending = this->start([&]() -> task<> {
        callback.reset();
        EXPECT_TRUE(ran);
        ended = true;
        co_return;
    });
    until_all_wait();
    EXPECT_TRUE(source.stop_requested());
    EXPECT_FALSE(ended);
    go_on.release();
    ending.join();
}

WEFT_TEST_BY_CALLER(StopTokenConformance, OneOfManyRequestsIsTheFirst) {
    for (int round = 0; round < 20; ++round) {
        std::stop_source source;
        std::atomic<int> first = 0;
        std::atomic<int> ran = 0;
        const std::stop_callback callback(source.get_token(), [&] { ++ran; });
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(this->start([&]() -> task<> {
                first += source.request_stop() ? 1 : 0;
                EXPECT_TRUE(source.stop_requested());
                co_return;
            }));
        }
        for (auto& each : all) {
            each.join();
        }
        EXPECT_EQ(first, 1);
        EXPECT_EQ(ran, 1);
    }
}

WEFT_TEST_BY_CALLER(StopTokenConformance, ManyRegisterWhileOneStops) {
    for (int round = 0; round < 8; ++round) {
        std::stop_source source;
        std::atomic<int> registered = 0;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 4; ++i) {
            all.push_back(this->start([&]() -> task<> {
                const std::stop_token token = source.get_token();
                // Callbacks come and go; one that is there when the stop comes runs once, be it by
                // the requester, be it at once.
                bool seen = false;
                while (!seen) {
                    std::atomic<int> ran = 0;
                    const std::stop_callback callback(token, [&] { ++ran; });
                    ++registered;
                    seen = token.stop_requested();
                    co_await TypeParam::yield();
                    while (seen && ran == 0) {
                        co_await TypeParam::yield();
                    }
                    EXPECT_LE(ran, 1);
                }
            }));
        }
        EXPECT_TRUE(testing::eventually([&] { return registered >= 4 + round; }));
        EXPECT_TRUE(source.request_stop());
        for (auto& each : all) {
            each.join();
        }
    }
}

WEFT_TEST_BY_CALLER(StopTokenConformance, OfWhatBoundsTheCaller) {
    for (const bool inner : {true, false}) {
        std::stop_source outside;
        std::stop_source inside;
        counting_semaphore<> ready(0);
        counting_semaphore<> never(0);
        std::atomic<int> ran = 0;
        auto bounded = this->start_within(outside, [&]() -> task<> {
            const auto body = [&]() -> task<> {
                const std::stop_token token = co_await TypeParam::get_stop_token();
                EXPECT_TRUE(token.stop_possible());
                const std::stop_callback callback(token, [&] { ++ran; });
                ready.release();
                const result<void> ended =
                    co_await TypeParam::acquire(never, deadline(testing::safety_net));
                testing::expect_cancelled(ended.error());
                while (ran == 0) {
                    co_await TypeParam::yield();
                }
            };
            if constexpr (TypeParam::is_coroutine) {
                co_await co::with_stop_token(inside.get_token(), body());
            } else {
                with_stop_token(inside.get_token(), [&] { testing::run_inline(body()); });
            }
        });
        ready.acquire();
        (inner ? inside : outside).request_stop();
        bounded.join();
        EXPECT_EQ(ran, 1);
    }
}

#ifndef NDEBUG

// The standard library tells the one that runs callbacks from others by its kernel thread. If a
// fiber waits in a callback, others run on that thread, and it goes on on another one.

class StopCallbackDeathTest : public ::testing::Test {
protected:
    StopCallbackDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }

    /// Dies if a fiber that runs `request` must not wait.
    template <class Request>
    static void wait_in_callback(const std::stop_token& token, Request request) {
        mutex held;
        const std::lock_guard guard(held);
        const std::stop_callback callback(token, [&] { held.lock(); });
        spawn(std::move(request)).join();
    }

    static constexpr const char* message = "a callback of a stop token waits or yields";
};

TEST_F(StopCallbackDeathTest, WaitsInAStopOfAFiber) {
    EXPECT_DEATH(run(testing::one_worker,
                     [] {
                         fiber f = spawn([](const std::stop_token& token) {
                             while (!token.stop_requested()) {
                                 this_fiber::yield();
                             }
                         });
                         wait_in_callback(f.get_stop_token(), [&] { f.request_stop(); });
                     }),
                 message);
}

TEST_F(StopCallbackDeathTest, WaitsInAStopOfAScope) {
    EXPECT_DEATH(run(testing::one_worker,
                     [] {
                         with_scope([](scope& s) {
                             wait_in_callback(s.get_stop_token(), [&] { s.request_stop(); });
                         });
                     }),
                 message);
}

TEST_F(StopCallbackDeathTest, WaitsInAStopThatAScopeHandsOn) {
    std::stop_source source;
    EXPECT_DEATH(run(testing::one_worker,
                     [&] {
                         with_stop_token(source.get_token(), [&] {
                             with_scope([&](scope& s) {
                                 wait_in_callback(s.get_stop_token(),
                                                  [&] { source.request_stop(); });
                             });
                         });
                     }),
                 message);
}

TEST_F(StopCallbackDeathTest, Yields) {
    EXPECT_DEATH(run(testing::one_worker,
                     [] {
                         fiber f = spawn([](const std::stop_token& token) {
                             const std::stop_callback yields(token, [] { this_fiber::yield(); });
                             static_cast<void>(this_fiber::sleep_for(testing::safety_net));
                         });
                         this_fiber::yield();
                         f.request_stop();
                     }),
                 message);
}

#endif  // NDEBUG

}  // namespace
}  // namespace weft
