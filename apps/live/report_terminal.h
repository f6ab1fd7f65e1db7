// SPDX-License-Identifier: Apache-2.0
//
// A comparison as text: pictures of the first round, then tables with kernel threads and fibers
// beside each other. No line is wider than the style says; no escape codes unless it allows them.
// Pure function; any thread.
#pragma once

#include <string>

#include "comparison.h"
#include "report/terminal_style.h"

namespace weft::live {

/// `style.width` is at least sim::narrowest_page.
std::string report_for_terminal(const comparison& all, const report::terminal_style& style);

}  // namespace weft::live
