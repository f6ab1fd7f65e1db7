// SPDX-License-Identifier: Apache-2.0
//
// kernel_thread: a thread of the kernel that works for a scheduler, and what stays with the thread
// whichever worker's role it holds: its own stack (the base), the exceptions of that stack, what
// sanitizers know of it, the fiber that it runs.
//
// How a fiber is preempted (docs/adr/0003): it stays on its kernel thread, and the role goes. In
// the handler of the tick the kernel thread puts *itself* into the worker's queue, as a waiter of
// its own kind, hands the role on and sleeps on a futex until somebody gives it a role again:
// whoever finds it in a queue gives it his own and becomes a spare.
//
// At any time a kernel thread is one of:
//   holder     it has a role; it runs
//   suspended  in a run queue or on the way to one, asleep in the handler of the tick or in an
//              entry; whoever takes it out of the queue calls give()
//   lost       its role was taken away while it blocked in the kernel, or it let go of it before a
//              call that may block; back in user code it runs on until it calls into weft or ticks,
//              and is suspended then
//   spare      in the list of kernel_threads, asleep on its base; whoever takes it out calls give()
// After each switch of stacks, and after user code has run, the code on the base asks which role
// it holds.
#pragma once

#include <pthread.h>

#include "base/atomic.h"
#include "base/spinlock.h"
#include "base/thread_block.h"
#include "context/exception_state.h"
#include "context/sanitizer.h"
#include "context/switch.h"
#include "sched/waiter.h"

namespace weft::sched {

class fiber_block;
class scheduler;
class worker;

class kernel_thread : public waiter {
public:
    /// On the thread.
    explicit kernel_thread(scheduler& owner) noexcept;

    /// The body of the thread, on whose stack this lies: runs what is runnable on `role` until the
    /// scheduler stops. Null: it begins as a spare.
    void run(worker* role) noexcept;

    /// The caller has `role` and lets go of it: nothing of it may be touched after this call. For
    /// one that is suspended and was taken out of its queue, or a spare that was taken out of the
    /// list. Any thread; async-signal-safe.
    void give(worker& role) noexcept;

    /// Instead of give(): a spare ends. Any thread.
    void end() noexcept;

    // For the monitor.
    /// Takes `role` from it, if it holds it and runs user code; the caller has the role then.
    bool take_away(worker& role) noexcept;
    enum class kernel_state : std::uint8_t { runs, sleeps, unknown };
    /// What the kernel says it does; unknown where /proc cannot be read, for whatever reason.
    [[nodiscard]] kernel_state state() const noexcept;
    /// Handlers of ticks that it has run. A hint.
    [[nodiscard]] std::uint64_t ticks() const noexcept { return ticks_.load(base::relaxed); }
    [[nodiscard]] base::nanoseconds_t cpu_time() const noexcept;
    void tick() noexcept;

    // For itself, in user code: blocking.cpp.
    /// Lets go of its role before a call that may block, for a spare; ticks do not suspend it then.
    /// False if it has let go already, or there is no spare.
    bool step_aside() noexcept;
    [[nodiscard]] bool is_aside() const noexcept { return aside_.load(base::relaxed); }
    /// The call has returned: waits for a role.
    void come_back() noexcept;

    // For itself, in an entry: see thread_state.h.
    void settle() noexcept;
    void regain() noexcept;

    [[nodiscard]] scheduler& owner() const noexcept { return owner_; }
    [[nodiscard]] pthread_t handle() const noexcept { return self_; }

private:
    friend class worker;
    friend class fair_policy;

    enum order : std::uint32_t { wait, take_role, stop };  // of order_

    static void on_tick() noexcept;
    void hold(worker& role) noexcept;
    void suspend_here() noexcept;
    bool wait_for_role() noexcept;
    void charge_what_was_lost(worker& role) noexcept;
    void hand_on(worker& role, waiter* next, kernel_thread& to) noexcept;
    bool become_spare(kernel_thread* heir) noexcept;

    scheduler& owner_;
    const int kernel_id_;
    const pthread_t self_;
    clockid_t clock_{};
    base::thread_block& block_;
    base::spinlock taking_;  // while it is decided whether the role is taken away
    context::context base_;
    context::exception_state* exceptions_ = nullptr;
    fiber_block* suspended_ = nullptr;  // in a queue: what runs here, unless it is a coroutine
    base::atomic<std::uint32_t> order_{wait};  // futex word
    worker* given_ = nullptr;                  // with take_role
    base::atomic<bool> aside_{false};          // by step_aside(); for the handler
    base::atomic<std::uint64_t> ticks_{0};
    base::nanoseconds_t cpu_at_loss_ =
        0;  // when it last let go of a role; 0: nothing is to be charged
    [[no_unique_address]] context::sanitizer_context base_sanitizer_;
};

}  // namespace weft::sched
