// SPDX-License-Identifier: Apache-2.0
//
// A comparison as JSON: every figure of the other reports. docs/scheduler.md describes it. Pure
// function; any thread.
#pragma once

#include <string>

#include "comparison.h"

namespace weft::live {

/// Raised whenever a member changes its meaning or goes.
inline constexpr int json_schema_version = 1;

/// Ends with a newline.
std::string report_as_json(const comparison& all);

}  // namespace weft::live
