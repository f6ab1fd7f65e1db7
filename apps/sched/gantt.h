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

/// Columns of one tick each, or of as many as make them fit. The last one may go beyond the end of
/// what is shown.
struct gantt_scale {
    nanoseconds column;
    std::size_t columns;
};

/// The columns from `from` on.
std::vector<gantt_cell> gantt_row(const timeline& of, nanoseconds from, gantt_scale scale);

gantt_scale scale_for(window shown, nanoseconds tick, std::size_t most);

}  // namespace weft::sim
