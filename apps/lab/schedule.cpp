// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <random>
#include <string>
#include <utility>

namespace weft::lab {

namespace {

/// As std::shuffle, whose result differs between standard libraries.
void shuffle(std::vector<std::size_t>& order, std::mt19937_64& random) {
    for (std::size_t i = order.size(); i > 1; --i) {
        std::swap(order[i - 1], order[random() % i]);
    }
}

}  // namespace

std::vector<visit> schedule_of(const clients_options& options, std::span<const model_plan> plans) {
    using enum phase_kind;
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < plans.size(); ++i) {
        if (plans[i].clients != 0) {
            order.push_back(i);
        }
    }
    std::mt19937_64 random(options.seed);
    std::vector<visit> visits;
    const auto add = [&](unsigned repeat, const std::vector<phase_kind>& phases, bool again) {
        for (const std::size_t plan : order) {
            visits.push_back({.repeat = repeat, .plan = plan, .phases = phases, .again = again});
        }
    };
    for (unsigned repeat = 1; repeat <= options.repeats; ++repeat) {
        shuffle(order, random);
        if (options.poison != poison_kind::none) {
            add(repeat, {connect, poison}, false);
        } else if (options.rate > 0) {
            add(repeat, {connect, idle, closed, open, idle_majority}, false);
        } else {
            add(repeat, {connect, idle, closed}, false);
            add(repeat, {connect, open, idle_majority}, true);
        }
    }
    return visits;
}

bool has_probes(const clients_options& options, std::span<const visit> visits) noexcept {
    return WEFT_LAB_PROBES && options.poison == poison_kind::none && !visits.empty();
}

std::vector<progress_step> steps_of(std::span<const visit> visits, const clients_options& options,
                                    std::span<const model_plan> plans) {
    std::vector<progress_step> steps;
    for (const visit& one : visits) {
        const model_plan& plan = plans[one.plan];
        clients_options fitting = options;
        fitting.clients = plan.clients;
        for (const phase_kind phase : one.phases) {
            steps.push_back(
                {.model = std::string(name_of(plan.model)),
                 .phase = std::string(one.again && phase == phase_kind::connect ? "connect again"
                                                                                : name_of(phase)),
                 .repeat = one.repeat,
                 .expected_seconds = expected_seconds(phase, plan.model, fitting)});
        }
    }
    return steps;
}

}  // namespace weft::lab
