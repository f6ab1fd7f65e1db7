// SPDX-License-Identifier: Apache-2.0
//
// Which signals a thread gets. Threads inherit it, so the library's own get none of those that are
// the program's: a handler of the program must not run in the midst of theirs.
#pragma once

#include <pthread.h>
#include <signal.h>

#include "base/thread_block.h"

namespace weft::base {

/// All but those that a fault of the thread itself raises.
inline sigset_t all_but_faults() noexcept {
    sigset_t set;
    ::sigfillset(&set);
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT, SIGSYS}) {
        ::sigdelset(&set, fault);
    }
    return set;
}

/// What the calling thread blocks now.
inline sigset_t blocked_signals() noexcept {
    sigset_t set;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &set);
    return set;
}

/// The calling thread blocks just `set` for a scope.
class signals_blocked {
public:
    explicit signals_blocked(const sigset_t& set) noexcept {
        ::pthread_sigmask(SIG_SETMASK, &set, &before_);
    }
    ~signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    signals_blocked(const signals_blocked&) = delete;
    signals_blocked& operator=(const signals_blocked&) = delete;

private:
    sigset_t before_;
};

/// For a system call that raises SIGPIPE and has no flag against it: the calling thread does not
/// get the one that this call raises. On one kernel thread from its beginning to its end: with
/// preemption off, so that the call is the kernel's, also in a program that has replaced it by one
/// that lets other fibers run (weft::posix).
class sigpipe_blocked {
public:
    sigpipe_blocked() noexcept {
        ::sigemptyset(&set_);
        ::sigaddset(&set_, SIGPIPE);
        sigset_t before;
        ::pthread_sigmask(SIG_BLOCK, &set_, &before);
        was_blocked_ = ::sigismember(&before, SIGPIPE) == 1;
        if (was_blocked_) {
            sigset_t pending;
            ::sigpending(&pending);
            was_pending_ = ::sigismember(&pending, SIGPIPE) == 1;
        }
    }
    ~sigpipe_blocked() {
        if (!was_blocked_) {
            ::pthread_sigmask(SIG_UNBLOCK, &set_, nullptr);
        }
    }
    sigpipe_blocked(const sigpipe_blocked&) = delete;
    sigpipe_blocked& operator=(const sigpipe_blocked&) = delete;

    /// After the call, if it may have raised one.
    void drop() noexcept {
        const timespec at_once{};
        if (!was_pending_) {
            ::sigtimedwait(&set_, nullptr, &at_once);
        }
    }

private:
    preemption_disabled on_this_thread_;
    sigset_t set_;
    bool was_blocked_ = false;
    bool was_pending_ = false;
};

}  // namespace weft::base
