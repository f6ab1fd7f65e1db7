// SPDX-License-Identifier: Apache-2.0
//
// What a round found, as it goes from process to process. Pure functions.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "figure.h"

namespace weft::measure {

nlohmann::json as_json(const findings& found);
nlohmann::json as_json(const std::vector<address_part>& map);

/// Throws nlohmann::json::exception for anything else.
findings findings_from(const nlohmann::json& document);

}  // namespace weft::measure
