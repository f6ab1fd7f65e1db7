// SPDX-License-Identifier: Apache-2.0
//
// Reads the file that the command line names, at start and on each RELOAD: TOML if its name ends in
// .toml, else PgBouncer's ini. Blocks on the disk.
#pragma once

#include <expected>
#include <string>

#include "config/settings.h"

namespace weft::pool {

/// The configuration in a file and those that it includes, or one line that says what is wrong.
[[nodiscard]] std::expected<configuration, std::string> load_configuration(const std::string& path);

}  // namespace weft::pool
