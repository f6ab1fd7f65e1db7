// SPDX-License-Identifier: Apache-2.0
//
// Scopes: children are waited for, the first exception stops the rest, results come back; bounds
// nest. On fibers, coroutines and plain threads.
#include <gtest/gtest.h>
#include <weft/scope.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <new>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weft/co.h>
#include <weft/fiber_local.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>

#include "counted.h"
#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::eventually;
using testing::safety_net;

class Scope : public ::testing::TestWithParam<unsigned> {
protected:
    runtime runtime_{{.workers = GetParam()}};
};
INSTANTIATE_TEST_SUITE_P(Workers, Scope, ::testing::Values(1u, 2u, 4u));

TEST_P(Scope, ReturnsWhatItsBodyReturns) {
    runtime_.run([] {
        EXPECT_EQ(with_scope([](scope&) { return 7; }), 7);
        const auto moved = with_scope([](scope&) { return std::make_unique<int>(8); });
        EXPECT_EQ(*moved, 8);
        with_scope([](scope&) {});
    });
}

TEST_P(Scope, WaitsForAllChildrenAndTheirChildren) {
    std::atomic<int> ended = 0;
    runtime_.run([&] {
        with_scope([&](scope& s) {
            for (int i = 0; i < 50; ++i) {
                s.spawn([&] {
                    EXPECT_TRUE(this_fiber::sleep_for(100us));
                    s.spawn([&] {
                        this_fiber::yield();
                        ++ended;
                    });
                    ++ended;
                });
            }
        });
        EXPECT_EQ(ended, 100);
    });
}

TEST_P(Scope, GathersResults) {
    runtime_.run([] {
        const int sum = with_scope([](scope& s) {
            std::vector<future<int>> parts;
            for (int i = 0; i < 20; ++i) {
                parts.push_back(s.spawn([](int n) { return n * n; }, i));
            }
            int total = 0;
            for (auto& part : parts) {
                total += part.get();
            }
            return total;
        });
        EXPECT_EQ(sum, 2470);
    });
}

/// A future may be kept until the scope has ended.
TEST_P(Scope, ResultsOutliveIt) {
    runtime_.run([] {
        future<std::string> kept;
        with_scope([&](scope& s) { kept = s.spawn([] { return std::string(100, 'x'); }); });
        ASSERT_TRUE(kept.is_ready());
        EXPECT_EQ(kept.get().size(), 100u);
    });
}

TEST_P(Scope, TheFirstExceptionStopsTheOthersAndTheBody) {
    runtime_.run([] {
        std::atomic<int> stopped = 0;
        const auto wait_for_the_stop = [&] {
            const auto slept = this_fiber::sleep_for(1h);
            ASSERT_FALSE(slept);
            EXPECT_EQ(slept.error(), std::errc::operation_canceled);
            EXPECT_TRUE(this_fiber::stop_requested());
            ++stopped;
        };
        const auto failing = [&](scope& s) {
            s.spawn(wait_for_the_stop);
            s.spawn([] {
                this_fiber::yield();
                throw std::runtime_error("of the child");
            });
            s.spawn(wait_for_the_stop);
            wait_for_the_stop();
        };
        try {
            with_scope(failing);
            FAIL() << "no exception";
        } catch (const std::runtime_error& e) {
            EXPECT_STREQ(e.what(), "of the child");
        }
        EXPECT_EQ(stopped, 3);
        EXPECT_FALSE(this_fiber::stop_requested());
    });
}

TEST_P(Scope, AnExceptionOfTheBodyStopsTheChildren) {
    runtime_.run([] {
        bool ended = false;
        EXPECT_THROW(with_scope([&](scope& s) {
                         s.spawn([&] {
                             EXPECT_FALSE(this_fiber::sleep_for(1h));
                             ended = true;
                         });
                         throw std::logic_error("of the body");
                     }),
                     std::logic_error);
        EXPECT_TRUE(ended);
    });
}

TEST_P(Scope, OfSeveralExceptionsOneLeaves) {
    runtime_.run([] {
        for (int i = 0; i < 100; ++i) {
            EXPECT_THROW(with_scope([](scope& s) {
                             for (int child = 0; child < 4; ++child) {
                                 s.spawn([child] { throw child; });
                             }
                         }),
                         int);
        }
    });
}

/// A child's exception is the future's and the scope's.
TEST_P(Scope, AFailedChildFailsItsFuture) {
    runtime_.run([] {
        EXPECT_THROW(with_scope([](scope& s) {
                         auto failing = s.spawn([]() -> int { throw 5; });
                         EXPECT_THROW(failing.get(), int);
                     }),
                     int);
    });
}

TEST_P(Scope, MayBeStoppedByHand) {
    runtime_.run([] {
        std::atomic<int> stopped = 0;
        with_scope([&](scope& s) {
            for (int i = 0; i < 10; ++i) {
                s.spawn([&] { stopped += this_fiber::sleep_for(1h) ? 0 : 1; });
            }
            EXPECT_TRUE(s.request_stop());
            EXPECT_FALSE(s.request_stop());
            EXPECT_TRUE(s.get_stop_token().stop_requested());
            EXPECT_FALSE(this_fiber::sleep_for(1h));
        });
        EXPECT_EQ(stopped, 10);
    });
}

TEST_P(Scope, IsStoppedWithTheOneAroundIt) {
    runtime_.run([] {
        std::atomic<int> stopped = 0;
        with_scope([&](scope& outer) {
            outer.spawn([&] {
                with_scope([&](scope& inner) {
                    inner.spawn([&] { stopped += this_fiber::sleep_for(1h) ? 0 : 1; });
                    stopped += this_fiber::sleep_for(1h) ? 0 : 1;
                });
                stopped += this_fiber::sleep_for(1h) ? 0 : 1;
            });
            outer.request_stop();
        });
        EXPECT_EQ(stopped, 3);
    });
}

TEST_P(Scope, StoppingTheInnerOneLeavesTheOuterOne) {
    runtime_.run([] {
        with_scope([](scope&) {
            with_scope([](scope& inner) {
                inner.request_stop();
                EXPECT_TRUE(this_fiber::stop_requested());
            });
            EXPECT_FALSE(this_fiber::stop_requested());
            EXPECT_TRUE(this_fiber::sleep_for(1us));
        });
    });
}

TEST_P(Scope, ChildrenHaveTheDeadlineAroundIt) {
    runtime_.run([] {
        std::atomic<int> timed_out = 0;
        with_deadline(2ms, [&] {
            with_scope([&](scope& s) {
                for (int i = 0; i < 3; ++i) {
                    s.spawn([&] {
                        const auto slept = this_fiber::sleep_for(1h);
                        timed_out += !slept && slept.error() == std::errc::timed_out ? 1 : 0;
                    });
                }
            });
        });
        EXPECT_EQ(timed_out, 3);
    });
}

TEST_P(Scope, OfAPlainThread) {
    std::atomic<int> ended = 0;
    const int sum = with_scope(runtime_, [&](scope& s) {
        auto a = s.spawn([&] {
            ++ended;
            return 1;
        });
        auto b = s.spawn([&] {
            ++ended;
            return 2;
        });
        return a.get() + b.get();
    });
    EXPECT_EQ(sum, 3);
    EXPECT_EQ(ended, 2);
    EXPECT_THROW(with_scope(runtime_,
                            [](scope& s) {
                                s.spawn([] { throw 1; });
                                EXPECT_FALSE(this_fiber::sleep_for(1h));
                            }),
                 int);
}

TEST_P(Scope, NamesAndOptionsOfChildren) {
    runtime_.run([] {
        with_scope([](scope& s) {
            auto name = s.spawn(fiber_options{.name = "child"},
                                [] { return std::string(this_fiber::name()); });
            EXPECT_EQ(name.get(), "child");
        });
    });
}

task<int> twice(int n) {
    const auto slept = co_await co::sleep_for(100us);
    co_return slept ? 2 * n : 0;
}

task<> sleep_until_stopped(std::atomic<int>& stopped) {
    const auto slept = co_await co::sleep_for(1h);
    const std::stop_token token = co_await co::get_stop_token();
    stopped += !slept && token.stop_requested() ? 1 : 0;
}

task<> fail_soon() {
    co_await co::yield();
    throw std::runtime_error("of the coroutine");
}

TEST_P(Scope, AChildThatGetsNoStackFailsIt) {
    runtime_.run([] {
        constexpr std::size_t too_large = std::size_t{1} << 35;
        bool ran = false;
        const auto waits_for_ever = [&](scope& s) {
            s.spawn({.stack_size = too_large}, [&] { ran = true; });
            EXPECT_FALSE(this_fiber::sleep_for(1h));
        };
        EXPECT_THROW(with_scope(waits_for_ever), std::bad_alloc);
        const auto wants_its_result = [&](scope& s) {
            EXPECT_THROW(s.spawn({.stack_size = too_large}, [] { return 1; }).get(),
                         std::future_error);
        };
        EXPECT_THROW(with_scope(wants_its_result), std::bad_alloc);
        EXPECT_FALSE(ran);
    });
}

void yield_often() {
    for (int i = 0; i < 20; ++i) {
        this_fiber::yield();
    }
}

/// What a child has, and not only its call, ends before the scope does.
TEST_P(Scope, OutlivesWhatItsChildrenHave) {
    static fiber_local<testing::counted> local;
    runtime_.run([] {
        const testing::counted original;
        for (int i = 0; i < 20; ++i) {
            with_scope([&](scope& s) {
                // They end while the scope waits for them.
                s.spawn([captured = original] {
                    local.get();
                    yield_often();
                });
                s.spawn([](const testing::counted&) { yield_often(); }, original);
            });
            EXPECT_EQ(testing::counted::alive, 1);
        }
    });
}

/// Sees whether the scope is over when it ends.
struct late {
    std::atomic<bool>* over;
    std::atomic<int>* too_late;
    late(std::atomic<bool>& o, std::atomic<int>& l) : over(&o), too_late(&l) {}
    late(late&& other) noexcept
        : over(std::exchange(other.over, nullptr)), too_late(other.too_late) {}
    late& operator=(late&&) = delete;
    ~late() {
        const auto limit = clock::now() + 10ms;
        while (over != nullptr && !*over && clock::now() < limit) {
            std::this_thread::yield();
        }
        *too_late += over != nullptr && *over ? 1 : 0;
    }
};

task<late> return_late(std::atomic<bool>& over, std::atomic<int>& too_late) {
    co_await co::yield();
    co_return late(over, too_late);
}

task<> throw_late(std::atomic<bool>& over, std::atomic<int>& too_late) {
    co_await co::yield();
    throw std::make_shared<late>(over, too_late);
}

TEST_P(Scope, OutlivesWhatItsCoroutinesLeave) {
    std::atomic<int> too_late = 0;
    for (int i = 0; i < 5; ++i) {
        std::atomic<bool> first_over = false;
        with_scope(runtime_, [&](scope& s) { (void)s.spawn(return_late(first_over, too_late)); });
        first_over = true;
        std::atomic<bool> over = false;
        EXPECT_ANY_THROW(with_scope(runtime_, [&](scope& s) {
            s.spawn(throw_late(over, too_late));
            s.spawn(throw_late(over, too_late));
        }));
        over = true;
    }
    EXPECT_EQ(too_late, 0);
}

TEST_P(Scope, RunsCoroutinesAsChildren) {
    runtime_.run([] {
        EXPECT_EQ(with_scope([](scope& s) {
                      auto a = s.spawn(twice(10));
                      auto b = s.spawn([] { return 1; });
                      return a.get() + b.get();
                  }),
                  21);
        std::atomic<int> stopped = 0;
        EXPECT_THROW(with_scope([&](scope& s) {
                         s.spawn(sleep_until_stopped(stopped));
                         s.spawn(sleep_until_stopped(stopped));
                         s.spawn(fail_soon());
                     }),
                     std::runtime_error);
        EXPECT_EQ(stopped, 2);
    });
}

task<int> scope_in_coroutine() {
    const auto body = [](scope& s) -> task<int> {
        auto a = s.spawn(twice(1));
        auto b = s.spawn([] { return 3; });
        const int first = co_await std::move(a);
        co_return first + co_await std::move(b);
    };
    co_return co_await co::with_scope(body);
}

task<> failing_scope_in_coroutine(std::atomic<int>& stopped) {
    const auto body = [&](scope& s) -> task<> {
        s.spawn(sleep_until_stopped(stopped));
        s.spawn([&] { stopped += this_fiber::sleep_for(1h) ? 0 : 1; });
        s.spawn(fail_soon());
        co_await sleep_until_stopped(stopped);
    };
    co_await co::with_scope(body);
}

TEST_P(Scope, InACoroutine) {
    EXPECT_EQ(runtime_.spawn(scope_in_coroutine()).join(), 5);
    std::atomic<int> stopped = 0;
    EXPECT_THROW(runtime_.spawn(failing_scope_in_coroutine(stopped)).join(), std::runtime_error);
    EXPECT_EQ(stopped, 3);
}

task<bool> sleeps_in_time() {
    const auto slept = co_await co::sleep_for(1h);
    co_return slept.has_value() || slept.error() != std::errc::timed_out;
}

task<int> nested_deadlines() {
    int wrong = 0;
    const bool inner = co_await co::with_deadline(1h, co::with_deadline(1ms, sleeps_in_time()));
    wrong += inner ? 1 : 0;
    const bool outer = co_await co::with_deadline(1ms, co::with_deadline(1h, sleeps_in_time()));
    wrong += outer ? 1 : 0;
    const auto after = co_await co::sleep_for(1us);
    wrong += after ? 0 : 1;
    co_return wrong;
}

TEST_P(Scope, DeadlinesNest) {
    EXPECT_EQ(runtime_.spawn(nested_deadlines()).join(), 0);
    runtime_.run([] {
        const auto timed_out = [] {
            const auto slept = this_fiber::sleep_for(1h);
            return !slept && slept.error() == std::errc::timed_out;
        };
        EXPECT_TRUE(with_deadline(1ms, [&] { return with_deadline(1h, timed_out); }));
        EXPECT_TRUE(with_deadline(1h, [&] { return with_deadline(1ms, timed_out); }));
        EXPECT_TRUE(this_fiber::get_deadline().is_never());
        with_deadline(1h, [] { EXPECT_FALSE(this_fiber::get_deadline().is_never()); });
        EXPECT_TRUE(this_fiber::sleep_for(1us));
    });
}

TEST_P(Scope, TokensNest) {
    runtime_.run([] {
        std::stop_source outer;
        std::stop_source inner;
        with_stop_token(outer.get_token(), [&] {
            with_stop_token(inner.get_token(), [&] {
                EXPECT_FALSE(this_fiber::stop_requested());
                outer.request_stop();
                EXPECT_TRUE(this_fiber::stop_requested());
                EXPECT_FALSE(this_fiber::sleep_for(1h));
            });
        });
        EXPECT_FALSE(inner.stop_requested());
        std::stop_source fresh;
        with_stop_token(fresh.get_token(), [&] {
            with_stop_token(std::stop_token(), [&] {
                fresh.request_stop();
                EXPECT_FALSE(this_fiber::sleep_for(1h));
            });
        });
    });
}

/// Many scopes whose children end, fail and are stopped at the same time.
TEST_P(Scope, ManyAtOnce) {
    runtime_.run([] {
        with_scope([](scope& all) {
            for (int i = 0; i < 100; ++i) {
                all.spawn([i] {
                    try {
                        with_scope([i](scope& s) {
                            for (int child = 0; child < 5; ++child) {
                                s.spawn([=] {
                                    (void)this_fiber::sleep_for(
                                        std::chrono::microseconds(child * 20));
                                    if (child == i % 7) {
                                        throw i;
                                    }
                                });
                            }
                            if (i % 3 == 0) {
                                s.request_stop();
                            }
                        });
                        EXPECT_GE(i % 7, 5);
                    } catch (int failed) {
                        EXPECT_EQ(failed, i);
                    }
                });
            }
        });
    });
}

}  // namespace
}  // namespace weft
