// SPDX-License-Identifier: Apache-2.0
//
// What came of a workload as text: for each policy a row of columns per task, then tables with a
// column per policy. No line is wider than the style says; no escape codes unless it allows them.
// Pure function; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "outcome.h"
#include "report/terminal_style.h"

namespace weft::sim {

inline constexpr std::size_t narrowest_page = 60;

/// Ends with a newline.
std::string report_for_terminal(const outcome& all, const report::terminal_style& style = {});

/// Only the rows of columns, with an empty line before each picture.
std::string pictures_for_terminal(const outcome& all, const report::terminal_style& style);

/// The bundled workloads, and what to type.
std::string list_of_workloads(const report::terminal_style& style = {});

}  // namespace weft::sim
