// SPDX-License-Identifier: Apache-2.0
//
// What a preemption costs: CPU time of the kernel threads that run fibers, the signal handler
// included, and with that of weft's monitor, which times so short a slice.
#include <weft/fiber.h>
#include <weft/runtime.h>

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <vector>

#include "hog.h"
#include "workloads.h"

namespace bench {

namespace {

struct reading {
    std::int64_t process_cpu = 0;
    std::int64_t hogs_cpu = 0;
    std::uint64_t preempted = 0;
};

/// `steps` of work, divided among `count` fibers of one worker.
reading work(weft::runtime& rt, std::size_t count, std::size_t steps) {
    const std::uint64_t preempted_before = rt.stats().workers[0].preempted;
    const std::int64_t cpu_before = cpu_nanoseconds();
    std::vector<std::int64_t> used(count);
    rt.run([&] {
        std::vector<weft::fiber> hogs;
        for (std::int64_t& each : used) {
            hogs.emplace_back([&] { each = compute(steps / count); });
        }
    });
    reading result{.process_cpu = cpu_nanoseconds() - cpu_before,
                   .preempted = rt.stats().workers[0].preempted - preempted_before};
    for (const std::int64_t each : used) {
        result.hogs_cpu += each;
    }
    return result;
}

}  // namespace

cost preemption(std::size_t size) {
    constexpr std::size_t rounds = 11;
    weft::runtime rt({.workers = 1, .slice = std::chrono::microseconds(100)});
    weft::runtime unarmed({.workers = 1, .preempt = false});
    const std::size_t steps = size / rounds + 1;
    work(rt, 2, steps);  // the kernel threads are there from now on
    std::vector<double> of_process;
    std::vector<double> of_hogs;
    double preempted = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
        const reading both = work(rt, 2, steps);
        const reading alone = work(unarmed, 1, steps);
        if (both.preempted == 0) {
            throw std::runtime_error("nothing was preempted: the size is too small");
        }
        const auto count = static_cast<double>(both.preempted);
        const auto per_preemption = [count](std::int64_t nanoseconds) {
            return static_cast<double>(nanoseconds) / 1e3 / count;
        };
        of_process.push_back(per_preemption(both.process_cpu - alone.process_cpu));
        of_hogs.push_back(per_preemption(both.hogs_cpu - alone.hogs_cpu));
        preempted += static_cast<double>(both.preempted);
    }
    return {.value = percentile(of_hogs, 50),
            .others = {{"with_monitor", percentile(of_process, 50)},
                       {"preempted", preempted, "times"}}};
}

}  // namespace bench
