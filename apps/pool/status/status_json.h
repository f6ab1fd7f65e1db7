// SPDX-License-Identifier: Apache-2.0
//
// What the status page shows, as JSON: tables of SHOW, each row as an object.
#pragma once

#include <string>
#include <string_view>

#include "admin/tables.h"

namespace weft::pool {

/// Of a table with more rows the first ones are there, and how many there are.
inline constexpr std::size_t most_status_rows = 200;

[[nodiscard]] std::string status_json(const console_view& of, std::string_view version);

}  // namespace weft::pool
