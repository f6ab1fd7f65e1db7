// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a mutex. Each wake-up may find the mutex taken again; then it waits
// again without resuming the coroutine.
#pragma once

#include "coro/operation.h"
#include "sync/bounded_wait.h"
#include "sync/mutex_core.h"

namespace weft::coro {

class lock_operation : public bounded_operation {
public:
    lock_operation(mutex& m, std::coroutine_handle<> coroutine, deadline until,
                   const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(&run, coroutine, until, bounds),
          mutex_(&m),
          attempt_(*this, has_single_waker()) {}

    /// As await_suspend. False: outcome() is there.
    bool start() noexcept {
#ifndef NDEBUG
        sync::mutex_core::check_not_mine(*mutex_);
#endif
        if (sync::mutex_core::lock_or_queue(*mutex_, attempt_)) {
            note_owner();
            return false;
        }
        return wait_for_turn();
    }

    /// Succeeded: the mutex is the coroutine's.
    [[nodiscard]] result<void> outcome() const noexcept {
        if (reason_ == sched::wake_reason::signalled) {
            return {};
        }
        return sync::failure(reason_, "lock");
    }

protected:
    /// For one that waits for something else first, bounded, and then as long as it takes for the
    /// mutex.
    lock_operation(run_fn resume, mutex& m, std::coroutine_handle<> coroutine, deadline until,
                   const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(resume, coroutine, until, bounds), mutex_(&m), attempt_(*this, true) {}

    /// After a wake-up. True: outcome() is there. False: it waits again, and may run elsewhere by
    /// now.
    bool woken() noexcept { return ended() || !wait_for_turn(); }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<lock_operation&>(self);
        if (me.woken()) {
            me.resume_coroutine();
        }
    }

    /// Queued. True: suspended. False: outcome() is there.
    bool wait_for_turn() noexcept {
        do {
            if (attempt_.single_waker ? suspend() : suspend_bounded()) {
                return true;
            }
        } while (!ended());
        return false;
    }

    /// Woken. True: outcome() is there. False: queued again.
    bool ended() noexcept {
        reason_ = attempt_.single_waker ? resumed() : resumed_bounded();
        if (reason_ != sched::wake_reason::signalled) {
            sync::mutex_core::give_up(*mutex_, attempt_);
            return true;
        }
        if (!sync::mutex_core::resumed(*mutex_, attempt_)) {
            return false;
        }
        note_owner();
        return true;
    }

    /// For checked builds. In others it would cost each unlock() its fast path.
    void note_owner() noexcept {
#ifndef NDEBUG
        sync::mutex_core::note_owner(*mutex_, sync::current_owner());
#endif
    }

    mutex* mutex_;
    sync::lock_attempt attempt_;
    sched::wake_reason reason_ = sched::wake_reason::signalled;
};

}  // namespace weft::coro
