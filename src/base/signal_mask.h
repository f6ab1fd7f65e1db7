// SPDX-License-Identifier: Apache-2.0
//
// Which signals a thread gets. Threads inherit it, so the library's own get none of those that are
// the program's: a handler of the program must not run in the midst of theirs.
#pragma once

#include <pthread.h>
#include <signal.h>

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

}  // namespace weft::base
