// SPDX-License-Identifier: Apache-2.0
//
// What fair sharing does for fibers that run. Figures are CPU time of this thread, so that a busy
// machine changes little; what must hold to the percent is in sched/fair_policy_test.cpp.
#include <weft/fiber.h>

#include <gtest/gtest.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

constexpr runtime_options one_worker_fifo{.workers = 1, .fifo = true};

/// Computes for about so much CPU time; returns how much it was.
nanoseconds compute(nanoseconds duration) {
    const nanoseconds start = cpu_time();
    nanoseconds used{};
    while ((used = cpu_time() - start) < duration) {
    }
    return used;
}

/// Percent of the CPU that fibers of these nice values get who compute `turn` between two yields.
std::vector<double> shares(const runtime_options& options, const std::vector<int>& nices,
                           nanoseconds turn) {
    return run(options, [&] {
        std::vector<nanoseconds> used(nices.size());
        nanoseconds total{};
        {
            std::vector<fiber> fibers;
            for (std::size_t i = 0; i < nices.size(); ++i) {
                fibers.emplace_back(fiber_options{.nice = nices[i]}, [&, i] {
                    while (total < 400ms) {
                        const nanoseconds ran = compute(turn);
                        used[i] += ran;
                        total += ran;
                        this_fiber::yield();
                    }
                });
            }
        }
        std::vector<double> percent;
        for (const nanoseconds each : used) {
            percent.push_back(100.0 * static_cast<double>(each.count()) /
                              static_cast<double>(total.count()));
        }
        return percent;
    });
}

class fair_turns : public ::testing::TestWithParam<nanoseconds> {};
INSTANTIATE_TEST_SUITE_P(of, fair_turns, ::testing::Values(3us, 50us, 1500us),
                         [](const auto& each) {
                             return std::to_string(each.param.count()) + "ns";
                         });

TEST_P(fair_turns, share_by_nice) {
    const auto percent = shares(one_worker, {0, 5, -5}, GetParam());
    EXPECT_NEAR(percent[0], 22.9, 3);
    EXPECT_NEAR(percent[1], 7.5, 3);
    EXPECT_NEAR(percent[2], 69.6, 3);
}

TEST(fair, fifo_knows_no_weights) {
    for (const double each : shares(one_worker_fifo, {0, 5, -5}, 200us)) {
        EXPECT_NEAR(each, 33.3, 2);
    }
}

// A switch under ThreadSanitizer, which is charged, too, takes longer than 20 us.
#if defined(__SANITIZE_THREAD__)
constexpr nanoseconds short_turn = 200us;
#else
constexpr nanoseconds short_turn = 20us;
#endif

TEST(fair, who_computes_longer_gets_fewer_turns) {
    run(one_worker, [] {
        nanoseconds of_long{};
        nanoseconds of_short{};
        const auto loop = [&](nanoseconds& mine, nanoseconds turn) {
            while (of_long + of_short < 300ms) {
                mine += compute(turn);
                this_fiber::yield();
            }
        };
        fiber longer([&] { loop(of_long, 2ms); });
        fiber shorter([&] { loop(of_short, short_turn); });
        longer.join();
        shorter.join();
        EXPECT_NEAR(static_cast<double>(of_long.count()) / static_cast<double>(of_short.count()), 1,
                    0.3)
            << "under fifo it is 100";
    });
}

/// Puts the calling thread, and those that it starts, onto one CPU; back at the end.
class on_one_cpu {
public:
    on_one_cpu() {
        ::sched_getaffinity(0, sizeof before_, &before_);
        cpu_set_t one;
        CPU_ZERO(&one);
        std::size_t last = CPU_SETSIZE - 1;
        while (last != 0 && !CPU_ISSET(last, &before_)) {
            --last;
        }
        CPU_SET(last, &one);
        EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    }
    ~on_one_cpu() { ::sched_setaffinity(0, sizeof before_, &before_); }
    on_one_cpu(const on_one_cpu&) = delete;
    on_one_cpu& operator=(const on_one_cpu&) = delete;

private:
    cpu_set_t before_{};
};

/// A thread that computes for 2 ms each time it is woken.
class woken_hog {
public:
    ~woken_hog() {
        stop_ = true;
        wake();
        thread_.join();
    }
    woken_hog() = default;
    woken_hog(const woken_hog&) = delete;
    woken_hog& operator=(const woken_hog&) = delete;

    void wake() { woken_.release(); }
    [[nodiscard]] nanoseconds used() const { return nanoseconds(used_); }

private:
    std::atomic<bool> stop_{false};
    std::counting_semaphore<> woken_{0};
    std::atomic<std::int64_t> used_{0};
    std::thread thread_{[this] {
        for (woken_.acquire(); !stop_; woken_.acquire()) {
            used_ += compute(2ms).count();
        }
    }};
};

// The outsider takes the CPU in the turns of one of them, mostly: by the clock of the wall that one
// has had twice as much.
TEST(fair, what_a_thread_outside_takes_is_not_charged) {
    const on_one_cpu same;
    woken_hog outside;
    nanoseconds heavy{};
    nanoseconds light{};
    run({.workers = 1, .preempt = false}, [&] {
        const auto loop = [&](nanoseconds& mine, bool wakes) {
            while (heavy + light < 400ms) {
                if (wakes) {
                    outside.wake();
                }
                mine += compute(2ms);
                this_fiber::yield();
            }
        };
        fiber first([&] { loop(heavy, true); });
        fiber second(fiber_options{.nice = 5}, [&] { loop(light, false); });
    });
    EXPECT_GT(outside.used(), 50ms);
    EXPECT_NEAR(
        100.0 * static_cast<double>(heavy.count()) / static_cast<double>((heavy + light).count()),
        75.3, 4);
}

TEST(fair, nice_is_read_set_and_clamped) {
    EXPECT_EQ(this_fiber::nice(), 0);
    this_fiber::set_nice(3);
    EXPECT_EQ(this_fiber::nice(), 0) << "a plain thread has none";
    run(one_worker, [] {
        EXPECT_EQ(this_fiber::nice(), 0);
        this_fiber::set_nice(7);
        EXPECT_EQ(this_fiber::nice(), 7);
        spawn([] { EXPECT_EQ(this_fiber::nice(), 0) << "it is not inherited"; }).join();
        spawn(fiber_options{.nice = 100}, [] { EXPECT_EQ(this_fiber::nice(), 19); }).join();
        spawn(fiber_options{.nice = -100}, [] { EXPECT_EQ(this_fiber::nice(), -20); }).join();
        this_fiber::set_nice(-21);
        EXPECT_EQ(this_fiber::nice(), -20);
    });
}

// Without preemption: it may come between what a fiber notes and what it does.
TEST(fair, who_wakes_runs_before_those_who_compute) {
    run(runtime_options{.workers = 1, .preempt = false}, [] {
        counting_semaphore<> go(0);
        int turns = 0;
        bool done = false;
        std::vector<int> waited;
        fiber sleeper([&] {
            for (int i = 0; i < 20; ++i) {
                go.acquire();
                waited.push_back(turns);
            }
            done = true;
        });
        std::vector<fiber> hogs;
        for (int i = 0; i < 4; ++i) {
            hogs.emplace_back([&] {
                while (!done) {
                    compute(2ms);
                    turns = 0;
                    go.release();
                    this_fiber::yield();
                    ++turns;
                }
            });
        }
        sleeper.join();
        for (fiber& each : hogs) {
            each.join();
        }
        EXPECT_EQ(std::ranges::max(waited), 0) << "turns of others between wake-up and run";
    });
}

task<> yields_until(const std::atomic<bool>& done, std::atomic<std::int64_t>& used_ns) {
    while (!done) {
        used_ns += compute(100us).count();
        co_await co::yield();
    }
}

TEST(fair, coroutines_and_fibers_share) {
    run(one_worker, [] {
        std::atomic<bool> done = false;  // either may be preempted anywhere
        std::atomic<std::int64_t> of_coroutine = 0;
        std::int64_t of_fiber = 0;
        auto root = spawn(yields_until(done, of_coroutine));
        while (of_fiber + of_coroutine < 300'000'000) {
            of_fiber += compute(100us).count();
            this_fiber::yield();
        }
        done = true;
        root.join();
        EXPECT_NEAR(static_cast<double>(of_fiber) / static_cast<double>(of_coroutine), 1, 0.25);
    });
}

}  // namespace
}  // namespace weft
