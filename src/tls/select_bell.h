// SPDX-License-Identifier: Apache-2.0
//
// select_bell: wakes a select that waits for bytes of a TLS connection. Whether there are some it
// asks the engine itself, whose lock it cannot wait for: if it finds that taken, or the input in
// the hands of a writer, it wants to be told when it may look again. One select at a time.
//
//     select                                      who has the engine's lock
//     1. begin_look()                             a. ... changes the engine ...
//     2. tries the lock, looks; look_was_good()   b. unlocks
//     3. stand(): false: back to 1                c. ring()
//
// If 2 finds the lock taken then b, and so c, comes after 1, and 3 hears it or is woken by it.
//
// The select's waiter is woken under the lock, which the select takes once when its wait is over.
#pragma once

#include "base/spinlock.h"
#include "sched/waiter.h"

namespace weft::tls {

class select_bell {
public:
    /// Before the engine is looked at; a ring after it is heard.
    void begin_look() noexcept {
        const base::spin_guard guard(lock_);
        rung_ = false;
        wanted_ = true;
    }

    /// It was: only news count from now on.
    void look_was_good() noexcept {
        const base::spin_guard guard(lock_);
        wanted_ = false;
    }

    /// `who` is prepared, and woken by the next ring. False: it rang by now.
    bool stand(sched::waiter& who) noexcept {
        const base::spin_guard guard(lock_);
        listener_ = rung_ ? nullptr : &who;
        return !rung_;
    }

    void leave() noexcept {
        const base::spin_guard guard(lock_);
        listener_ = nullptr;
        wanted_ = false;
    }

    /// Without the engine's lock: it may be had now.
    void ring() noexcept {
        const base::spin_guard guard(lock_);
        if (wanted_) {
            wake();
        }
    }

    /// There may be something to read although nothing comes from the socket.
    void ring_news() noexcept {
        const base::spin_guard guard(lock_);
        wake();
    }

private:
    void wake() noexcept WEFT_REQUIRES(lock_) {
        rung_ = true;
        if (sched::waiter* const w = listener_) {
            listener_ = nullptr;
            w->wake();
        }
    }

    base::spinlock lock_;
    bool rung_ WEFT_GUARDED_BY(lock_) = false;
    bool wanted_ WEFT_GUARDED_BY(lock_) = false;
    sched::waiter* listener_ WEFT_GUARDED_BY(lock_) = nullptr;
};

}  // namespace weft::tls
