// SPDX-License-Identifier: Apache-2.0
//
// A part of a timeline cut into columns: how much of each column a task ran, waited, or waited for
// its quota. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "timeline.h"
#include "workload.h"

namespace weft::sim {

struct gantt_cell {
    double runs = 0;  ///< of the column, 0 to 1
    double waits = 0;
    double throttled = 0;
    std::uint32_t cpu = 0;  ///< on which it ran last
};

/// `columns` is at least 1, and `shown` not empty.
std::vector<gantt_cell> gantt_row(const timeline& of, window shown, std::size_t columns);

/// As many columns as there are ticks, or as fit.
std::size_t columns_for(window shown, nanoseconds tick, std::size_t most);

}  // namespace weft::sim
