// SPDX-License-Identifier: Apache-2.0
//
// operation: a suspended coroutine and the wait that will resume it. It lies in the awaiter, so in
// the coroutine's frame, and is gone when the coroutine goes on. The scheduler runs it on a
// worker's own stack; an operation that finds that it must wait again does so without resuming the
// coroutine.
//
// resume() runs a coroutine and whatever it hands over to, until one of them suspends.
#pragma once

#include <algorithm>
#include <coroutine>

#include <weft/detail/cancel_scope.h>
#include <weft/time.h>

#include "sched/waiter.h"

namespace weft::coro {

/// Resumes `coroutine`, then what through_loop() left for this loop, and so on. The frame may be
/// gone when it returns. On a worker's own stack.
void resume(std::coroutine_handle<> coroutine) noexcept;

class operation : public sched::coroutine_waiter {
public:
    operation(run_fn run, std::coroutine_handle<> coroutine) noexcept
        : coroutine_waiter(run), coroutine_(coroutine) {}

    /// Ends the operation's life.
    void resume_coroutine() noexcept { resume(coroutine_); }

private:
    std::coroutine_handle<> coroutine_;
};

/// An operation whose wait may be ended by what bounds the coroutine.
class bounded_operation : public operation {
public:
    /// `bounds` may be null.
    bounded_operation(run_fn run, std::coroutine_handle<> coroutine, deadline until,
                      const sched::cancel_bounds* bounds) noexcept
        : operation(run, coroutine), until_(until) {
        if (bounds != nullptr) {
            watch_ = bounds->watch;
            until_ = std::min(until_, bounds->until);
        }
    }

    /// The earlier one of the call's and the bounds'.
    [[nodiscard]] deadline until() const noexcept { return until_; }

    /// Whether only who finds its node can end the wait; see sync/wait_queue.h.
    [[nodiscard]] bool has_single_waker() const noexcept {
        return watch_ == nullptr && until_.is_never();
    }

    /// As suspend().
    bool suspend_bounded() noexcept {
        if (watch_ != nullptr) {
            watch_->begin(*this);
        }
        return suspend(until_.nanoseconds());
    }

    /// As resumed(), after suspend_bounded().
    sched::wake_reason resumed_bounded() noexcept {
        const sched::wake_reason reason = resumed();
        if (watch_ != nullptr) {
            watch_->end();
        }
        return reason;
    }

private:
    sched::stop_watch* watch_ = nullptr;
    deadline until_;
};

/// The run function of an operation that waits for nothing: it was scheduled, see reschedule().
void resume_scheduled(sched::coroutine_waiter& self) noexcept;

/// Queues `op` behind all that is runnable on this worker.
void reschedule(operation& op) noexcept;

}  // namespace weft::coro
