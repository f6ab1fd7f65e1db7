// SPDX-License-Identifier: Apache-2.0
//
// What came of a workload in the trace event format, which Perfetto (ui.perfetto.dev) and
// chrome://tracing open: for each policy two processes, one with a row per CPU, who ran there, and
// one with a row per task, what it did, and a counter of its lag. Pure function; any thread.
#pragma once

#include <string>

#include "outcome.h"

namespace weft::sim {

std::string report_as_trace(const outcome& all);

}  // namespace weft::sim
