// SPDX-License-Identifier: Apache-2.0
//
// What a recording says: shares beside the ideal ones, how long those that woke had to wait, and
// how far each was behind.
//
// Ideal shares divide the CPUs by weight among the tasks that were there at each moment
// (division.h); one that sleeps claims no more than it would use if it never waited, and one that
// has had all that it wants claims nothing.
//
// Lag is what EEVDF calls so: while a task wants to run, the time that it should have had less the
// time that it had. What is divided is the CPU time that was given out, so the lags of all that
// want to run sum up to nothing: one is ahead because another is behind. Who sleeps leaves what it
// had to the others, and comes back with none. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "recording.h"
#include "workload.h"

namespace weft::sim {

struct latency_summary {
    std::uint64_t count = 0;
    nanoseconds p50 = 0;
    nanoseconds p90 = 0;
    nanoseconds p99 = 0;
    nanoseconds longest = 0;
};

struct task_measures {
    nanoseconds ran = 0;
    double share = 0;  ///< of all CPU time, 0 to 1
    double ideal = 0;  ///< the same
    latency_summary latency;
    std::uint64_t unserved = 0;    ///< wake-ups after which it had not run by the end: 0 or 1
    nanoseconds longest_wait = 0;  ///< wanted to run, was allowed to, and did not, at a stretch
    double least_lag_ms = 0;
    double greatest_lag_ms = 0;
};

struct group_measures {
    double share = 0;
    double ideal = 0;
};

struct lag_sample {
    nanoseconds at = 0;
    std::vector<float> lag_ms;  ///< by task
};

struct measures {
    std::vector<task_measures> tasks;
    std::vector<group_measures> groups;
    double idle = 0;       ///< of all CPU time
    double switching = 0;  ///< the same
    std::uint64_t switches = 0;
    std::vector<lag_sample> lag;        ///< at equal distances, the last at the end
    std::vector<lag_sample> lag_shown;  ///< the same of the part that is shown
};

/// `samples`: how many of the lag, at least 1; as many of the part that is shown.
measures measure(const workload& work, const recording& run, std::size_t samples);

/// `fraction` of the values are no greater; sorts them.
latency_summary summary_of(std::vector<nanoseconds> values);

}  // namespace weft::sim
