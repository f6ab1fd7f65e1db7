// SPDX-License-Identifier: Apache-2.0
//
// turn: where one call on a connection waits for the other one, which reads from the socket. A bell
// that is heard also when it rang just before somebody came to listen. One listener at a time.
//
// The listener's waiter is woken under the lock, and the listener takes it once when its wait is
// over, so the waker is done with the waiter before that goes on.
#pragma once

#include <weft/time.h>

#include "base/spinlock.h"
#include "sched/waiter.h"

namespace weft::tls {

class turn {
public:
    /// Before the state is looked at for which a ring would be waited.
    void reset() noexcept {
        const base::spin_guard guard(lock_);
        rung_ = false;
    }

    /// Any thread.
    void ring() noexcept {
        const base::spin_guard guard(lock_);
        rung_ = true;
        if (sched::waiter* const w = listener_) {
            listener_ = nullptr;
            w->wake();
        }
    }

    /// False: it rang by now. Else `who` is prepared; it must park, then call finish().
    bool start(sched::waiter& who) noexcept {
        const base::spin_guard guard(lock_);
        if (rung_) {
            return false;
        }
        who.prepare();
        listener_ = &who;
        return true;
    }

    void finish() noexcept {
        const base::spin_guard guard(lock_);
        listener_ = nullptr;
    }

    /// On a fiber or plain thread: 0, or -ETIMEDOUT or -ECANCELED.
    int wait(deadline until) noexcept;

private:
    base::spinlock lock_;
    bool rung_ WEFT_GUARDED_BY(lock_) = false;
    sched::waiter* listener_ WEFT_GUARDED_BY(lock_) = nullptr;
};

/// 0 for a wake-up, or what ended the wait, negated.
int error_of(sched::wake_reason reason) noexcept;

}  // namespace weft::tls
