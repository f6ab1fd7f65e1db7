// SPDX-License-Identifier: Apache-2.0
//
// The results as text: one table with a column per model, who died (when a poison was used), a
// verdict line per claim, and what must be known to judge them. Never wider than the style says;
// no escape codes unless the style allows them. Pure function over results; any thread.
#pragma once

#include <cstddef>
#include <string>

#include "results.h"
#include "units.h"

namespace weft::lab {

struct terminal_style {
    bool colour = false;
    symbols set = symbols::ascii;
    std::size_t width = 100;

    /// Colours only when `descriptor` is a terminal that knows them and NO_COLOR is not set;
    /// Unicode signs when the locale's character set is UTF-8.
    static terminal_style of(int descriptor);
};

/// Ends with a newline.
std::string report_for_terminal(const results& run, const terminal_style& style = {});

}  // namespace weft::lab
