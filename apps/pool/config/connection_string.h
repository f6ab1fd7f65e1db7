// SPDX-License-Identifier: Apache-2.0
//
// The right side of a line of [databases], [users] or [peers] of pgbouncer.ini: `key=value` pairs
// with blanks between them. A value with blanks stands in '', where '' is one quote. A backslash is
// a backslash, as in PgBouncer and unlike libpq: passwords have them. Pure.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace weft::pool {

struct string_pair {
    std::string key;
    std::string value;
};

/// The pairs in their order. An error repeats nothing of the text, in which a password may be.
[[nodiscard]] std::expected<std::vector<string_pair>, std::string> parse_connection_string(
    std::string_view text);

}  // namespace weft::pool
