// SPDX-License-Identifier: Apache-2.0
#include "gantt.h"

#include <algorithm>

namespace weft::sim {

std::vector<gantt_cell> gantt_row(const timeline& of, nanoseconds from, gantt_scale scale) {
    std::vector<gantt_cell> row(scale.columns);
    const nanoseconds end = from + scale.column * scale.columns;
    const double width = static_cast<double>(scale.column);
    for (const activity_span& span : of) {
        if (span.to <= from || span.from >= end) {
            continue;
        }
        const double start = static_cast<double>(std::max(span.from, from) - from);
        const double stop = static_cast<double>(std::min(span.to, end) - from);
        for (auto i = static_cast<std::size_t>(start / width); i < scale.columns; ++i) {
            const double left = static_cast<double>(i) * width;
            const double part = (std::min(stop, left + width) - std::max(start, left)) / width;
            if (part <= 0) {
                break;
            }
            gantt_cell& cell = row[i];
            switch (span.what) {
                case activity::runs:
                    cell.runs += part;
                    cell.cpu = span.cpu;
                    break;
                case activity::waits:
                    cell.waits += part;
                    break;
                case activity::throttled:
                    cell.throttled += part;
                    break;
            }
        }
    }
    return row;
}

gantt_scale scale_for(window shown, nanoseconds tick, std::size_t most) {
    const nanoseconds length = shown.to - shown.from;
    const std::uint64_t ticks = (length + tick - 1) / tick;
    const std::uint64_t each = (ticks + most - 1) / most;
    return {.column = each * tick, .columns = (ticks + each - 1) / each};
}

}  // namespace weft::sim
