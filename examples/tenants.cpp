// SPDX-License-Identifier: Apache-2.0
//
// Two tenants that compute for SECONDS: one has a fiber, the other one twenty. As groups they get
// as much CPU as each other, or what their weights say.
//     tenants SECONDS [WEIGHT WEIGHT]
#include <weft/fiber.h>
#include <weft/fiber_group.h>
#include <weft/fiber_local.h>
#include <weft/latch.h>
#include <weft/runtime.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

// Whom a fiber works for, and those that it spawns.
static const weft::fiber_local<std::string> tenant(weft::inherited);

static void compute(const char* name, int fibers, const std::atomic<bool>& stop) {
    *tenant = name;
    weft::latch all_there(fibers);
    std::vector<weft::fiber> workers;
    for (int i = 0; i < fibers; ++i) {
        workers.emplace_back([&] {
            all_there.arrive_and_wait();
            std::printf("a fiber of %s\n", tenant->c_str());
            while (!stop.load(std::memory_order_relaxed)) {
            }
        });
    }
    for (weft::fiber& each : workers) {
        each.join();
    }
}

static void run_both(std::chrono::seconds duration, std::uint32_t one, std::uint32_t other) {
    const weft::fiber_group small({.name = "small", .weight = one});
    const weft::fiber_group large({.name = "large", .weight = other});
    std::atomic<bool> stop{false};
    weft::fiber a(weft::fiber_options{.group = &small}, [&] { compute("small", 1, stop); });
    weft::fiber b(weft::fiber_options{.group = &large}, [&] { compute("large", 20, stop); });
    weft::this_fiber::sleep_for(duration);
    stop = true;
    a.join();
    b.join();
    const auto used = small.stats().cpu_time;
    std::printf("small got %ld %% of the CPU\n", 100 * used / (used + large.stats().cpu_time));
}

int main(int argc, char** argv) {
    const auto weight = [&](int i) {
        return argc > i ? static_cast<std::uint32_t>(std::atoi(argv[i])) : 1024;
    };
    const std::chrono::seconds duration(argc > 1 ? std::atoi(argv[1]) : 1);
    weft::run({.workers = 1}, [&] { run_both(duration, weight(2), weight(3)); });
}
