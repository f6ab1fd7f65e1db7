// SPDX-License-Identifier: Apache-2.0
#include "outcome.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string_view>

#include <fmt/format.h>

namespace weft::sim {

const task_measures* find_task(const policy_outcome& in, std::string_view name) {
    const auto found = std::ranges::find(in.run.tasks, name, &task_record::name);
    return found == in.run.tasks.end()
               ? nullptr
               : &in.measured.tasks[static_cast<std::size_t>(found - in.run.tasks.begin())];
}

std::string nice_of(const workload& work, const task_record& task) {
    return fmt::format("{}", work.tasks[task.spec].nice);
}

std::vector<const task_record*> tasks_of(const outcome& all) {
    std::vector<const task_record*> tasks;
    std::set<std::string_view> seen;
    for (const policy_outcome& one : all.policies) {
        for (const task_record& task : one.run.tasks) {
            if (seen.insert(task.name).second) {
                tasks.push_back(&task);
            }
        }
    }
    return tasks;
}

bool has_one_ideal(const outcome& all) {
    constexpr double close = 0.001;
    return std::ranges::all_of(tasks_of(all), [&all](const task_record* task) {
        const task_measures* const first = find_task(all.policies.front(), task->name);
        return first != nullptr && std::ranges::all_of(all.policies, [&](const auto& other) {
                   const task_measures* const there = find_task(other, task->name);
                   return there != nullptr && std::abs(there->ideal - first->ideal) < close;
               });
    });
}

}  // namespace weft::sim
