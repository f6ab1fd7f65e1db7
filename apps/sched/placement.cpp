// SPDX-License-Identifier: Apache-2.0
#include "placement.h"

#include <algorithm>

namespace weft::sim {

/// The weights of all members that may run, added up.
std::vector<double> placement::weights_of_groups() const {
    std::vector<double> weights(work_.groups.size());
    for (const auto& t : tasks_) {
        if (t->spec->group && t->may_run()) {
            weights[*t->spec->group] += t->weight.value;
        }
    }
    return weights;
}

double placement::load_of(const simulated_task& t, std::span<const double> groups) const {
    if (!t.spec->group) {
        return t.weight.value;
    }
    const std::size_t g = *t.spec->group;
    return work_.groups[g].weight * (t.weight.value / groups[g]);
}

std::vector<double> placement::loads(std::span<const double> groups) const {
    std::vector<double> loads(work_.cpus);
    for (const auto& t : tasks_) {
        if (t->may_run()) {
            loads[t->cpu] += load_of(*t, groups);
        }
    }
    return loads;
}

std::uint32_t placement::least_loaded() const {
    const std::vector<double> all = loads(weights_of_groups());
    return static_cast<std::uint32_t>(std::ranges::min_element(all) - all.begin());
}

placement::move placement::balancing() const {
    const std::vector<double> groups = weights_of_groups();
    const std::vector<double> all = loads(groups);
    std::vector<std::size_t> tasks_on(all.size());
    for (const auto& t : tasks_) {
        tasks_on[t->cpu] += t->may_run() ? 1 : 0;
    }
    const auto to = static_cast<std::size_t>(std::ranges::min_element(all) - all.begin());
    std::size_t from = to;
    for (std::size_t i = 0; i < all.size(); ++i) {
        if (tasks_on[i] > 1 && all[i] > all[from]) {
            from = i;
        }
    }
    if (from == to) {
        return {};
    }
    const auto had = [](const simulated_task& t) {
        return static_cast<double>(t.ran) / t.weight.value;
    };
    simulated_task* richest = nullptr;
    for (const auto& t : tasks_) {
        if (t->cpu == from && t->may_move() && load_of(*t, groups) <= all[from] - all[to] &&
            (richest == nullptr || had(*t) > had(*richest))) {
            richest = t.get();
        }
    }
    return {richest, static_cast<std::uint32_t>(to)};
}

}  // namespace weft::sim
