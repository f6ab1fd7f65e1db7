// SPDX-License-Identifier: Apache-2.0
//
// What the subcommands have in common when they say what they found. One thread.
#pragma once

#include <string>
#include <string_view>

namespace weft::cli {

inline constexpr int status_failed = 1;
inline constexpr int status_usage = 2;
inline constexpr int status_interrupted = 130;

/// Writes to a descriptor. False when it failed, which is said, unless whoever reads has gone (weft
/// clients | head): no reason for a message.
bool print(int descriptor, std::string_view text);

/// Writes a report to a file, or to standard output for "-". False when it failed, which is said.
bool write_output(const std::string& path, std::string_view text);

}  // namespace weft::cli
