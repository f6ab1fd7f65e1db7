// SPDX-License-Identifier: Apache-2.0
//
// monitor: a thread of its own that does for the kernel threads of a scheduler what they cannot do:
//   - it sees to it that there is a spare one;
//   - it takes the role from one that blocks in the kernel, for a spare. It looks around every 8
//     ms: a kernel thread that has run nothing else and used little CPU since the last look, and
//     sleeps in the kernel by /proc, is blocked. So one that the kernel has merely given no CPU is
//     not, unless /proc cannot be read: to take the role from one that runs is right, if dear;
//   - it ticks those that compute and did not tick by themselves: where slices are shorter than
//     half of the kernel's tick, so that it looks once a slice; where the system refused a timer;
//     and where the kernel's ticks hit others, since it shares the CPU. Not who sleeps, as a signal
//     would end a system call with EINTR.
// While all workers sleep for a while it sleeps, too, without a deadline, until one wakes.
//
// It never allocates, and takes no lock but spinlocks: whoever holds another one may be waiting for
// a role that only it can set free.
//
// Thread safety: watch() from any thread; start() and stop() from one.
#pragma once

#include <cstdint>
#include <thread>
#include <vector>

#include "base/atomic.h"
#include "base/clock.h"

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

private:
    /// Of a worker, when last looked at.
    struct sight {
        kernel_thread* holder = nullptr;
        std::uint64_t tick = 0;
        base::nanoseconds_t cpu = 0;
        base::nanoseconds_t at = 0;
        std::uint64_t own_ticks = 0;
        bool taken = false;  // the monitor has the role, and found nobody to give it to
    };

    void run() noexcept;
    void rest_until(base::nanoseconds_t deadline) noexcept;
    [[nodiscard]] bool all_sleep() const noexcept;
    void set_pace() noexcept;
    void look_at(worker& role, sight& last) noexcept;
    void give_away(worker& role, sight& last) noexcept;
    void keep_spares() noexcept;
    void stir() noexcept;

    scheduler& owner_;
    bool ticks_ = false;  // slices are too short for the kernel's tick
    base::nanoseconds_t interval_ = 0;
    std::vector<sight> sights_;
    bool hurry_ = false;                 // look again soon
    base::atomic<bool> resting_{false};  // without a deadline
    base::atomic<bool> stopping_{false};
    base::atomic<std::uint32_t> stirred_{0};  // futex word
    std::thread thread_;
};

}  // namespace weft::sched
