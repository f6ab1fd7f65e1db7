// SPDX-License-Identifier: Apache-2.0
//
// Reads PgBouncer's pgbouncer.ini as it is: sections, comments, %include, connection strings. What
// PgBouncer refuses is refused here, with file and line; a setting of PgBouncer that weft-pool does
// not honour gives one warning that says what happens instead. weft-pool's own settings may stand
// in it too.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <string_view>

#include "config/settings.h"

namespace weft::pool {

/// The text of a file, or why there is none.
using file_source = std::function<std::expected<std::string, std::string>(const std::string& path)>;

/// Reads the ini in `text`, which is called `file` in messages. `include` is asked for what
/// %include names. An error is one line, "file:line: what", and holds no secret.
[[nodiscard]] std::expected<configuration, std::string> read_ini(std::string_view text,
                                                                 const std::string& file,
                                                                 const file_source& include);

}  // namespace weft::pool
