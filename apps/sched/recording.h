// SPDX-License-Identifier: Apache-2.0
//
// What a run of a workload leaves behind: who ran where and when, and who could have. All that is
// measured (measures.h) and drawn is computed from it, and nothing here says that a simulator wrote
// it: whatever can fill it from another source is measured and drawn in the same way. Plain data.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "durations.h"

namespace weft::sim {

/// A task ran on a CPU without a break.
struct run_span {
    std::uint32_t task;
    std::uint32_t cpu;
    nanoseconds from;
    nanoseconds to;
};

enum class change : std::uint8_t {
    arrived,    ///< for the first time; may run
    woken,      ///< may run
    slept,      ///< does not want to run
    ended,      ///< will not want to run again
    throttled,  ///< may not run: its group waits for its quota
    thawed,     ///< may run again
};

struct transition {
    nanoseconds at;
    std::uint32_t task;
    change what;
};

struct task_record {
    std::string name;
    std::size_t spec = 0;  ///< which of the workload's tasks it is or was forked from
    bool forked = false;
    nanoseconds arrived = 0;
    std::optional<nanoseconds> ended;
    /// From each wake-up to the moment at which it ran, in order of time.
    std::vector<nanoseconds> latencies;
    std::uint64_t picked = 0;     ///< how often it got a CPU that another one or nobody had
    std::uint64_t preempted = 0;  ///< how often it lost it though it would have gone on
    std::uint64_t migrated = 0;   ///< how often it went to another CPU
};

struct cpu_record {
    nanoseconds idle = 0;
    nanoseconds switching = 0;  ///< spent on context switches
    std::uint64_t switches = 0;
};

struct recording {
    std::string policy;
    nanoseconds duration = 0;
    std::vector<task_record> tasks;
    std::vector<cpu_record> cpus;
    std::vector<run_span> spans;          ///< by their ends
    std::vector<transition> transitions;  ///< by time
};

}  // namespace weft::sim
