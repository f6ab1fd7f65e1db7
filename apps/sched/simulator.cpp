// SPDX-License-Identifier: Apache-2.0
#include "simulator.h"

#include <algorithm>
#include <utility>

#include "simulation.h"

namespace weft::sim {

namespace {

constexpr std::array<std::string_view, all_policies.size()> names{"cfs", "eevdf", "fifo",
                                                                  "round_robin"};

template <class Policy>
std::expected<recording, std::string> run(const workload& work,
                                          const typename Policy::parameters& settings,
                                          std::uint64_t step_limit) {
    return simulation<Policy>(work, settings).run(step_limit);
}

std::expected<recording, std::string> run(const workload& work, policy under,
                                          std::uint64_t step_limit) {
    switch (under) {
        case policy::cfs:
            return run<cfs>(work, cfs::parameters::for_cpus(work.cpus), step_limit);
        case policy::eevdf: {
            auto settings = eevdf::parameters::for_cpus(work.cpus);
            settings.tick = work.tick;
            return run<eevdf>(work, settings, step_limit);
        }
        case policy::fifo:
            return run<fifo>(work, {}, step_limit);
        case policy::round_robin:
            return run<round_robin>(work, {}, step_limit);
    }
    std::unreachable();
}

}  // namespace

std::string_view name_of(policy which) noexcept {
    return names[static_cast<std::size_t>(which)];
}

std::optional<policy> policy_of(std::string_view name) noexcept {
    for (const policy each : all_policies) {
        if (name_of(each) == name) {
            return each;
        }
    }
    return std::nullopt;
}

std::expected<recording, std::string> simulate(const workload& work, policy under,
                                               std::uint64_t step_limit) {
    auto done = run(work, under, step_limit);
    if (done) {
        done->policy = name_of(under);
    }
    return done;
}

}  // namespace weft::sim
