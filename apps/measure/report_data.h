// SPDX-License-Identifier: Apache-2.0
//
// The results for programs: JSON with all of it (docs/measuring.md tells the schema) and CSV with a
// line for each point of a figure. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "measurement.h"

namespace weft::measure {

/// "nanoseconds", "bytes".
std::string_view name_of_unit(lab::unit unit) noexcept;

nlohmann::json to_json(const measurement& all);
std::string report_as_json(const measurement& all);
std::string report_as_csv(const measurement& all);

}  // namespace weft::measure
