// SPDX-License-Identifier: Apache-2.0
//
// Follows the lag of all tasks through a recording; measures.h says what it is. For measures.cpp.
#pragma once

#include <vector>

#include "division.h"
#include "measures.h"

namespace weft::sim {

/// Fills `into.lag` and the least and greatest lag of each task.
void follow_lag(const workload& work, const recording& run, std::size_t samples, measures& into);

/// The groups of a workload as claims, with their weights only.
std::vector<group_claim> groups_by_weight(const workload& work);

}  // namespace weft::sim
