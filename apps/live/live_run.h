// SPDX-License-Identifier: Apache-2.0
//
// What a run of a workload on this machine leaves behind: once with kernel threads as tasks, once
// with fibers. Plain data. All times are since the start of the run.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "sched/workload.h"
#include "switch_records.h"
#include "turn_log.h"

namespace weft::live {

enum class task_kind : std::uint8_t { kernel_threads, fibers };

constexpr std::string_view name_of(task_kind kind) noexcept {
    return kind == task_kind::fibers ? "fibers" : "kernel";
}

/// What is run, and where.
struct live_plan {
    sim::workload work;  ///< its nice values are permitted, its CPUs are as many as `cpus`
    std::vector<std::uint32_t> cpus;
    std::optional<nanoseconds> slice;  ///< none: the kernel's, and the runtime's
};

/// A wake-up: when it was due, and when the task ran.
struct wakeup {
    nanoseconds due;
    nanoseconds at;
};

struct task_log {
    std::string name{};
    std::size_t spec = 0;  ///< which of the workload's tasks
    nanoseconds arrived = 0;
    std::optional<nanoseconds> ended{};  ///< before the run was over
    std::vector<turn> turns{};
    std::vector<wakeup> wakeups{};
    std::optional<nanoseconds> waits_since{};  ///< woken, and not run before the run was over
    nanoseconds cpu_time = 0;                  ///< of its kernel threads while they ran it
    std::uint64_t stalls = 0;                  ///< gaps in which it kept its CPU
    nanoseconds stalled = 0;
    switch_counts switches{};      ///< of its kernel threads, seen at gaps
    std::vector<pid_t> threads{};  ///< that ran it, each once
    bool has_slice = true;         ///< got the slice that was asked for
    std::string error{};           ///< why it could not run as it should; empty: it did
};

/// What the runtime counted: the occasions on which its scheduler decided.
struct runtime_counts {
    std::uint64_t dispatched = 0;  ///< times that it ran something
    std::uint64_t preempted = 0;   ///< by the tick: a fiber computed
    std::uint64_t blocked = 0;     ///< by the monitor: a fiber blocked in the kernel
    std::uint64_t finished = 0;    ///< fibers that ended
};

struct live_run {
    task_kind kind = task_kind::kernel_threads;
    nanoseconds duration = 0;
    std::vector<task_log> tasks{};
    std::optional<runtime_counts> runtime{};  ///< of fibers
    switch_records kernel{};                  ///< what the kernel recorded
    bool interrupted = false;
};

}  // namespace weft::live
