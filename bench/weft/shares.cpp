// SPDX-License-Identifier: Apache-2.0
//
// How CPU time is divided among those that compute without end.
#include <sys/resource.h>
#include <unistd.h>
#include <weft/fair_entity.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <latch>
#include <numeric>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "concurrency.h"
#include "hog.h"
#include "workloads.h"

namespace bench {

namespace {

using cpu_times = std::vector<std::int64_t>;

constexpr std::array ladder{0, 5, -5};

/// For who may not go below nice 0: the same distances.
constexpr std::array shifted_ladder{5, 10, 0};

cpu_times of_fibers(unsigned workers, std::span<const int> nices, std::size_t seconds) {
    cpu_times used(nices.size());
    std::atomic<bool> stop{false};
    weft::run({.workers = workers}, [&] {
        std::vector<weft::fiber> hogs;
        for (std::size_t i = 0; i < nices.size(); ++i) {
            hogs.emplace_back(weft::fiber_options{.nice = nices[i]},
                              [&, i] { used[i] = compute_until(stop); });
        }
        weft::this_fiber::sleep_for(std::chrono::seconds(seconds));
        stop = true;
    });
    return used;
}

/// Of the calling kernel thread alone: Linux keeps it for each.
bool set_thread_nice(int nice) {
    return ::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice) == 0;
}

cpu_times of_threads(std::span<const int> nices, std::size_t seconds) {
    cpu_times used(nices.size());
    std::atomic<bool> stop{false};
    std::latch ready(std::ssize(nices) + 1);
    {
        std::vector<std::jthread> hogs;
        for (std::size_t i = 0; i < nices.size(); ++i) {
            hogs.emplace_back([&, i] {
                const on_first_cpus one(1);
                set_thread_nice(nices[i]);
                ready.arrive_and_wait();
                used[i] = compute_until(stop);
            });
        }
        ready.arrive_and_wait();
        std::this_thread::sleep_for(std::chrono::seconds(seconds));
        stop = true;
    }
    return used;
}

bool may_go_below_nice_0() {
    bool may = false;
    std::jthread([&] { may = set_thread_nice(-5); }).join();
    return may;
}

/// How far the shares are from those that the weights give, in points of `whole` percent.
cost error_of(const cpu_times& used, std::span<const int> nices, double whole) {
    double all_weights = 0;
    for (const int nice : nices) {
        all_weights += weft::weight_of_nice(nice).value;
    }
    const auto all_used = static_cast<double>(std::reduce(used.begin(), used.end()));
    cost result;
    for (std::size_t i = 0; i < nices.size(); ++i) {
        const double share = whole * static_cast<double>(used[i]) / all_used;
        const double ideal = whole * weft::weight_of_nice(nices[i]).value / all_weights;
        result.value = std::max(result.value, std::abs(share - ideal));
        result.others.push_back({"share_" + std::to_string(i + 1), share});
    }
    return result;
}

}  // namespace

cost shares(std::size_t size) {
    return error_of(of_fibers(1, ladder, size), ladder, 100);
}

cost shares_thread(std::size_t size) {
    const std::span<const int> nices = may_go_below_nice_0() ? ladder : shifted_ladder;
    return error_of(of_threads(nices, size), nices, 100);
}

cost shares_equal(std::size_t size) {
    constexpr unsigned workers = 2;
    constexpr std::array<int, 8> nices{};
    return error_of(of_fibers(workers, nices, size), nices, 100 * workers);
}

}  // namespace bench
