// SPDX-License-Identifier: Apache-2.0
//
// Quotas of groups where kernel threads or timers are missing. Those that wait for their group's
// next period hold the kernel threads on which they were stopped.
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>
#include <weft/fiber.h>
#include <weft/fiber_group.h>
#include <weft/runtime.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds the_quota = 5ms;
constexpr std::chrono::nanoseconds the_period = 50ms;

/// Returns when `group` has been throttled so often.
void wait_for_throttles(const fiber_group& group, std::uint64_t count) {
    while (group.stats().throttled < count) {
        std::this_thread::sleep_for(2ms);
    }
}

/// Four members compute, and `others` that are in no group, with two kernel threads to spare.
void expect_quota_at_the_cap(int others) {
    ::testing::internal::CaptureStderr();
    {
        runtime rt({.workers = 1, .most_kernel_threads = 2});
        const fiber_group limited(rt, {.quota = the_quota, .period = the_period});
        std::atomic<bool> stop{false};
        std::vector<fiber> hogs;
        const auto start = std::chrono::steady_clock::now();
        for (int i = 0; i < 4; ++i) {
            hogs.push_back(
                rt.spawn(fiber_options{.group = &limited}, [&] { compute_until(stop); }));
        }
        for (int i = 0; i < others; ++i) {
            hogs.push_back(rt.spawn([&] { compute_until(stop); }));
        }
        wait_for_throttles(limited, 10);
        const std::chrono::nanoseconds charged = limited.stats().cpu_time;
        const auto periods = (std::chrono::steady_clock::now() - start) / the_period + 1;
        EXPECT_LE(charged, periods * the_quota + 40ms);
        EXPECT_LE(rt.stats().kernel_threads, 3U);
        stop = true;
        hogs.clear();
    }
    ::testing::internal::GetCapturedStderr();
}

TEST(group_cap, a_quota_holds_where_members_have_all_kernel_threads) {
    expect_quota_at_the_cap(0);
}

TEST(group_cap, a_quota_holds_and_ends_where_others_compute_without_end) {
    expect_quota_at_the_cap(1);
}

TEST(group_cap, members_that_were_stopped_take_turns_there) {
    ::testing::internal::CaptureStderr();
    {
        runtime rt({.workers = 1, .slice = 1ms, .most_kernel_threads = 2});
        const fiber_group limited(rt, {.quota = the_quota, .period = the_period});
        std::atomic<bool> stop{false};
        std::array<std::atomic<long>, 3> steps{};
        std::vector<fiber> hogs;
        for (auto& each : steps) {
            hogs.push_back(rt.spawn(fiber_options{.group = &limited}, [&] {
                while (!stop) {
                    compute_a_step();
                    ++each;
                }
            }));
        }
        wait_for_throttles(limited, 3);
        const std::array<long, 3> before{steps[0], steps[1], steps[2]};
        for (std::size_t i = 0; i < steps.size(); ++i) {
            while (steps[i] == before[i]) {
                std::this_thread::sleep_for(2ms);
            }
        }
        stop = true;
        hogs.clear();
    }
    ::testing::internal::GetCapturedStderr();
}

// Its group is throttled for what it had used by then, and it is the only kernel thread.
TEST(group_cap, who_loses_its_worker_in_the_kernel_comes_back_after_the_refill) {
    ::testing::internal::CaptureStderr();
    {
        runtime rt({.workers = 1, .most_kernel_threads = 0});
        const fiber_group limited(rt, {.quota = 1ms, .period = 30ms});
        rt.spawn(fiber_options{.group = &limited}, [] {
              for (int i = 0; i < 3; ++i) {
                  for (int n = 0; n < 60; ++n) {
                      compute_a_step();
                  }
                  ::usleep(50'000);
                  this_fiber::yield();
              }
          }).join();
        EXPECT_GT(limited.stats().throttled, 0U);
    }
    ::testing::internal::GetCapturedStderr();
}

/// Ends the process.
void compute_without_a_timer() {
    rlimit none{};  // timers count as pending signals
    ::setrlimit(RLIMIT_SIGPENDING, &none);
    runtime rt(one_worker);
    const fiber_group limited(rt, {.quota = the_quota, .period = the_period});
    std::atomic<bool> stop{false};
    fiber hog = rt.spawn(fiber_options{.group = &limited}, [&] { compute_until(stop); });
    wait_for_throttles(limited, 2);
    stop = true;
    hog.join();
    std::_Exit(0);
}

TEST(group_cap_death_test, the_monitor_stops_who_computes_alone_without_a_timer) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_EXIT(compute_without_a_timer(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace weft
