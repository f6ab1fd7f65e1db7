// SPDX-License-Identifier: Apache-2.0
//
// What came of a workload as one HTML file that needs nothing else: style, script and Chart.js are
// in it. Texts and tables are made here and readable without the script, which draws the timelines
// and the charts. Follows the reader's choice of light or dark. Pure function; any thread.
#pragma once

#include <string>
#include <string_view>

#include "outcome.h"

namespace weft::sim {

/// `version` is weft's. `section`, HTML as it is, stands below the head.
std::string report_as_html(const outcome& all, std::string_view version,
                           std::string_view section = {});

}  // namespace weft::sim
