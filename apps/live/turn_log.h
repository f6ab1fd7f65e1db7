// SPDX-License-Identifier: Apache-2.0
//
// What a task can tell of its own turns on a CPU. It looks at a monotonic clock over and over;
// where two looks lie further apart than a threshold there is a gap, and it asks the kernel how
// often its kernel thread was switched away. If that number has not grown, the thread kept its CPU:
// an interrupt or the hypervisor took the time, which is a stall and ends no turn. If it has, the
// turn ended at the last look before the gap. A turn is thus what lies between two such gaps.
//
// The caller reads clocks and counts, so that this is a pure class. One thread at a time.
#pragma once

#include <cstdint>
#include <vector>

#include "sched/durations.h"

namespace weft::live {

using sim::nanoseconds;

/// Shorter gaps are not looked into: a look at the clock and a turn of the loop take well below a
/// microsecond, switching to another thread and back takes longer than this.
inline constexpr nanoseconds gap_threshold = 5 * sim::us;

/// How often a kernel thread was switched away: because it waited, or though it would have gone on.
struct switch_counts {
    std::uint64_t voluntary = 0;
    std::uint64_t involuntary = 0;

    bool operator==(const switch_counts&) const = default;
};

enum class turn_end : std::uint8_t {
    preempted,  ///< the kernel gave the CPU to another thread
    suspended,  ///< its kernel thread waited in the kernel, which is how a runtime suspends a fiber
    slept,      ///< the task's own sleep
    ended,      ///< the task was done, or the run was over
};

struct turn {
    nanoseconds from;
    nanoseconds to;
    std::uint32_t cpu;  ///< its number in the system
    turn_end end;
};

class turn_log {
public:
    /// The task runs, from now on.
    void begin(nanoseconds now, std::uint32_t cpu, switch_counts counts);

    [[nodiscard]] bool is_gap(nanoseconds now) const noexcept {
        return now - last_ > gap_threshold;
    }
    /// A look without a gap.
    void go_on(nanoseconds now) noexcept {
        ran_ += now - last_;
        last_ = now;
    }
    /// The first look after a gap, and what the kernel says since.
    void after_gap(nanoseconds now, std::uint32_t cpu, switch_counts counts);

    /// It runs no more: slept or ended. The turn ends at the last look.
    void end(turn_end why);

    /// Since begin(), without gaps.
    [[nodiscard]] nanoseconds ran() const noexcept { return ran_; }

    [[nodiscard]] const std::vector<turn>& turns() const noexcept { return turns_; }
    [[nodiscard]] std::uint64_t stalls() const noexcept { return stalls_; }
    [[nodiscard]] nanoseconds stalled() const noexcept { return stalled_; }
    [[nodiscard]] switch_counts switches() const noexcept { return switches_; }

private:
    std::vector<turn> turns_;
    nanoseconds from_ = 0;
    nanoseconds last_ = 0;
    nanoseconds ran_ = 0;
    std::uint32_t cpu_ = 0;
    switch_counts counts_;
    switch_counts switches_;
    std::uint64_t stalls_ = 0;
    nanoseconds stalled_ = 0;
};

}  // namespace weft::live
