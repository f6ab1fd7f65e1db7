// SPDX-License-Identifier: Apache-2.0
//
// Who has run for how long. What is charged is CPU time: what the kernel gave to others, or the
// hypervisor took, is nobody's. But the clock of CPU time costs 470 ns, any clock 25, and a switch
// 7. So:
//   - while switches follow each other within 100 ns the clock is read once in about eight of them,
//     and their time charged to whoever runs then: each as often as it runs. The number varies, so
//     that nothing that repeats falls in step with it. Where one switch takes longer than that,
//     each is charged by itself;
//   - below 0.1 ms the steady clock is taken for the time: a kernel that gives the CPU to others
//     mostly does so for longer. Above, the clock of CPU time is read: what it says this kernel
//     thread has had since it was read last, less what was charged since. It is read every 10 ms at
//     least, so that the scheduler's own time, which is not charged, does not add up to much.
#include <algorithm>

#include "sched/scheduler.h"
#include "sched/worker.h"

namespace weft::sched {

namespace {

constexpr std::uint64_t short_run = 100;
constexpr std::uint64_t short_run_in_group = 200;  // the switch alone takes three times as long
constexpr std::uint64_t reading_the_clock = 30;    // which is part of what is measured
constexpr unsigned exact_charges = 64;
constexpr std::uint64_t maybe_interrupted = 100'000;
constexpr base::nanoseconds_t longest_without_cpu_clock = 10'000'000;

}  // namespace

/// Returns for how long it ran, in ns.
std::uint64_t worker::charge(fiber_block* fiber, std::uint64_t others) noexcept {
    const base::nanoseconds_t now = base::now_ns();
    auto ran = static_cast<std::uint64_t>(std::max<base::nanoseconds_t>(now - charged_at_, 0));
    charged_at_ = now;
    if (!owner_.options().fair) {
        until_charge_ = ~0U;
        return charge_cpu(ran, base::thread_cpu_ns(), now);  // for slices, at a tick
    }
    const bool in_group = fiber != nullptr && fiber->group_index() != 0;
    if (ran > (in_group ? short_run_in_group : short_run) * charge_period_ + reading_the_clock) {
        exact_for_ = exact_charges;
    } else if (exact_for_ != 0) {
        --exact_for_;
    }
    charge_period_ = exact_for_ != 0 ? 1 : 6 + static_cast<unsigned>(tick() / 8 % 4);
    until_charge_ = charge_period_;
    if (ran > maybe_interrupted || now - cpu_read_at_ > longest_without_cpu_clock) {
        ran = charge_cpu(ran, base::thread_cpu_ns(), now);
    } else {
        charged_since_ += static_cast<base::nanoseconds_t>(ran);
    }
    queue_.charge(fiber, ran, others);
    if (in_group) [[unlikely]] {
        charge_group(*fiber, ran, now);
    }
    return ran;
}

/// What of `ran` was CPU time, of which the holder of the role has had `cpu` by now.
std::uint64_t worker::charge_cpu(std::uint64_t ran, base::nanoseconds_t cpu,
                                 base::nanoseconds_t now) noexcept {
    const base::nanoseconds_t ours = cpu - cpu_seen_ - charged_since_;
    cpu_seen_ = cpu;
    cpu_read_at_ = now;
    charged_since_ = std::max<base::nanoseconds_t>(-ours, 0);  // too much: less next time
    return std::min(ran, static_cast<std::uint64_t>(std::max<base::nanoseconds_t>(ours, 0)));
}

/// Another kernel thread has the role, whose CPU time is `cpu`.
void worker::start_charging(base::nanoseconds_t cpu) noexcept {
    cpu_seen_ = cpu;
    cpu_read_at_ = charged_at_ = base::now_ns();
    charged_since_ = 0;
}

}  // namespace weft::sched
