// SPDX-License-Identifier: Apache-2.0
//
// The results as JSON: all that was measured (results.h), and beside it what the reports computed
// from that, under "summary" and "verdicts", so that a script need not compute medians itself.
#pragma once

#include <string>

#include <nlohmann/json_fwd.hpp>

#include "results.h"

namespace weft::lab {

/// {"thread": {"idle.all_bytes": {"median", "min", "max", "deviation", "count"}, ...}, ...}
nlohmann::json summary_as_json(const results& run);

/// Indented, ends with a newline. Text that is not UTF-8 has its wrong bytes replaced.
std::string report_as_json(const results& run);

}  // namespace weft::lab
