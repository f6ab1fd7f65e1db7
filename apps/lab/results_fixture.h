// SPDX-License-Identifier: Apache-2.0
//
// Results of an invented run with round figures, for the tests of summary, verdicts and reports.
#pragma once

#include "results.h"

namespace weft::lab {

/// Four models at 10,000 clients, two repeats that differ a little, all phases.
results invented_results();

}  // namespace weft::lab
