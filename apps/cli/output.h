// SPDX-License-Identifier: Apache-2.0
//
// What the subcommands have in common when they say what they found. One thread.
#pragma once

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

#include "report/terminal_style.h"

namespace weft::cli {

inline constexpr int status_failed = 1;
inline constexpr int status_usage = 2;
inline constexpr int status_interrupted = 130;

/// Says what is wrong; returns `status`.
int complain(std::string_view message, int status = status_failed);

/// As wide as the terminal, if it is one, within these bounds.
report::terminal_style style_of(int descriptor, std::size_t narrowest,
                                std::size_t widest = std::numeric_limits<std::size_t>::max());

/// Writes to a descriptor. False when it failed, which is said, unless whoever reads has gone (weft
/// clients | head): no reason for a message.
bool print(int descriptor, std::string_view text);

/// Writes a report to a file, or to standard output for "-". False when it failed, which is said.
bool write_output(const std::string& path, std::string_view text);

}  // namespace weft::cli
