// SPDX-License-Identifier: Apache-2.0
//
// A wait of a fiber or plain thread that its cancel scope may end: what all calls use that report
// std::errc::operation_canceled. Calls that cannot report it (mutex::lock() and the like) use
// this_waiter() and park() as they are.
//
//     cancellable_wait wait(until);              // asks for the scope's deadline, too
//     ... under the lock of what is waited for: wait.who.prepare(), queue a node for it
//     const wake_reason reason = wait.park();    // signalled, timed_out or cancelled
//     ... take the node out, if it is still queued
#pragma once

#include <weft/detail/cancel_scope.h>
#include <weft/time.h>

#include "sched/waiter.h"

namespace weft::sched {

/// Whether something that would take long may begin: 0, or ECANCELED or ETIMEDOUT. `bounds` may be
/// null.
int ended_by(const cancel_bounds* bounds, deadline until) noexcept;

class cancellable_wait {
public:
    explicit cancellable_wait(deadline until) noexcept;
    cancellable_wait(const cancellable_wait&) = delete;
    cancellable_wait& operator=(const cancellable_wait&) = delete;

    /// Whether only who finds the node can end the wait; see sync/wait_queue.h.
    [[nodiscard]] bool has_single_waker() const noexcept {
        return watch_ == nullptr && until_.is_never();
    }

    /// The earlier one of the call's and the scope's.
    [[nodiscard]] deadline until() const noexcept { return until_; }

    [[nodiscard]] stop_watch* watch() const noexcept { return watch_; }

    /// After who.prepare(). May return on another kernel thread.
    wake_reason park() noexcept;

    waiter& who;

private:
    stop_watch* watch_ = nullptr;
    deadline until_;
};

}  // namespace weft::sched
