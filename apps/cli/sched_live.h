// SPDX-License-Identifier: Apache-2.0
//
// `weft sched --live`: a workload on this machine, as kernel threads and as fibers in turn.
#pragma once

#include "sched/workload.h"
#include "sched_command.h"

namespace weft::cli {

/// The exit status: as run_sched_command().
int run_sched_live(sim::workload work, const sched_options& options);

}  // namespace weft::cli
