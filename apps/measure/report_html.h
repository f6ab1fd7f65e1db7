// SPDX-License-Identifier: Apache-2.0
//
// The results as one HTML file that needs nothing else: claims, charts, all figures, how they came
// about. Pure function.
#pragma once

#include <string>

#include "measurement.h"

namespace weft::measure {

std::string report_as_html(const measurement& all);

}  // namespace weft::measure
