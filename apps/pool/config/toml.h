// SPDX-License-Identifier: Apache-2.0
//
// Reads weft-pool's own configuration, in TOML: [pool] for the general settings, [databases.NAME],
// [users.NAME], [tenants.NAME]. Keys are the names of config/setting_table.h. Whoever writes it
// knows weft-pool, so nothing is forgiven: an unknown key, also one of PgBouncer's that is not
// honoured, is an error.
//
// Times are "250ms", "1.5s" (us, ms, s, min, h, d) or a number of seconds; lists are arrays or one
// text with commas; flags are true or false.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace weft::pool {

/// Reads the TOML in `text`, which is called `file` in messages. An error is one line,
/// "file:line:column: what", and holds no secret.
[[nodiscard]] std::expected<configuration, std::string> read_toml(std::string_view text,
                                                                  const std::string& file);

}  // namespace weft::pool
