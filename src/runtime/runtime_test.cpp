// SPDX-License-Identifier: Apache-2.0
//
// Workers together: start and stop, parking without lost wake-ups, stealing, injected work. Each
// test runs on one to four workers; WEFT_STRESS=migrate in the environment sends every wake-up to
// another.
#include <weft/runtime.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <stdexcept>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>
#include <weft/task.h>
#include <weft/wait_group.h>

#include "base/rng.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

class Runtime : public testing::TestWithParam<unsigned> {
protected:
    [[nodiscard]] static runtime_options options() { return {.workers = GetParam()}; }
};

INSTANTIATE_TEST_SUITE_P(Workers, Runtime, testing::Values(1u, 2u, 4u));

TEST_P(Runtime, StartsAndStopsManyTimes) {
    for (int i = 0; i < 50; ++i) {
        runtime r(options());
        EXPECT_EQ(r.workers(), GetParam());
        if (i % 2 == 0) {
            EXPECT_EQ(r.run([i] { return i; }), i);
        }
    }
}

TEST_P(Runtime, ItsEndWaitsForAllFibers) {
    std::atomic<int> ended = 0;
    {
        runtime r(options());
        r.spawn([&] {
             for (int i = 0; i < 100; ++i) {
                 spawn([&] {
                     this_fiber::sleep_for(std::chrono::microseconds(100));
                     spawn([&] { ++ended; }).detach();
                 }).detach();
             }
         }).detach();
    }
    EXPECT_EQ(ended, 100);
}

TEST_P(Runtime, InjectedWorkWakesSleepers) {
    runtime r(options());
    for (int i = 0; i < 2000; ++i) {
        int value = 0;
        r.spawn([&] { value = i; }).join();
        ASSERT_EQ(value, i);
    }
}

TEST_P(Runtime, SeveralThreadsInjectAtOnce) {
    runtime r(options());
    std::atomic<int> ran = 0;
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&] {
            std::vector<fiber> mine;
            for (int i = 0; i < 500; ++i) {
                mine.push_back(r.spawn([&] { ++ran; }));
            }
        });
    }
    for (auto& each : threads) {
        each.join();
    }
    EXPECT_EQ(ran, 1500);
}

// Each hand-over parks one fiber and wakes another: a lost wake-up hangs here.
TEST_P(Runtime, PingPongLosesNoWakeUp) {
    run(options(), [] {
        binary_semaphore ping(0);
        binary_semaphore pong(0);
        constexpr int rounds = 20'000;
        fiber f = spawn([&] {
            for (int i = 0; i < rounds; ++i) {
                ping.acquire();
                pong.release();
            }
        });
        for (int i = 0; i < rounds; ++i) {
            ping.release();
            pong.acquire();
        }
    });
}

TEST_P(Runtime, PingPongWithAPlainThread) {
    runtime r(options());
    binary_semaphore ping(0);
    binary_semaphore pong(0);
    constexpr int rounds = 2'000;
    fiber f = r.spawn([&] {
        for (int i = 0; i < rounds; ++i) {
            ping.acquire();
            pong.release();
        }
    });
    for (int i = 0; i < rounds; ++i) {
        ping.release();
        pong.acquire();
    }
    f.join();
}

TEST_P(Runtime, RingOfFibersPassesAToken) {
    run(options(), [] {
        constexpr std::size_t size = 500;
        constexpr int laps = 20;
        std::vector<std::unique_ptr<binary_semaphore>> seats;
        for (std::size_t i = 0; i <= size; ++i) {
            seats.push_back(std::make_unique<binary_semaphore>(0));
        }
        std::vector<fiber> ring;
        for (std::size_t i = 0; i < size; ++i) {
            ring.push_back(spawn([&, i] {
                for (int lap = 0; lap < laps; ++lap) {
                    seats[i]->acquire();
                    seats[i + 1]->release();
                }
            }));
        }
        for (int lap = 0; lap < laps; ++lap) {
            seats.front()->release();
            seats.back()->acquire();
        }
    });
}

// A tree of fibers, each of which waits for its children: spawn, join, park and steal at once.
// ThreadSanitizer takes some milliseconds to make a fiber, if it is that of g++.
#if defined(__SANITIZE_THREAD__)
constexpr int tree_depth = 8;
constexpr int mixed_fibers = 40;
#else
constexpr int tree_depth = 11;
constexpr int mixed_fibers = 200;
#endif

int count_leaves(int depth) {
    if (depth == 0) {
        return 1;
    }
    int left = 0;
    int right = 0;
    fiber a = spawn([&] { left = count_leaves(depth - 1); });
    fiber b = spawn([&] { right = count_leaves(depth - 1); });
    a.join();
    b.join();
    return left + right;
}

TEST_P(Runtime, TreeOfFibers) {
    EXPECT_EQ(run(options(), [] { return count_leaves(tree_depth); }), 1 << tree_depth);
}

// One fiber keeps its worker; what it has spawned must run elsewhere.
TEST(RuntimeStealing, WorkBehindABusyFiberIsTaken) {
    runtime r({.workers = 2});
    r.run([] {
        std::atomic<bool> ran = false;
        fiber f = spawn([&] { ran = true; });
        const auto limit = clock::now() + 60s;
        while (!ran && clock::now() < limit) {  // does not yield
        }
        EXPECT_TRUE(ran);
        f.join();
    });
}

TEST(RuntimeStealing, TimersOfABusyWorkerFireElsewhere) {
    runtime r({.workers = 2});
    r.run([] {
        std::atomic<bool> ran = false;
        std::atomic<bool> sleeping = false;
        fiber f = spawn([&] {
            sleeping = true;
            this_fiber::sleep_for(1ms);
            ran = true;
        });
        while (!sleeping) {
            this_fiber::yield();
        }
        const auto limit = clock::now() + 60s;
        while (!ran && clock::now() < limit) {  // does not yield
        }
        EXPECT_TRUE(ran);
        f.join();
    });
}

std::uint64_t times_slept(const runtime& r) {
    std::uint64_t sum = 0;
    for (const worker_stats& each : r.stats().workers) {
        sum += each.slept;
    }
    return sum;
}

// Workers without work stay asleep: no tick, no watch.
TEST(RuntimeIdle, SleepsThrough) {
    runtime r({.workers = 3});
    r.run([&] {
        std::vector<fiber> some;
        for (int i = 0; i < 100; ++i) {
            some.push_back(spawn([] { this_fiber::yield(); }));
        }
        some.clear();
        const std::uint64_t before = times_slept(r);
        this_fiber::sleep_for(500ms);
        EXPECT_LE(times_slept(r) - before, 12u);
    });
}

/// Computes until `done`; false when that takes a minute.
bool compute_until(const std::atomic<bool>& done) {
    const auto limit = clock::now() + 60s;
    while (!done && clock::now() < limit) {
    }
    return done;
}

// All workers sleep; a timer wakes one, which then computes. The others must not go on sleeping.
TEST(RuntimeStealing, TimersFireBesideAFiberThatWokeFromSleepAndComputes) {
    run({.workers = 2}, [] {
        std::atomic<bool> fired = false;
        fiber computes = spawn([&] {
            this_fiber::sleep_for(20ms);
            EXPECT_TRUE(compute_until(fired));
        });
        fiber sleeps = spawn([&] {
            this_fiber::sleep_for(60ms);
            fired = true;
        });
    });
}

task<> set(std::atomic<bool>& flag) {
    flag = true;
    co_return;
}

task<> spawn_and_compute() {
    co_await co::sleep_for(20ms);
    std::atomic<bool> ran = false;
    auto child = spawn(set(ran));
    EXPECT_TRUE(compute_until(ran));
    co_await child;
}

TEST(RuntimeStealing, WhatACoroutineSpawnsRunsBesideIt) {
    run({.workers = 2}, [] { spawn(spawn_and_compute()).join(); });
}

// After a phase of short turns the worker must notice soon that turns have become long.
TEST(RuntimeTimers, AreNotForgottenWhileFibersTakeLongTurns) {
    run({.workers = 1}, [] {
        fiber quick = spawn([] {
            for (int i = 0; i < 10'000; ++i) {
                this_fiber::yield();
            }
        });
        quick.join();
        std::atomic<bool> fired = false;
        int turns = 0;
        std::vector<fiber> slow;
        for (int i = 0; i < 4; ++i) {
            slow.push_back(spawn([&] {
                while (!fired && turns < 10'000) {
                    const auto end = clock::now() + 2ms;
                    while (clock::now() < end) {
                    }
                    ++turns;
                    this_fiber::yield();
                }
            }));
        }
        this_fiber::sleep_for(10ms);
        fired = true;
        slow.clear();
        EXPECT_LT(turns, 100) << "64 turns until it looks for the first time, then each few";
    });
}

// A bit of everything, at random, from many fibers.
TEST_P(Runtime, RandomMix) {
    run(options(), [] {
        mutex m;
        counting_semaphore<> tokens(3);
        long guarded = 0;
        constexpr int fibers = mixed_fibers;
        constexpr int steps = 100;
        std::vector<fiber> all;
        for (int n = 0; n < fibers; ++n) {
            all.push_back(spawn([&, n] {
                base::rng random(static_cast<std::uint64_t>(n) + 1);
                for (int i = 0; i < steps; ++i) {
                    switch (random.below(5)) {
                        case 0:
                            this_fiber::yield();
                            break;
                        case 1:
                            this_fiber::sleep_for(std::chrono::microseconds(random.below(200)));
                            break;
                        case 2:
                            if (tokens.try_acquire_for(
                                    std::chrono::microseconds(random.below(100)))) {
                                this_fiber::yield();
                                tokens.release();
                            }
                            break;
                        case 3:
                            spawn([&] {
                                const std::lock_guard guard(m);
                                ++guarded;
                            }).join();
                            continue;
                        default:
                            break;
                    }
                    const std::lock_guard guard(m);
                    ++guarded;
                }
            }));
        }
        for (fiber& each : all) {
            each.join();
        }
        EXPECT_EQ(guarded, fibers * steps);
    });
}

#if defined(__SANITIZE_THREAD__)
constexpr std::ptrdiff_t many_parked = 2'000;  // that of g++ has room for 8,128
constexpr int many_batches = 4;
#elif defined(__SANITIZE_ADDRESS__)
constexpr std::ptrdiff_t many_parked = 20'000;
constexpr int many_batches = 50;
#else
constexpr std::ptrdiff_t many_parked = 100'000;
constexpr int many_batches = 1000;
#endif

TEST(RuntimeManyFibers, AHundredThousandParkedAtOnce) {
    run({.workers = 2}, [] {
        constexpr std::ptrdiff_t count = many_parked;
        wait_group here;
        here.add(count);
        counting_semaphore<> release(0);
        std::vector<fiber> all;
        all.reserve(count);
        for (std::ptrdiff_t i = 0; i < count; ++i) {
            all.push_back(spawn([&] {
                here.done();
                release.acquire();
            }));
        }
        here.wait();
        release.release(count);
        for (fiber& each : all) {
            each.join();
        }
    });
}

TEST(RuntimeManyFibers, AMillionInTurns) {
    run({.workers = 2}, [] {
        std::atomic<long> ran = 0;
        for (int batch = 0; batch < many_batches; ++batch) {
            std::vector<fiber> all;
            for (int i = 0; i < 1000; ++i) {
                all.push_back(spawn([&] { ran.fetch_add(1, std::memory_order_relaxed); }));
            }
        }
        EXPECT_EQ(ran, many_batches * 1000);
    });
}

TEST(RuntimeOptions, BadOnesAreRefused) {
    EXPECT_THROW(runtime({.workers = 100'000}), std::invalid_argument);
    EXPECT_THROW(runtime({.workers = 1, .stack_size = std::size_t{1} << 40}),
                 std::invalid_argument);
}

class WorkersFromEnvironment : public testing::Test {
protected:
    void SetUp() override {
        if (const char* const old = std::getenv("WEFT_WORKERS")) {
            before_ = old;
        }
    }
    void TearDown() override {
        if (before_) {
            ::setenv("WEFT_WORKERS", before_->c_str(), 1);
        } else {
            ::unsetenv("WEFT_WORKERS");
        }
    }

private:
    std::optional<std::string> before_;
};

TEST_F(WorkersFromEnvironment, CountsOnlyWhereTheProgramDoesNotSay) {
    ::setenv("WEFT_WORKERS", "3", 1);
    EXPECT_EQ(runtime().workers(), 3u);
    EXPECT_EQ(runtime({.workers = 2}).workers(), 2u);
}

TEST_F(WorkersFromEnvironment, NonsenseIsRefusedWithItsText) {
    for (const char* const text : {"0", "-1", "two", "3 ", "99999999999", "2000"}) {
        ::setenv("WEFT_WORKERS", text, 1);
        EXPECT_THROW(runtime{}, std::invalid_argument) << text;
    }
}

TEST(RuntimeStats, CountsWhatHappened) {
    runtime r({.workers = 2});
    r.run([] {
        for (int i = 0; i < 100; ++i) {
            spawn([] {}).join();
        }
    });
    // A fiber is counted when those who join it have been woken: main is back before that.
    runtime_stats stats = r.stats();
    for (const auto limit = clock::now() + 60s; stats.live != 0 && clock::now() < limit;) {
        std::this_thread::yield();
        stats = r.stats();
    }
    EXPECT_EQ(stats.live, 0u);
    ASSERT_EQ(stats.workers.size(), 2u);
    std::uint64_t finished = 0;
    for (const worker_stats& each : stats.workers) {
        finished += each.finished;
    }
    EXPECT_EQ(finished, 101u) << "main, too";
    EXPECT_EQ(stats.start_failures, 0u);
}

TEST(RuntimeTwo, FibersOfTwoRuntimesWakeEachOther) {
    runtime a({.workers = 1});
    runtime b({.workers = 1});
    binary_semaphore ping(0);
    binary_semaphore pong(0);
    constexpr int rounds = 2'000;
    fiber in_a = a.spawn([&] {
        for (int i = 0; i < rounds; ++i) {
            ping.release();
            pong.acquire();
        }
    });
    fiber in_b = b.spawn([&] {
        for (int i = 0; i < rounds; ++i) {
            ping.acquire();
            pong.release();
        }
    });
    in_a.join();
    in_b.join();
}

}  // namespace
}  // namespace weft
