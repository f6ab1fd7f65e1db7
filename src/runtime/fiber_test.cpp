// SPDX-License-Identifier: Apache-2.0
//
// weft::fiber and weft::this_fiber, on one worker (where order is defined) and on several.
#include <weft/fiber.h>

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cfenv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

TEST(Fiber, RunsAndIsJoined) {
    const int answer = run(one_worker, [] {
        int value = 0;
        fiber f = spawn([&] { value = 42; });
        EXPECT_TRUE(f.joinable());
        f.join();
        EXPECT_FALSE(f.joinable());
        return value;
    });
    EXPECT_EQ(answer, 42);
}

std::string order_of_turns(const runtime_options& options) {
    return run(options, [] {
        std::string order;
        const auto body = [&](char name) {
            return [&order, name] {
                for (int i = 0; i < 3; ++i) {
                    order += name;
                    this_fiber::yield();
                }
            };
        };
        fiber a = spawn(body('a'));
        fiber b = spawn(body('b'));
        fiber c = spawn(body('c'));
        a.join();
        b.join();
        c.join();
        return order;
    });
}

TEST(Fiber, FifoOrderOnOneWorker) {
    EXPECT_EQ(order_of_turns({.workers = 1, .fifo = true, .preempt = false}), "abcabcabc");
#if !defined(__SANITIZE_THREAD__)  // first turns take milliseconds there, and are charged
    EXPECT_EQ(order_of_turns(one_worker), "abcabcabc");
#endif
}

TEST(Fiber, CopiesAndMovesArgumentsAsJthreadDoes) {
    run(one_worker, [] {
        int target = 0;
        std::string text(100, 'x');
        fiber f([](int& out, std::string s,
                   std::unique_ptr<int> p) { out = static_cast<int>(s.size()) + *p; },
                std::ref(target), text, std::make_unique<int>(5));
        text.clear();
        f.join();
        EXPECT_EQ(target, 105);
    });
}

TEST(Fiber, CallableOfAnySize) {
    run(one_worker, [] {
        std::array<char, 5000> big{};
        big.back() = 7;
        int seen = 0;
        spawn([big, &seen] { seen = big.back(); }).join();
        EXPECT_EQ(seen, 7);
        struct alignas(64) aligned {
            int value = 8;
        };
        spawn([a = aligned(), &seen] {
            EXPECT_EQ(reinterpret_cast<std::uintptr_t>(&a) % 64, 0u);
            seen = a.value;
        }).join();
        EXPECT_EQ(seen, 8);
    });
}

TEST(Fiber, DestroysItsCallableOnce) {
    run(one_worker, [] {
        const auto counted = std::make_shared<int>(1);
        {
            fiber f = spawn([counted] { EXPECT_EQ(counted.use_count(), 2); });
            EXPECT_EQ(counted.use_count(), 2);
        }
        EXPECT_EQ(counted.use_count(), 1);
    });
}

TEST(Fiber, DestructorRequestsAStopAndJoins) {
    run(one_worker, [] {
        bool stopped = false;
        {
            fiber f([&](std::stop_token stop) {
                while (!stop.stop_requested()) {
                    this_fiber::yield();
                }
                stopped = true;
            });
        }
        EXPECT_TRUE(stopped);
    });
}

TEST(Fiber, MovedFromHoldsNothing) {
    run(one_worker, [] {
        bool first = false;
        bool second = false;
        fiber a = spawn([&] { first = true; });
        const fiber::id id = a.get_id();
        fiber b = std::move(a);
        EXPECT_FALSE(a.joinable());  // NOLINT(bugprone-use-after-move)
        EXPECT_EQ(b.get_id(), id);
        a = std::move(b);
        a = spawn([&] { second = true; });  // the first is joined
        EXPECT_TRUE(first);
        a.join();
        EXPECT_TRUE(second);
    });
}

struct once {
    int* ran;
    void operator()() && { ++*ran; }
    void operator()() & { ADD_FAILURE() << "called as an lvalue"; }
};

TEST(Fiber, CallsItsCallableAsAnRvalue) {
    run(one_worker, [] {
        int ran = 0;
        spawn(once{&ran}).join();
        struct large : once {
            char ballast[100];
        };
        spawn(large{{&ran}, {}}).join();
        EXPECT_EQ(ran, 2);
    });
}

TEST(Fiber, SwapsAndPrintsIds) {
    run(one_worker, [] {
        fiber a = spawn([] {});
        fiber b;
        const fiber::id id = a.get_id();
        swap(a, b);
        EXPECT_EQ(b.get_id(), id);
        std::ostringstream out;
        out << id;
        EXPECT_EQ(out.str(), std::to_string(id.value()));
    });
}

TEST(Fiber, MainMayReturnAReference) {
    static int object = 0;
    int& returned = run(one_worker, []() -> int& { return object; });
    EXPECT_EQ(&returned, &object);
}

// Fibers that follow one another on a stack without a switch between them.
TEST(Fiber, StartsWithTheDefaultFloatingPointModes) {
    run(one_worker, [] {
        int rounding = -1;
        fiber before = spawn([] { std::fesetround(FE_UPWARD); });
        fiber after = spawn([&] { rounding = std::fegetround(); });
        before.join();
        after.join();
        EXPECT_EQ(rounding, WEFT_SAVE_FP_CONTROL ? FE_TONEAREST : rounding);
        EXPECT_EQ(std::fegetround(), WEFT_SAVE_FP_CONTROL ? FE_TONEAREST : std::fegetround());
    });
}

TEST(Fiber, JoinRethrows) {
    run(one_worker, [] {
        fiber f = spawn([] { throw std::runtime_error("broken"); });
        try {
            f.join();
            FAIL() << "nothing thrown";
        } catch (const std::runtime_error& error) {
            EXPECT_STREQ(error.what(), "broken");
        }
        EXPECT_FALSE(f.joinable());
    });
}

TEST(Fiber, ExceptionOfMainLeavesRun) {
    EXPECT_THROW(run(one_worker, [] { throw std::out_of_range("main"); }), std::out_of_range);
}

TEST(Fiber, ExceptionsInFlightStayWithTheirFiber) {
    run(one_worker, [] {
        const auto body = [](int number) {
            for (int i = 0; i < 20; ++i) {
                try {
                    throw number;
                } catch (int caught) {
                    this_fiber::yield();  // another fiber throws and catches meanwhile
                    try {
                        throw std::to_string(caught);
                    } catch (const std::string& inner) {
                        this_fiber::yield();
                        EXPECT_EQ(inner, std::to_string(number));
                    }
                    EXPECT_EQ(caught, number);
                    try {
                        throw;
                    } catch (int again) {
                        EXPECT_EQ(again, number);
                    }
                }
            }
            EXPECT_EQ(std::uncaught_exceptions(), 0);
        };
        std::vector<fiber> all;
        for (int i = 0; i < 10; ++i) {
            all.emplace_back(body, i);
        }
    });
}

TEST(Fiber, DetachedEndsBeforeItsRuntime) {
    bool ran = false;
    run(one_worker, [&] {
        spawn([&] {
            for (int i = 0; i < 10; ++i) {
                this_fiber::yield();
            }
            ran = true;
        }).detach();
    });
    EXPECT_TRUE(ran);
}

TEST(Fiber, IdsAreUniqueAndNamesAreKept) {
    EXPECT_EQ(this_fiber::get_id(), fiber::id());
    EXPECT_EQ(this_fiber::name(), "");
    run(one_worker, [] {
        EXPECT_EQ(this_fiber::name(), "main");
        const fiber::id mine = this_fiber::get_id();
        EXPECT_NE(mine, fiber::id());
        fiber f = spawn({.name = "worker bee"}, [mine] {
            EXPECT_EQ(this_fiber::name(), "worker bee");
            EXPECT_NE(this_fiber::get_id(), mine);
        });
        const fiber::id other = f.get_id();
        EXPECT_NE(other, mine);
        f.join();
        EXPECT_EQ(f.get_id(), fiber::id());
        fiber g = spawn([] { EXPECT_EQ(this_fiber::name(), ""); });
        EXPECT_NE(g.get_id(), other) << "ids are not reused with the block";
    });
}

TEST(Fiber, StackOfItsOwnSize) {
    run(one_worker, [] {
        // Far beyond the default of 64 KiB.
        fiber f = spawn({.stack_size = 1 << 20}, [] {
            volatile char deep[700 * 1024];
            for (std::size_t i = 0; i < sizeof deep; i += 4096) {
                deep[i] = 1;
            }
            this_fiber::yield();
            EXPECT_EQ(deep[4096], 1);
        });
        f.join();
    });
}

TEST(Fiber, SleepIsNeverEarlyAndOthersRunMeanwhile) {
    run(one_worker, [] {
        bool other = false;
        fiber f = spawn([&] { other = true; });
        const auto start = clock::now();
        this_fiber::sleep_for(5ms);
        EXPECT_GE(clock::now() - start, 5ms);
        EXPECT_TRUE(other);
    });
}

TEST(Fiber, SleepersWakeInTheOrderOfTheirDeadlines) {
    run(one_worker, [] {
        bool late = true;  // the machine stood still until a deadline had passed: anew
        for (auto ahead = 5ms; late; ahead *= 2) {
            late = false;
            std::vector<int> order;
            const auto start = clock::now() + ahead;
            std::vector<fiber> all;
            for (int i : {3, 1, 4, 2, 0}) {
                all.push_back(spawn([&, start, i] {
                    late = late || clock::now() >= start;
                    this_fiber::sleep_until(start + i * 2ms);
                    order.push_back(i);
                }));
            }
            all.clear();
            EXPECT_TRUE(late || order == (std::vector<int>{0, 1, 2, 3, 4}))
                << ::testing::PrintToString(order);
        }
    });
}

TEST(Fiber, JoinedByAPlainThread) {
    runtime r(one_worker);
    std::atomic<int> value = 0;
    fiber f = r.spawn([&] {
        this_fiber::yield();
        value = 9;
    });
    f.join();
    EXPECT_EQ(value, 9);
}

TEST(Fiber, YieldAndSleepOnAPlainThread) {
    this_fiber::yield();
    const auto start = clock::now();
    this_fiber::sleep_for(1ms);
    EXPECT_GE(clock::now() - start, 1ms);
}

TEST(FiberDeathTest, JoiningItself) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run(one_worker,
                     [] {
                         fiber f;
                         binary_semaphore ready(0);
                         f = spawn({.name = "narcissus"}, [&] {
                             ready.acquire();
                             f.join();
                         });
                         ready.release();
                         this_fiber::yield();
                     }),
                 "cannot join itself(.|\n)*narcissus");
}

TEST(FiberDeathTest, SpawnOutsideARuntime) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(spawn([] {}).join(), "outside a runtime");
}

TEST(FiberDeathTest, ExceptionThatLeavesADetachedFiberTerminates) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run(one_worker, [] { spawn([] { throw std::runtime_error("lost"); }).detach(); }),
                 "lost");
}

TEST(FiberDeathTest, ExceptionOfAFiberThatIsDetachedAfterItEndedTerminates) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(run(one_worker,
                     [] {
                         bool ran = false;
                         fiber f = spawn([&] {
                             ran = true;
                             throw std::runtime_error("lost late");
                         });
                         while (!ran) {  // seen by another fiber of the worker: it has ended
                             this_fiber::yield();
                         }
                         std::fputs("ended by now\n", stderr);
                         f.detach();
                     }),
                 "ended by now(.|\n)*lost late");
}

TEST(FiberDeathTest, HandleThatOutlivesItsRuntime) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            fiber f;
            run(one_worker, [&] { f = spawn([] {}); });
        },
        "outlives its runtime");
}

}  // namespace
}  // namespace weft
