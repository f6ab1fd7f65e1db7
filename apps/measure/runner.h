// SPDX-License-Identifier: Apache-2.0
//
// runner: all rounds of all probes, one after the other, and what others did on the machine
// meanwhile. After a signal the round under way is thrown away and what is complete is kept. One
// thread, one that has started no other: probes fork.
#pragma once

#include "lab/interrupts.h"
#include "measurement.h"
#include "plan.h"

namespace weft::measure {

/// `progress_fd`: where a terminal shows how far it is. Fills all but command_line and seconds.
measurement measure_all(const run_plan& plan, const lab::interrupts& signals, int progress_fd);

}  // namespace weft::measure
