// SPDX-License-Identifier: Apache-2.0
//
// The results as one HTML file that needs nothing else: style, script and Chart.js are in it. Texts
// and tables are made here and readable without the script, which draws the charts. Follows the
// reader's choice of light or dark. Pure function over results; any thread.
#pragma once

#include <string>

#include "results.h"

namespace weft::lab {

std::string report_as_html(const results& run);

}  // namespace weft::lab
