// SPDX-License-Identifier: Apache-2.0
//
// bench_weft WORKLOAD [--size N] [--repeat R] [--workers W] measures and prints a line of JSON;
// bench_weft echo[-coroutine|-thread|-process|-hog|-no-preempt|-fifo] serves and prints its port.
#include <string_view>
#include <vector>

#include "workloads.h"

namespace {

using workloads = std::vector<bench::workload>;

/// What a single step costs.
workloads primitives() {
    return {
        {.name = "yield", .unit = "ns", .default_size = 2'000'000, .run = bench::yield},
        {.name = "yield-fair", .unit = "ns", .default_size = 2'000'000, .run = bench::yield_fair},
        {.name = "yield-no-preempt",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::yield_no_preempt},
        {.name = "semaphore",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::semaphore_ping_pong},
        {.name = "semaphore-no-preempt",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::semaphore_ping_pong_no_preempt},
        {.name = "semaphore-fifo",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::semaphore_ping_pong_fifo},
        {.name = "channel", .unit = "ns", .default_size = 2'000'000, .run_on = bench::channel},
        {.name = "channel-no-preempt",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::channel_no_preempt},
        {.name = "channel-buffered",
         .unit = "ns",
         .default_size = 5'000'000,
         .run_on = bench::channel_buffered},
        {.name = "select", .unit = "ns", .default_size = 2'000'000, .run_on = bench::select_two},
        {.name = "mutex-contended",
         .unit = "ns",
         .default_size = 2'000'000,
         .run = bench::mutex_contended},
    };
}

/// What fibers, coroutines and timers cost, and what waits.
workloads life() {
    return {
        {.name = "spawn", .unit = "ns", .default_size = 1'000'000, .run = bench::spawn},
        {.name = "spawn-wait-group",
         .unit = "ns",
         .default_size = 1'000'000,
         .run = bench::spawn_wait_group},
        {.name = "spawn-coroutine",
         .unit = "ns",
         .default_size = 1'000'000,
         .run = bench::spawn_coroutine},
        {.name = "task", .unit = "ns", .default_size = 5'000'000, .run = bench::task_call},
        {.name = "await-ready",
         .unit = "ns",
         .default_size = 50'000'000,
         .run = bench::await_ready_value},
        {.name = "timers",
         .unit = "ns",
         .default_size = 1'000'000,
         .run = bench::timers_half_cancelled},
        {.name = "parked",
         .unit = "bytes",
         .default_size = 100'000,
         .once = true,
         .run = bench::parked},
        {.name = "parked-coroutine",
         .unit = "bytes",
         .default_size = 100'000,
         .once = true,
         .run = bench::parked_coroutine},
        {.name = "requeue", .unit = "ns", .default_size = 100, .run = bench::requeue_cfs},
        {.name = "requeue-eevdf", .unit = "ns", .default_size = 100, .run = bench::requeue_eevdf},
        {.name = "idle", .unit = "ms", .default_size = 10, .once = true, .run = bench::idle},
    };
}

/// What the scheduler promises.
workloads fairness() {
    return {
        {.name = "shares",
         .unit = "points",
         .default_size = 10,
         .default_repeat = 1,
         .run = bench::shares},
        {.name = "shares-thread",
         .unit = "points",
         .default_size = 10,
         .default_repeat = 1,
         .run = bench::shares_thread},
        {.name = "shares-equal",
         .unit = "points",
         .default_size = 10,
         .default_repeat = 1,
         .run = bench::shares_equal},
        {.name = "blocked-sleep", .unit = "ms", .default_size = 1, .run = bench::blocked_sleep},
        {.name = "blocked-flock", .unit = "ms", .default_size = 1, .run = bench::blocked_flock},
        {.name = "blocked-none", .unit = "ms", .default_size = 1, .run = bench::blocked_none},
        {.name = "preemption",
         .unit = "us",
         .default_size = 2,
         .default_repeat = 1,
         .run = bench::preemption},
        {.name = "torture",
         .unit = "errors",
         .default_size = 60,
         .default_repeat = 1,
         .run = bench::torture},
    };
}

/// Benchmarks of schedulers in general, with fibers and with kernel threads.
workloads behaviour() {
    return {
        {.name = "schbench",
         .unit = "us",
         .default_size = 5,
         .default_repeat = 1,
         .run = bench::schbench},
        {.name = "schbench-thread",
         .unit = "us",
         .default_size = 5,
         .default_repeat = 1,
         .run = bench::schbench_thread},
        {.name = "hackbench", .unit = "ns", .default_size = 10, .run = bench::hackbench},
        {.name = "hackbench-thread",
         .unit = "ns",
         .default_size = 10,
         .run = bench::hackbench_thread},
        {.name = "starvation",
         .unit = "us",
         .default_size = 500,
         .default_repeat = 1,
         .run = bench::starvation},
        {.name = "starvation-thread",
         .unit = "us",
         .default_size = 500,
         .default_repeat = 1,
         .run = bench::starvation_thread},
    };
}

}  // namespace

int main(int argc, char** argv) {
    constexpr std::string_view echo = "echo";
    if (argc == 2 && std::string_view(argv[1]).starts_with(echo)) {
        const auto kind = std::string_view(argv[1]).substr(echo.size());
        return bench::serve_echo(kind.empty() ? "fiber" : kind.substr(1));
    }
    std::vector<bench::workload> all;
    for (const auto& some : {primitives(), life(), fairness(), behaviour()}) {
        all.insert(all.end(), some.begin(), some.end());
    }
    return bench::run_main("weft", all, argc, argv);
}
