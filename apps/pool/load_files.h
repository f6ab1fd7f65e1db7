// SPDX-License-Identifier: Apache-2.0
//
// Reads a configuration and all files that it names. Blocks on the disk.
#pragma once

#include <expected>
#include <string>

#include "session/pooler.h"

namespace weft::pool {

/// What is wrong is one line. `running`: what a change of takes a restart stays as it is there.
std::expected<configuration_ptr, std::string> load_files(const std::string& path,
                                                         const settings* running = nullptr);

/// The same of a configuration that was read or made otherwise.
std::expected<configuration_ptr, std::string> complete(configuration config);

}  // namespace weft::pool
