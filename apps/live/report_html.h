// SPDX-License-Identifier: Apache-2.0
//
// A comparison as one HTML file: the page of the simulator (sched/report_html.h) for its first
// round, with tables of all rounds before the pictures. Pure function; any thread.
#pragma once

#include <string>
#include <string_view>

#include "comparison.h"

namespace weft::live {

/// `version` is weft's.
std::string report_as_html(const comparison& all, std::string_view version);

}  // namespace weft::live
