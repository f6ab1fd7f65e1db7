// SPDX-License-Identifier: Apache-2.0
#include "gantt.h"

#include <algorithm>

namespace weft::sim {

std::vector<gantt_cell> gantt_row(const timeline& of, window shown, std::size_t columns) {
    std::vector<gantt_cell> row(columns);
    const double length = static_cast<double>(shown.to - shown.from);
    const double width = length / static_cast<double>(columns);
    for (const activity_span& span : of) {
        if (span.to <= shown.from || span.from >= shown.to) {
            continue;
        }
        const double from = static_cast<double>(std::max(span.from, shown.from) - shown.from);
        const double to = static_cast<double>(std::min(span.to, shown.to) - shown.from);
        for (auto i = static_cast<std::size_t>(from / width); i < columns; ++i) {
            const double start = static_cast<double>(i) * width;
            const double part = (std::min(to, start + width) - std::max(from, start)) / width;
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

std::size_t columns_for(window shown, nanoseconds tick, std::size_t most) {
    const std::uint64_t ticks = (shown.to - shown.from + tick - 1) / tick;
    return std::clamp<std::size_t>(ticks, 1, std::max<std::size_t>(most, 1));
}

}  // namespace weft::sim
