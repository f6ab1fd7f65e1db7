// SPDX-License-Identifier: Apache-2.0
#include "sched_fixture.h"

#include <gtest/gtest.h>

#include <random>

#include <fmt/format.h>

#include "workload_file.h"

namespace weft::sim {

workload workload_of(std::string_view text) {
    auto work = parse_workload(text, "test.toml");
    if (!work) {
        ADD_FAILURE() << work.error();
        return {};
    }
    return *work;
}

std::string error_of(std::string_view text) {
    const auto work = parse_workload(text, "f");
    return work ? "" : work.error().substr(2);
}

policy_outcome outcome_under(const workload& work, policy under) {
    constexpr std::size_t samples = 50;
    auto run = simulate(work, under);
    if (!run) {
        ADD_FAILURE() << run.error();
        return {};
    }
    auto measured = measure(work, *run, samples);
    return {std::move(*run), std::move(measured)};
}

outcome outcome_of(std::string_view text, std::initializer_list<policy> under) {
    outcome all{.work = workload_of(text), .policies = {}};
    for (const policy each : under) {
        all.policies.push_back(outcome_under(all.work, each));
    }
    return all;
}

workload drawn_workload(std::uint64_t seed) {
    std::mt19937_64 random(seed);
    const auto below = [&random](std::uint64_t n) { return random() % n; };
    const auto drawn = [&](std::uint64_t most_us) {
        const nanoseconds low = (10 + below(most_us)) * us;
        return length{.drawn = static_cast<length::kind>(below(3)), .low = low, .high = 2 * low};
    };
    workload work;
    work.name = fmt::format("drawn-{}", seed);
    work.duration = 300 * ms;
    work.cpus = static_cast<unsigned>(1 + below(4));
    work.tick = (1 + below(4)) * ms;
    work.switch_cost = below(2) * 5 * us;
    work.seed = seed;
    for (std::uint64_t g = 0, groups = below(3); g < groups; ++g) {
        group_spec group{.name = fmt::format("group-{}", g)};
        group.weight = static_cast<std::uint32_t>(2 + below(4000));
        group.period = 20 * ms;
        group.quota = below(2) == 0 ? 0 : (1 + below(20)) * ms;
        work.groups.push_back(group);
    }
    for (std::uint64_t t = 0, tasks = 1 + below(8); t < tasks; ++t) {
        task_spec task{.name = fmt::format("task-{}", t)};
        task.count = 1 + below(3);
        task.nice = static_cast<int>(below(40)) - 20;
        task.slice = below(2) * (100 + below(5000)) * us;
        task.arrival = below(3) * 37 * ms;
        if (!work.groups.empty() && below(2) == 0) {
            task.group = below(work.groups.size());
        }
        if (below(4) == 0) {
            task.cpu = static_cast<unsigned>(below(work.cpus));
        }
        if (below(3) != 0) {
            task.run = drawn(5000);
            task.sleep = below(5) == 0 ? std::nullopt : std::optional(drawn(20'000));
        }
        if (below(4) == 0) {
            task.total = (1 + below(50)) * ms;
        }
        if (below(5) == 0) {
            task.fork = forking{.every = (1 + below(10)) * ms, .limit = 1 + below(5)};
        }
        work.tasks.push_back(task);
    }
    return work;
}

}  // namespace weft::sim
