// SPDX-License-Identifier: Apache-2.0
//
// What came of a workload as JSON: every figure of the other reports. docs/scheduler.md describes
// it. Pure function; any thread.
#pragma once

#include <string>

#include "outcome.h"

namespace weft::sim {

/// Raised whenever a member changes its meaning or goes.
inline constexpr int json_schema_version = 1;

/// Ends with a newline.
std::string report_as_json(const outcome& all);

}  // namespace weft::sim
