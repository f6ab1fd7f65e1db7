// SPDX-License-Identifier: Apache-2.0
//
// Bounds and names that both readers share.
#pragma once

#include <cstddef>
#include <string_view>

namespace weft::pool {

/// With all that it includes, in bytes. Ten thousand databases take one.
inline constexpr std::size_t longest_configuration = std::size_t{16} << 20;

/// The name that leads to the console; no database may have it.
inline constexpr std::string_view console_database = "pgbouncer";

}  // namespace weft::pool
