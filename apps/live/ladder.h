// SPDX-License-Identifier: Apache-2.0
//
// A ladder of nice values that the system permits. A value below a thread's own needs CAP_SYS_NICE
// or RLIMIT_NICE. Weights are geometric (a step is a factor of 1.25, rounded to whole numbers), so
// a ladder moved as a whole divides the CPU by nearly the same shares.
#pragma once

#include <expected>
#include <string>

#include "sched/workload.h"

namespace weft::live {

/// The least nice value of a task.
int lowest_nice(const sim::workload& work);

/// Of the values from `wanted` on, the least that a thread of this process may have. Tries, on a
/// thread of its own: the rules have too many parts (capabilities, limits, user namespaces).
int least_permitted_nice(int wanted);

/// Adds the same number to all nice values, so that none is below `least`; returns the number, 0
/// if none was. The error is a sentence: the ladder does not fit between `least` and 19.
std::expected<int, std::string> shift_ladder(sim::workload& work, int least);

}  // namespace weft::live
