// SPDX-License-Identifier: Apache-2.0
//
// What live runs of one workload say beside each other: shares by kernel threads and by fibers, the
// ideal ones, slices, switches and what ended the turns. Pure functions.
//
// A share is a part of the CPU time that the tasks had together, by their CPU clocks: what other
// processes and the hypervisor took is nobody's. A turn is what lies between two gaps (turn_log.h);
// a slice is all that a task ran until another task of the workload ran next, or it slept: the sum
// of turns that something else cut. What the end of the run cut off is neither.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "live_run.h"
#include "sched/outcome.h"

namespace weft::live {

/// Why turns ended. What the task cannot see it takes from who ran next on the same CPU.
enum class turn_loss : std::uint8_t {
    to_task,   ///< another task of the workload ran next: the scheduler's decision
    to_other,  ///< the same task ran next: something else had the CPU in between
    slept,
    ended,
};
inline constexpr std::size_t turn_losses = 4;
using loss_counts = std::array<std::uint64_t, turn_losses>;

struct length_summary {
    std::uint64_t count = 0;
    nanoseconds least = 0;
    nanoseconds median = 0;
    nanoseconds p99 = 0;
    nanoseconds greatest = 0;
};

struct task_figures {
    nanoseconds cpu_time = 0;
    double share = 0;        ///< 0 to 1
    double least_share = 0;  ///< of the repetitions
    double greatest_share = 0;
    double error_points = 0;  ///< percent points above the ideal
    length_summary turns;
    length_summary slices;
    length_summary latencies;
    length_summary kernel_turns;  ///< by the kernel's records; none if its threads ran others too
    loss_counts lost{};
    std::uint64_t stalls = 0;
    nanoseconds stalled = 0;
    switch_counts switches{};
};

/// What the kernel's records say of the ends of turns of threads that ran tasks.
struct kernel_counts {
    std::uint64_t preempted = 0;
    std::uint64_t waited = 0;
    // Who came next. By the trace point only.
    std::uint64_t to_task = 0;     ///< a thread that ran tasks
    std::uint64_t to_program = 0;  ///< another thread of this program
    std::uint64_t to_other = 0;    ///< another program, or the kernel
    std::uint64_t to_idle = 0;
    std::uint64_t lost = 0;  ///< records
    std::string source;      ///< of the last run; see switch_records
    std::string refused;
};

/// All runs of one kind.
struct side {
    task_kind kind = task_kind::kernel_threads;
    std::vector<task_figures> tasks;
    double occupied = 0;  ///< of the CPUs' time, what the tasks had
    double turns_per_second = 0;
    double slices_per_second = 0;
    double whole_ticks = 0;  ///< of the slices, those of a whole number of ticks; see below
    double worst_error = 0;  ///< percent points, of all tasks
    loss_counts lost{};
    std::optional<runtime_counts> runtime;
    length_summary turns;
    length_summary slices;
    length_summary latencies;
    length_summary kernel_turns;
    kernel_counts kernel{};
};

struct comparison {
    live_plan plan;
    int shift = 0;  ///< of the nice values
    nanoseconds tick = 0;
    std::size_t rounds = 0;
    std::vector<std::string> names{};  ///< of the tasks, by number
    std::vector<double> ideal{};       ///< 0 to 1
    std::vector<side> sides{};         ///< of kernel threads, then of fibers
    std::vector<std::string> notes{};  ///< sentences
    sim::outcome first{};              ///< the first round, to be drawn
};

/// Of values in any order.
length_summary lengths_of(std::vector<nanoseconds> lengths);

/// The part of them that is a whole number of ticks, at least one, to a twentieth of a tick: where
/// the tick ends slices it is nearly all of them, of lengths at random it is a tenth.
double part_of_whole_ticks(std::span<const nanoseconds> lengths, nanoseconds tick);

/// By task, by turn.
std::vector<std::vector<turn_loss>> losses_of(const live_run& run);

/// `ideal` by task, summing up to 1. Runs of the same kind, at least one.
side side_of(const live_plan& plan, nanoseconds tick, std::span<const live_run> runs,
             std::span<const double> ideal);

/// Runs in any order, both kinds as often.
comparison compare(live_plan plan, int shift, nanoseconds tick, std::vector<live_run> runs);

}  // namespace weft::live
