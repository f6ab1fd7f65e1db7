// SPDX-License-Identifier: Apache-2.0
//
// monitor: a thread of its own that does for the kernel threads of a scheduler what they cannot do:
//   - it sees to it that there is a spare one;
//   - it takes the role from one that blocks in the kernel, for a spare. It looks around every 8
//     ms: a kernel thread that has run nothing else and used little CPU since the last look, and
//     sleeps in the kernel by /proc, is blocked. So one that the kernel has merely given no CPU is
//     not, unless /proc cannot be read: to take the role from one that runs is right, if dear;
//   - it ticks one that computes, if somebody waits and the kernel's own tick does not do: that
//     comes every 4 ms on most machines, too late for slices of less than 2 ms; it hits others
//     where the kernel shares the CPU, and the system may refuse the timer. At 3 ms it does as long
//     as all that run there compute, and is cheaper: a signal from here costs the worker an
//     interrupt (13 us and more on a virtual machine) and this thread a wake-up. Where others run,
//     too, they wait for the end of the slice, so that is timed exactly then: when a turn of one
//     that was preempted before began is known (worker::turn), of others when it was first seen.
//     Not one that sleeps is ticked, as a signal would end a system call with EINTR.
// While all workers sleep for a while it sleeps, too, without a deadline, until one wakes.
//
// It never allocates, and takes no lock but spinlocks: whoever holds another one may be waiting for
// a role that only it can set free.
//
// Thread safety: watch() and wait_for_look() from any thread; start() and stop() from one.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include "base/atomic.h"
#include "base/clock.h"
#include "base/spinlock.h"

namespace weft::sched {

class kernel_thread;
class scheduler;
class worker;

class monitor {
public:
    explicit monitor(scheduler& owner);
    monitor(const monitor&) = delete;
    monitor& operator=(const monitor&) = delete;

    /// Throws std::system_error.
    void start();
    void stop() noexcept;

    /// A worker has woken up.
    void watch() noexcept {
        if (resting_.load(base::seq_cst)) [[unlikely]] {
            stir();
        }
    }

    /// Until no look is under way: those that begin later know kernel threads only from what
    /// workers say then.
    void wait_for_look() noexcept { const base::spin_guard none(looking_); }

private:
    using time = base::nanoseconds_t;

    /// Of a worker: what runs there.
    struct sight {
        kernel_thread* holder = nullptr;
        std::uint64_t tick = 0;
        std::uint64_t turns = 0;
        bool taken = false;  // the monitor has the role, and found nobody to give it to
        time due = 0;        // when it is to be looked at
        // Whether it blocks is judged each usual interval:
        time since = 0;
        time cpu = 0;  // that the holder had used by then
        std::uint64_t own_ticks = 0;
        unsigned unticked = 0;  // intervals in which it ran without a tick of its own
        // Its slice, where this thread times it (0: not):
        time slice = 0;
        time slice_began = 0;
        time slice_cpu = 0;
    };

    void run() noexcept;
    [[nodiscard]] time next_look() noexcept;
    void rest_until(time deadline) noexcept;
    [[nodiscard]] bool all_sleep() const noexcept;
    void look_at_all() noexcept;
    void look_at(worker& role, sight& last, time now) noexcept;
    void watch_turn(worker& role, kernel_thread& holder, sight& last, time now) noexcept;
    bool judge(worker& role, sight& last, time now) noexcept;
    void end_slice(worker& role, sight& last, time now) noexcept;
    void tick(worker& role, kernel_thread& holder, time now) noexcept;
    [[nodiscard]] bool somebody_waits(worker& role, time now) const noexcept;
    void give_away(worker& role, sight& last, time now) noexcept;
    void keep_spares() noexcept;
    void stir() noexcept;

    scheduler& owner_;
    base::spinlock looking_;
    std::vector<sight> sights_;
    base::atomic<bool> resting_{false};  // without a deadline
    base::atomic<bool> stopping_{false};
    base::atomic<std::uint32_t> stirred_{0};  // futex word
    std::thread thread_;
};

}  // namespace weft::sched
