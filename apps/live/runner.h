// SPDX-License-Identifier: Apache-2.0
//
// Runs a workload on this machine, as kernel threads or as fibers of a runtime of its own, on the
// same CPUs. One run at a time, from a thread that runs nothing else meanwhile.
#pragma once

#include <expected>
#include <string>

#include "live_run.h"

namespace weft::live {

/// Ends early, with `interrupted`, when `stop_fd` becomes readable. The error is a sentence.
std::expected<live_run, std::string> run_live(task_kind kind, const live_plan& plan, int stop_fd);

}  // namespace weft::live
