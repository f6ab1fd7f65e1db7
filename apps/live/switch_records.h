// SPDX-License-Identifier: Apache-2.0
//
// What the kernel recorded of its context switches on behalf of a run: turns of kernel threads, as
// exact as they can be had. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "sched/durations.h"

namespace weft::live {

/// A kernel thread was on a CPU.
struct kernel_turn {
    pid_t thread;
    std::uint32_t cpu;
    sim::nanoseconds from;
    sim::nanoseconds to;
    bool preempted;             ///< it would have gone on; or else it waits
    std::optional<pid_t> next;  ///< the thread that came after it, 0 the idle one; trace point only
};

struct switch_records {
    std::string source{};   ///< what the kernel permitted; empty: nothing
    std::string refused{};  ///< what it did not permit, why, and what would; empty: it all was
    std::vector<kernel_turn> turns{};  ///< by their ends, CPU by CPU
    std::uint64_t lost = 0;            ///< records for which there was no room
};

}  // namespace weft::live
