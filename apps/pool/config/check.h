// SPDX-License-Identifier: Apache-2.0
//
// What each reader asks at its end: that settings fit together. Pure.
#pragma once

#include <expected>
#include <string>

#include "config/settings.h"

namespace weft::pool {

/// Adds to the warnings. An error is a line without the file's name.
[[nodiscard]] std::expected<void, std::string> check_together(configuration& read);

}  // namespace weft::pool
