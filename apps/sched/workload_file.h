// SPDX-License-Identifier: Apache-2.0
//
// Reads a workload from TOML (docs/scheduler.md has the reference). Strict: an unknown key, a value
// of another type or out of its range is an error that names the file, the line and what is
// allowed. Pure function over the text; any thread.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "workload.h"

namespace weft::sim {

/// `file` is what errors call it, and gives the workload its name. The error is one line:
/// "ladder.toml:7:8: nice: 20 is not from -20 to 19".
std::expected<workload, std::string> parse_workload(std::string_view text, std::string_view file);

/// The comment at the head of a text, without its signs and without a licence line.
std::string head_comment_of(std::string_view text);

}  // namespace weft::sim
