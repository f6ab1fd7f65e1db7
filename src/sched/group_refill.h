// SPDX-License-Identifier: Apache-2.0
//
// group_refill: the end of the period for a group that is throttled. A timer in the wheel of the
// worker that has throttled it, and what then runs there, as a coroutine would: on the base, where
// waiters may be made runnable.
#pragma once

#include "sched/waiter.h"

namespace weft::sched {

class group;

class group_refill : public coroutine_waiter {
public:
    explicit group_refill(group& of) noexcept : coroutine_waiter(&on_period_end), group_(of) {}

    /// The group has been throttled by `by`, whose role the caller has, with preemption off. The
    /// group does not end before the refill.
    void arm(worker& by) noexcept;

    /// The one that `w` is; null if it is none.
    static group_refill* from(waiter& w) noexcept;
    /// Once it is runnable, on behalf of `here`, whose role the caller has, with preemption off.
    /// Async-signal-safe: where no kernel thread is free to run coroutines it is called at once.
    void end_period(worker& here) noexcept;

private:
    static void on_period_end(coroutine_waiter& self) noexcept;

    group& group_;
};

}  // namespace weft::sched
