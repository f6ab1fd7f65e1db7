// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a mutex. Each wake-up may find the mutex taken again; then it waits
// again without resuming the coroutine.
#pragma once

#include "coro/operation.h"
#include "sync/mutex_core.h"

namespace weft::coro {

class lock_operation : public operation {
public:
    lock_operation(mutex& m, std::coroutine_handle<> coroutine) noexcept
        : lock_operation(&run, m, coroutine) {}

    /// As await_suspend. False: the mutex is the coroutine's.
    bool start() noexcept {
        if (sync::mutex_core::lock_or_queue(*mutex_, attempt_)) {
            note_owner();
            return false;
        }
        return wait_for_turn();
    }

protected:
    lock_operation(run_fn resume, mutex& m, std::coroutine_handle<> coroutine) noexcept
        : operation(resume, coroutine), mutex_(&m), attempt_(*this) {}

    /// After a wake-up. True: the mutex is the coroutine's. False: it waits again, and may run
    /// elsewhere by now.
    bool woken() noexcept {
        resumed();
        if (sync::mutex_core::resumed(*mutex_, attempt_)) {
            note_owner();
            return true;
        }
        return !wait_for_turn();
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<lock_operation&>(self);
        if (me.woken()) {
            me.resume_coroutine();
        }
    }

    /// Queued. True: suspended. False: the mutex is the coroutine's.
    bool wait_for_turn() noexcept {
        for (;;) {
            if (suspend()) {
                return true;
            }
            resumed();
            if (sync::mutex_core::resumed(*mutex_, attempt_)) {
                note_owner();
                return false;
            }
        }
    }

    /// For checked builds. In others it would cost each unlock() its fast path.
    void note_owner() noexcept {
#ifndef NDEBUG
        sync::mutex_core::note_owner(*mutex_, sync::current_owner());
#endif
    }

    mutex* mutex_;
    sync::lock_attempt attempt_;
};

}  // namespace weft::coro
