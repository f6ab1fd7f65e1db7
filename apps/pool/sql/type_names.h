// SPDX-License-Identifier: Apache-2.0
//
// The types that PREPARE name (int, text[], ...) gives its parameters, as the numbers by which a
// Parse message names them. Known are those that PostgreSQL has of itself, whose numbers never
// change; what else a name may be, only the server knows. A plain call.
//
// A name is looked for in pg_catalog, where PostgreSQL looks first unless search_path names
// pg_catalog behind another schema: a type of that name in such a schema is not seen.
//
// Source: PostgreSQL's pg_type.dat; documentation, "Data Types".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace weft::pool {

/// `types`: with commas between. Nothing: one of them is not known.
std::optional<std::vector<std::uint32_t>> type_numbers_of(std::string_view types);

}  // namespace weft::pool
