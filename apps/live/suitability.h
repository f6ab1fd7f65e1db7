// SPDX-License-Identifier: Apache-2.0
//
// Which workloads can be run on this machine as they are written: those of tasks that compute and
// sleep. What would need something that kernel threads or fibers do not have is refused, not left
// out. Pure function.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "sched/workload.h"

namespace weft::live {

/// Why not, as a sentence; nothing if it can be. `cpus`: how many this process may use.
std::optional<std::string> why_not_live(const sim::workload& work, std::size_t cpus);

}  // namespace weft::live
