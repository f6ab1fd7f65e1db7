// SPDX-License-Identifier: Apache-2.0
//
// How long fibers compute at a stretch: slices, and checkpoints at which they give way themselves.
#include <gtest/gtest.h>
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(slice, a_long_slice_is_not_cut_by_others_that_compute) {
    const one_queue_each no_stress;
    constexpr nanoseconds slice = 20ms;
    runtime rt({.workers = 1, .slice = slice});
    const nanoseconds before = process_cpu_time();
    nanoseconds used{};
    rt.run([&] {
        std::atomic<bool> stop{false};
        std::vector<fiber> hogs;
        for (int i = 0; i < 4; ++i) {
            hogs.emplace_back([&] { compute_until(stop); });
        }
        hogs.emplace_back([&] {
            while (preempted(rt) < 30) {
            }
            used = process_cpu_time() - before;
            stop = true;
        });
    });
    // The first of each may be short, and a slice ends with a tick of the kernel.
    EXPECT_GE(used, 20 * slice);
}

TEST(slice, a_sleeper_that_wakes_goes_before_all_that_compute) {
    const one_queue_each no_stress;
    runtime rt({.workers = 1, .slice = 12ms});
    std::vector<std::uint64_t> waited;  // how many that compute made room until it ran
    rt.run([&] {
        std::atomic<bool> stop{false};
        std::vector<fiber> hogs;
        for (int i = 0; i < 8; ++i) {
            hogs.emplace_back([&] { compute_until(stop); });
        }
        while (preempted(rt) < 16) {  // so that all of them have a virtual time of their own
            this_fiber::sleep_for(1ms);
        }
        for (int i = 0; i < 15; ++i) {
            const std::uint64_t before = preempted(rt);
            this_fiber::sleep_for(1ms);
            waited.push_back(preempted(rt) - before);
        }
        stop = true;
    });
    std::ranges::sort(waited);
    EXPECT_LE(waited[waited.size() / 2], 1U);
}

/// How often two hogs are preempted on one worker while they do `steps` of work.
std::uint64_t preemptions_within(int steps, const fiber_options& options) {
    runtime rt(one_worker);
    rt.run([&] {
        std::atomic<int> left{steps};
        std::vector<fiber> hogs;
        for (int i = 0; i < 2; ++i) {
            hogs.emplace_back(options, [&] {
                while (--left > 0) {
                    compute_a_step();
                }
            });
        }
    });
    return preempted(rt);
}

TEST(slice, of_a_fiber_says_how_often_it_is_preempted) {
    const one_queue_each no_stress;
    const std::uint64_t short_ones = preemptions_within(6000, {.slice = 500us});
    const std::uint64_t usual_ones = preemptions_within(6000, {});
    const std::uint64_t long_ones = preemptions_within(6000, {.slice = 50ms});
    EXPECT_GT(short_ones, 2 * usual_ones);
    EXPECT_GT(usual_ones, 2 * long_ones);
    EXPECT_GE(long_ones, 2U);
}

// Who blocks is found as soon as anybody, not at the end of its slice.
TEST(slice, of_one_that_blocks_does_not_matter) {
    runtime rt({.workers = 1, .slice = 100ms});
    rt.run([&] {
        std::atomic<bool> stop{false};
        fiber hog([&] { compute_until(stop); });
        fiber sleeps([&] {
            for (int i = 0; i < 10; ++i) {
                compute_a_step();
                std::this_thread::sleep_for(60ms);
                this_fiber::yield();  // it needs a worker again
            }
            stop = true;
        });
    });
    EXPECT_GE(blocked(rt), 6U);
}

TEST(slice, is_clamped) {
    const one_queue_each no_stress;
    EXPECT_GE(preemptions_within(8000, {.slice = 10s}), 1U);
    EXPECT_GE(preemptions_within(4000, {.slice = 1ns}), 10U);
}

TEST(slice, may_be_set_by_the_fiber_itself) {
    const one_queue_each no_stress;
    runtime rt(one_worker);
    rt.run([&] {
        std::atomic<bool> stop{false};
        fiber hog([&] {
            this_fiber::set_slice(0ns);
            this_fiber::set_slice(100ms);
            this_fiber::set_slice(200us);
            compute_until(stop);
        });
        this_fiber::set_slice(200us);
        for (int i = 0; i < 4000; ++i) {
            compute_a_step();
        }
        stop = true;
    });
    EXPECT_GE(preempted(rt), 50U);
}

/// Two fibers that do `steps` of work on one worker and check between them; how often the turn
/// went from one to the other.
int turns_with_checkpoints(runtime& rt, int steps) {
    int turns = 0;
    rt.run([&] {
        int last = -1;
        std::vector<fiber> hogs;
        for (int me = 0; me < 2; ++me) {
            hogs.emplace_back([&, me] {
                while (--steps > 0) {
                    turns += std::exchange(last, me) != me ? 1 : 0;
                    compute_a_step();
                    this_fiber::checkpoint();
                }
            });
        }
    });
    return turns;
}

TEST(checkpoint, makes_preemption_needless) {
    const one_queue_each no_stress;
    runtime rt(one_worker);
    EXPECT_GE(turns_with_checkpoints(rt, 6000), 15);
    // Once for each until it is known that it checks; the rest is room for a busy machine.
    EXPECT_LE(preempted(rt), 8U);
}

TEST(checkpoint, gives_way_also_where_nothing_is_preempted) {
    runtime rt({.workers = 1, .preempt = false, .slice = 1ms});
    EXPECT_GE(turns_with_checkpoints(rt, 1000), 10);
    EXPECT_EQ(preempted(rt), 0U);
}

// The time of each is its own, not that of who had the worker before it. Under fifo, since else who
// has had less keeps the worker.
TEST(checkpoint, counts_from_the_beginning_of_a_turn) {
    runtime rt({.workers = 1, .fifo = true, .preempt = false});
    std::array<int, 2> turns{};
    std::array<int, 2> steps{};
    rt.run([&] {
        int left = 10'000;
        int last = -1;
        std::vector<fiber> hogs;
        for (std::size_t me = 0; me < 2; ++me) {
            hogs.emplace_back(fiber_options{.slice = me == 0 ? nanoseconds(300us) : 10ms}, [&, me] {
                while (--left > 0) {
                    turns[me] += std::exchange(last, static_cast<int>(me)) != static_cast<int>(me);
                    ++steps[me];
                    compute_a_step();
                    this_fiber::checkpoint();
                }
            });
        }
    });
    ASSERT_GE(turns[0], 3);
    ASSERT_GE(turns[1], 3);
    EXPECT_LT(3 * steps[0] / turns[0], steps[1] / turns[1]) << "steps in a turn";
}

TEST(checkpoint, who_stops_checking_is_preempted_again) {
    runtime rt(one_worker);
    rt.run([&] {
        std::atomic<bool> stop{false};
        fiber hog([&] {
            for (int i = 0; i < 600; ++i) {
                compute_a_step();
                this_fiber::checkpoint();
            }
            compute_until(stop);
        });
        while (preempted(rt) < 3) {
            this_fiber::yield();
        }
        stop = true;
    });
}

TEST(checkpoint, is_nothing_elsewhere) {
    this_fiber::checkpoint();
    weft::run([] { this_fiber::checkpoint(); });
}

}  // namespace
}  // namespace weft
