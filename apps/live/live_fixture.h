// SPDX-License-Identifier: Apache-2.0
//
// For tests: live runs that were never run.
#pragma once

#include <vector>

#include "live_run.h"

namespace weft::live {

/// Two hogs, `heavy` at nice -5 and `light` at nice 0, for 100 ms on CPU 3.
live_plan plan_of_two();

/// `heavy` runs for 3 of each 4 ms, `light` for the last one. Something else cuts one turn of
/// `heavy` from 9 to 10 ms after the start.
live_run run_of_two(task_kind kind);

}  // namespace weft::live
