// SPDX-License-Identifier: Apache-2.0
#include "load_generator.h"

#include "load_phases.h"

#include <sys/prctl.h>

namespace weft::lab {

namespace {

/// Events between two ticks. An open loop must look at its schedule often; a closed loop has
/// nothing to do in between.
constexpr int closed_batch = 512;
constexpr int open_batch = 32;

}  // namespace

load_generator::load_generator(load_options options) : connections_(std::move(options)) {
    // The kernel rounds sleeps up by 50 us by default: too coarse for an open loop's schedule.
    ::prctl(PR_SET_TIMERSLACK, 1);
}

connect_report load_generator::connect(std::span<const load_target> targets,
                                       const connect_request& request) {
    connecting phase(connections_, targets, request);
    const bool complete = connections_.run(phase, closed_batch);
    return phase.report(!complete);
}

loop_report load_generator::loop(const loop_request& request) {
    if (request.rate > 0) {
        open_loop phase(connections_, request);
        const bool complete = connections_.run(phase, open_batch);
        return phase.report(!complete);
    }
    closed_loop phase(connections_, request);
    const bool complete = connections_.run(phase, closed_batch);
    return phase.report(!complete);
}

round_report load_generator::round(const round_request& request) {
    one_round phase(connections_, request);
    const bool complete = connections_.run(phase, closed_batch);
    return phase.report(!complete);
}

}  // namespace weft::lab
