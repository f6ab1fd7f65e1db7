// SPDX-License-Identifier: Apache-2.0
//
// bench_weft WORKLOAD [--size N] [--repeat R] measures and prints a line of JSON;
// bench_weft echo[-coroutine|-thread|-process] serves and prints its port.
#include <string_view>
#include <vector>

#include "workloads.h"

int main(int argc, char** argv) {
    constexpr std::string_view echo = "echo";
    if (argc == 2 && std::string_view(argv[1]).starts_with(echo)) {
        const auto kind = std::string_view(argv[1]).substr(echo.size());
        return bench::serve_echo(kind.empty() ? "fiber" : kind.substr(1));
    }
    const std::vector<bench::workload> workloads{
        {.name = "yield", .unit = "ns", .default_size = 2'000'000, .run = bench::yield},
        {.name = "yield-fair", .unit = "ns", .default_size = 2'000'000, .run = bench::yield_fair},
        {.name = "spawn", .unit = "ns", .default_size = 1'000'000, .run = bench::spawn},
        {.name = "spawn-wait-group",
         .unit = "ns",
         .default_size = 1'000'000,
         .run = bench::spawn_wait_group},
        {.name = "spawn-coroutine",
         .unit = "ns",
         .default_size = 1'000'000,
         .run = bench::spawn_coroutine},
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
    return bench::run_main("weft", workloads, argc, argv);
}
