// SPDX-License-Identifier: Apache-2.0
//
// Quotas of groups of fibers that run. CPU time is read by who does not compute.
#include <weft/fiber_group.h>

#include <gtest/gtest.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <vector>

#include <weft/fiber.h>
#include <weft/mutex.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

/// What a hog does between two steps.
using pause = void (*)();

void hog_until(const std::atomic<bool>& stop, std::atomic<long>& steps, pause between) {
    while (!stop) {
        compute_a_step();
        steps.fetch_add(1, std::memory_order_relaxed);
        between();
    }
}

/// `members` of a group of 5 ms in 50 ms compute until they were throttled ten times. They use no
/// more than that, however much of the CPU is free, and no less: each time a quota is used up. How
/// long it takes depends on what else the machine does.
void expect_quota(const runtime_options& options, int members, pause between) {
    constexpr std::chrono::nanoseconds quota = 5ms;
    constexpr std::chrono::nanoseconds period = 50ms;
    run(options, [&] {
        const fiber_group limited({.name = "limited", .quota = quota, .period = period});
        std::atomic<bool> stop{false};
        std::atomic<long> steps{0};
        std::vector<fiber> hogs;
        const auto start = clock::now();
        const std::chrono::nanoseconds used_before = process_cpu_time();
        for (int i = 0; i < members; ++i) {
            hogs.emplace_back(fiber_options{.group = &limited},
                              [&] { hog_until(stop, steps, between); });
        }
        while (limited.stats().throttled < 10) {
            this_fiber::sleep_for(10ms);
        }
        const std::chrono::nanoseconds used = process_cpu_time() - used_before;
        const std::chrono::nanoseconds charged = limited.stats().cpu_time;
        const auto periods = (clock::now() - start) / period + 1;
        stop = true;
        hogs.clear();
        EXPECT_GT(steps, 100);
        // Beyond it goes what is used before the tick that stops them, on each worker; the next
        // period has as much less.
        EXPECT_LE(charged, periods * quota + 40ms);
        EXPECT_GE(charged, 9 * quota);
        EXPECT_LE(used, periods * quota + periods * 5ms + 60ms) << "with the rest of the process";
    });
}

void nothing() {}

TEST(group_quota, stops_who_computes_where_nobody_else_wants_the_cpu) {
    expect_quota(one_worker, 1, nothing);
}

TEST(group_quota, is_one_for_all_members_on_all_workers) {
    expect_quota(runtime_options{.workers = 2}, 4, nothing);
}

TEST(group_quota, stops_who_yields_where_nothing_is_preempted) {
    expect_quota(runtime_options{.workers = 1, .preempt = false}, 2, this_fiber::yield);
}

TEST(group_quota, stops_who_yields_alone) {
    expect_quota(runtime_options{.workers = 1, .preempt = false}, 1, this_fiber::yield);
}

TEST(group_quota, stops_at_a_checkpoint) {
    expect_quota(one_worker, 1, this_fiber::checkpoint);
    expect_quota(runtime_options{.workers = 1, .preempt = false}, 1, this_fiber::checkpoint);
}

TEST(group_quota, stops_who_sleeps_now_and_then) {
    expect_quota(runtime_options{.workers = 2}, 8, [] { this_fiber::sleep_for(50us); });
}

TEST(group_quota, holds_whatever_the_weight) {
    run(one_worker, [] {
        constexpr std::chrono::nanoseconds quota = 5ms;
        constexpr std::chrono::nanoseconds period = 50ms;
        const fiber_group limited({.weight = 8192, .quota = quota, .period = period});
        std::atomic<bool> stop{false};
        std::atomic<long> of_limited{0};
        std::atomic<long> of_others{0};
        const auto start = clock::now();
        std::vector<fiber> hogs;
        for (int i = 0; i < 3; ++i) {
            hogs.emplace_back(fiber_options{.group = &limited},
                              [&] { hog_until(stop, of_limited, nothing); });
            hogs.emplace_back([&] { hog_until(stop, of_others, nothing); });
        }
        while (limited.stats().throttled < 10) {
            this_fiber::sleep_for(10ms);
        }
        const std::chrono::nanoseconds charged = limited.stats().cpu_time;
        const auto periods = (clock::now() - start) / period + 1;
        stop = true;
        hogs.clear();
        EXPECT_LE(charged, periods * quota + 40ms) << "by weight it would be 73 % of the CPU";
        EXPECT_GT(of_others, 0);
    });
}

TEST(group_quota, throttled_fibers_keep_their_locks_and_get_them) {
    run(runtime_options{.workers = 2}, [] {
        const fiber_group limited({.quota = 1ms, .period = 50ms});
        mutex shared;
        long turns = 0;
        {
            std::vector<fiber> fibers;
            for (int i = 0; i < 6; ++i) {
                fibers.emplace_back(i % 2 == 0 ? fiber_options{.group = &limited} : fiber_options{},
                                    [&] {
                                        for (int n = 0; n < 200; ++n) {
                                            const std::lock_guard guard(shared);
                                            compute_a_step();
                                            ++turns;
                                        }
                                    });
            }
        }
        EXPECT_EQ(turns, 6 * 200);
        EXPECT_GT(limited.stats().throttled, 0U);
    });
}

TEST(group_quota, the_end_of_a_runtime_waits_for_refills) {
    const auto start = clock::now();
    std::atomic<int> ended{0};
    {
        runtime r(runtime_options{.workers = 2});
        const fiber_group limited(r, {.quota = 2ms, .period = 100ms});
        for (int i = 0; i < 4; ++i) {
            r.spawn(fiber_options{.group = &limited}, [&] {
                 for (int n = 0; n < 200; ++n) {
                     compute_a_step();
                 }
                 // It finds the group throttled.
                 spawn([&] { ++ended; }).detach();
                 ++ended;
             }).detach();
        }
    }
    EXPECT_EQ(ended, 8);
    EXPECT_GT(clock::now() - start, 150ms);
}

bool all_places_are_free() {
    try {
        const std::vector<fiber_group> all(255);
        return true;
    } catch (const std::length_error&) {
        return false;
    }
}

TEST(group_quota, a_group_that_has_ended_throttled_is_used_again) {
    run(runtime_options{.workers = 2}, [] {
        std::uint64_t throttled = 0;
        for (int i = 0; i < 100; ++i) {
            const fiber_group limited({.quota = 1ms, .period = 2ms});
            fiber hog(fiber_options{.group = &limited}, [] {
                for (int n = 0; n < 50; ++n) {
                    compute_a_step();
                    this_fiber::yield();
                }
            });
            hog.join();
            throttled += limited.stats().throttled;
            const fiber_group next;
            EXPECT_EQ(next.stats().throttled, 0U);
            fiber(fiber_options{.group = &next}, [] { this_fiber::yield(); }).join();
        }
        EXPECT_GT(throttled, 20U);
        // The last refill holds its group until then.
        while (!all_places_are_free()) {
            this_fiber::sleep_for(1ms);
        }
    });
}

TEST(group_quota, nobody_is_lost) {
    std::atomic<long> ended{0};
    long started = 0;
    run(runtime_options{.workers = 2}, [&] {
        std::vector<std::unique_ptr<fiber_group>> groups;
        mutex shared;
        counting_semaphore<> some(3);
        std::vector<fiber> fibers;
        for (int g = 0; g < 6; ++g) {
            groups.push_back(std::make_unique<fiber_group>(fiber_group_options{
                .weight = 100U << g, .quota = 1ms, .period = std::chrono::milliseconds(1 + g)}));
            for (int i = 0; i < 12; ++i) {
                ++started;
                const fiber_options options{.nice = i - 5, .group = groups.back().get()};
                fibers.emplace_back(options, [&, i] {
                    for (int n = 0; n < 25; ++n) {
                        switch ((n + i) % 6) {
                            case 0:
                                compute_a_step();
                                break;
                            case 1:
                                this_fiber::yield();
                                break;
                            case 2: {
                                const std::lock_guard guard(shared);
                                compute_a_step();
                                break;
                            }
                            case 3:
                                this_fiber::sleep_for(std::chrono::microseconds(10 * i));
                                break;
                            case 4:
                                some.acquire();
                                compute_a_step();
                                some.release();
                                break;
                            case 5:
                                spawn([] { compute_a_step(); }).join();
                                this_fiber::checkpoint();
                                break;
                        }
                        if (n == 20) {
                            ::usleep(20'000);  // blocks in the kernel
                        }
                    }
                    ++ended;
                });
            }
        }
        groups.erase(groups.begin(), groups.begin() + 3);
        fibers.clear();
    });
    EXPECT_EQ(ended, started);
}

TEST(group_quota, does_nothing_under_fifo) {
    run(runtime_options{.workers = 1, .fifo = true}, [] {
        const fiber_group limited({.quota = 1ms, .period = 1s});
        fiber(fiber_options{.group = &limited}, [] {
            for (int i = 0; i < 100; ++i) {
                compute_a_step();
                this_fiber::yield();
            }
        }).join();
        EXPECT_EQ(limited.stats().throttled, 0U);
    });
}

TEST(group_quota, refuses_what_is_out_of_range) {
    run(one_worker, [] {
        EXPECT_THROW(fiber_group({.quota = 999us}), std::invalid_argument);
        EXPECT_THROW(fiber_group({.quota = -1ms}), std::invalid_argument);
        EXPECT_THROW(fiber_group({.quota = 1ms, .period = 999us}), std::invalid_argument);
        EXPECT_THROW(fiber_group({.quota = 1ms, .period = 1001ms}), std::invalid_argument);
        EXPECT_NO_THROW(fiber_group({.quota = 1h, .period = 1s}));
        EXPECT_NO_THROW(fiber_group({.period = 0s})) << "which means nothing without a quota";
    });
}

}  // namespace
}  // namespace weft
