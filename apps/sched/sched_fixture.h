// SPDX-License-Identifier: Apache-2.0
//
// For tests: workloads from text, and what comes of them.
#pragma once

#include <string>
#include <string_view>

#include "outcome.h"
#include "simulator.h"

namespace weft::sim {

/// A workload that must be right.
workload workload_of(std::string_view text);
/// What is wrong with one that must not be; without the file's name.
std::string error_of(std::string_view text);

/// Simulated and measured.
policy_outcome outcome_under(const workload& work, policy under);
outcome outcome_of(std::string_view text, std::initializer_list<policy> under);

/// A workload whose size, tasks and groups are drawn: always a valid one.
workload drawn_workload(std::uint64_t seed);

}  // namespace weft::sim
