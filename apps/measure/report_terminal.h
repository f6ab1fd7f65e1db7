// SPDX-License-Identifier: Apache-2.0
//
// The results as text for a terminal, at most as wide as the style says: claims first, then the
// figures, then what was wrong. Pure functions.
#pragma once

#include <string>

#include "measurement.h"
#include "probe.h"
#include "report/terminal_style.h"

namespace weft::measure {

std::string report_for_terminal(const measurement& all, const report::terminal_style& style);

/// All probes, with their figures and claims.
std::string list_for_terminal(const report::terminal_style& style);

/// How a probe, a figure or the figures of a claim are measured; empty: there is none of this name.
std::string explanation_of(std::string_view name, const report::terminal_style& style);

}  // namespace weft::measure
