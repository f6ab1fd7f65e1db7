// SPDX-License-Identifier: Apache-2.0
//
// What a waiting lock() of a mutex is made of, for fibers and threads (mutex.cpp) and for
// coroutines (coro/lock_operation.h): try, stand in the queue, be woken, try again or give up.
#pragma once

#include <weft/mutex.h>

#include "sync/wait_queue.h"

namespace weft::sync {

/// One lock() that may have to wait.
struct lock_attempt : wait_node {
    lock_attempt(sched::waiter& waiter, bool only_signalled) noexcept
        : wait_node(waiter, only_signalled) {}

    unsigned losses = 0;       ///< how often it was woken and somebody else was faster
    bool was_woken = false;    ///< it is the one that mutex::woken stands for
    bool handed_over = false;  ///< the unlocker gave the mutex to it
};

struct mutex_core {
    /// True: the mutex is the attempt's. False: its waiter is prepared and queued; it must park,
    /// then call resumed() if it was signalled, and give_up() else.
    static bool lock_or_queue(mutex& m, lock_attempt& attempt) noexcept;

    /// After a wake. True: the mutex is the attempt's. False: prepared and queued again.
    static bool resumed(mutex& m, lock_attempt& attempt) noexcept;

    /// After a wait that a deadline or a stop ended: nothing refers to `attempt` any more.
    static void give_up(mutex& m, lock_attempt& attempt) noexcept;

    /// For checked builds: notes who has just locked.
    static void note_owner(mutex& m, const void* owner) noexcept;
    /// Aborts if the caller is known to have it.
    static void check_not_mine(const mutex& m) noexcept;
    /// False if somebody else is known to have it.
    static bool may_be_owner(const mutex& m, const void* who) noexcept;
    /// Aborts with one of the messages if somebody has it or waits for it.
    static void check_unused(const mutex& m, const char* waited_for,
                             const char* is_locked) noexcept;

    /// The mutex that does the work of a timed or recursive one.
    static mutex& inner(mutex& m) noexcept { return m; }
    static mutex& inner(timed_mutex& m) noexcept { return m.mutex_; }
    static mutex& inner(recursive_mutex_base& m) noexcept { return m.mutex_; }

private:
    friend class weft::mutex;

    static bool spin(mutex& m) noexcept;
    static lock_attempt* pop_waiter(mutex& m, bool hand_over) noexcept;
    static bool release_and_wake(mutex& m) noexcept;
};

/// Stands for whoever runs here, for as long as it lives: its waiter or, of a coroutine, which has
/// a waiter only while it waits, the task that was spawned. With NDEBUG that is not kept and all
/// coroutines share one name.
const void* current_owner() noexcept;

/// Whether `owner` stands for one caller, and not for all coroutines.
bool names_one(const void* owner) noexcept;

}  // namespace weft::sync
