// SPDX-License-Identifier: Apache-2.0
//
// A live run as a recording (sched/recording.h), so that it is measured and drawn as a simulated
// one is. Stalls are part of the turns in which they were. Pure function.
#pragma once

#include "live_run.h"
#include "sched/recording.h"

namespace weft::live {

sim::recording recording_of(const live_plan& plan, const live_run& run);

}  // namespace weft::live
