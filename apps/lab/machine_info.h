// SPDX-License-Identifier: Apache-2.0
//
// The machine as the report names it, and what others did on it while something was measured.
#pragma once

#include "proc_metrics.h"
#include "results.h"

namespace weft::lab {

/// All but the limits.
machine read_machine();

/// Now, as ISO 8601 with the offset from UTC.
std::string time_stamp();

/// The share of the CPUs that the hypervisor and foreign programs took between two readings.
/// `own_seconds`: CPU time that the run itself used meanwhile.
noise noise_between(const machine_ticks& before, const machine_ticks& after, double own_seconds);

}  // namespace weft::lab
