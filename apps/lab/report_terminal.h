// SPDX-License-Identifier: Apache-2.0
//
// The results as text: one table with a column per model, who died (when a poison was used), a
// verdict line per claim, and what must be known to judge them. Never wider than the style says;
// no escape codes unless the style allows them. Pure function over results; any thread.
#pragma once

#include <string>

#include "report/terminal_style.h"
#include "results.h"

namespace weft::lab {

/// Ends with a newline.
std::string report_for_terminal(const results& run, const report::terminal_style& style = {});

}  // namespace weft::lab
