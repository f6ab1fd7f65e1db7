// SPDX-License-Identifier: Apache-2.0
#include "suitability.h"

#include <fmt/format.h>

namespace weft::live {

std::optional<std::string> why_not_live(const sim::workload& work, std::size_t cpus) {
    if (work.cpus > cpus) {
        return fmt::format("it needs {} CPUs, and this process may use {}", work.cpus, cpus);
    }
    if (!work.groups.empty()) {
        return "it has groups: for kernel threads they are cgroups, which weft does not make";
    }
    for (const sim::task_spec& task : work.tasks) {
        if (task.fork) {
            return fmt::format("{} forks: only a simulation bounds what a fork bomb does",
                               task.name);
        }
        if (task.cpu) {
            return fmt::format("{} must run on CPU {}: fibers are not bound to CPUs", task.name,
                               *task.cpu);
        }
        if (task.slice != 0) {
            return fmt::format(
                "{} has a slice of its own: a live run gives all the same one "
                "(--slice sets that of all)",
                task.name);
        }
    }
    return std::nullopt;
}

}  // namespace weft::live
