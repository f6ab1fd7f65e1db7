// SPDX-License-Identifier: Apache-2.0
//
// What each task did, from a recording: it ran, it waited for a CPU, or its group waited for its
// quota. In between it slept or was not there. Pure function.
#pragma once

#include <cstdint>
#include <vector>

#include "recording.h"

namespace weft::sim {

enum class activity : std::uint8_t { runs, waits, throttled };

struct activity_span {
    activity what;
    std::uint32_t cpu;  ///< where it runs; 0 otherwise
    nanoseconds from;
    nanoseconds to;
};

using timeline = std::vector<activity_span>;

/// By task; each by time, without overlaps.
std::vector<timeline> timelines_of(const recording& run);

}  // namespace weft::sim
