// SPDX-License-Identifier: Apache-2.0
//
// What a task of a live run does, be it a kernel thread or a fiber: it computes, without a call
// that waits or yields, and looks at the clock while it does; it sleeps as its workload says. The
// code is the same for both, so what differs is who schedules it.
#pragma once

#include <cstdint>

#include <weft/wait_group.h>

#include "live_run.h"

namespace weft::live {

/// What the tasks of a run share. One thread hosts it: it waits until all are ready, sets the
/// moments and opens the gate.
struct stage {
    explicit stage(std::size_t tasks) : ready(tasks) {}

    wait_group ready;
    wait_group gate{1};
    wait_group stopped{1};  ///< done: the run is over before its time
    nanoseconds start = 0;  ///< of the steady clock; not before the gate is open
    nanoseconds end = 0;
};

/// Runs it until it has ended or the run is over. `number` counts the tasks of the run.
void run_task(const sim::workload& work, std::size_t number, stage& on, task_log& into);

}  // namespace weft::live
