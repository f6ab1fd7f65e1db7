// SPDX-License-Identifier: Apache-2.0
//
// Writes a configuration as TOML: for `weft-pool --migrate pgbouncer.ini`. Only what differs from
// the defaults is written, and reading it gives the same configuration (same()), the warnings
// aside, which become comments at its head.
//
// The text holds the passwords of the databases, as the ini did: it is for a file that only its
// owner may read.
#pragma once

#include <expected>
#include <string>

#include "config/settings.h"

namespace weft::pool {

/// The TOML, which has been read and compared. An error is one line: bytes that are not UTF-8,
/// which TOML cannot hold.
[[nodiscard]] std::expected<std::string, std::string> as_toml(const configuration& from);

}  // namespace weft::pool
