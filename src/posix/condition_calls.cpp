// SPDX-License-Identifier: Apache-2.0
//
// pthread_cond_wait and its like, so std::condition_variable, too. Of the C library's object the
// first word is used, as a count of notifications: who waits notes it under the mutex, and sleeps
// while it is the same. Those shared with other processes are left to the C library.
#include <pthread.h>

#include <cerrno>
#include <cstdint>

#include "posix/mutex_calls.h"
#include "posix/next.h"
#include "posix/times.h"
#include "posix/wait_table.h"

WEFT_POSIX_PART(condition_calls)

WEFT_POSIX_NEXT(pthread_cond_wait)
WEFT_POSIX_NEXT(pthread_cond_timedwait)
WEFT_POSIX_NEXT(pthread_cond_clockwait)
WEFT_POSIX_NEXT(pthread_cond_signal)
WEFT_POSIX_NEXT(pthread_cond_broadcast)

namespace weft::posix {

namespace {

// Bits of __wrefs (glibc, nptl/pthread_cond_common.c).
constexpr unsigned is_shared = 1;
constexpr unsigned is_monotonic = 2;

bool is_ours(const pthread_cond_t& c) noexcept {
    return (c.__data.__wrefs & is_shared) == 0;
}

clockid_t clock_of(const pthread_cond_t& c) noexcept {
    return (c.__data.__wrefs & is_monotonic) != 0 ? CLOCK_MONOTONIC : CLOCK_REALTIME;
}

std::uint32_t& notifications(pthread_cond_t& c) noexcept {
    return *reinterpret_cast<std::uint32_t*>(&c.__data);
}

int wait(pthread_cond_t& c, pthread_mutex_t& m, deadline until = {}) noexcept {
    const std::uint32_t seen = __atomic_load_n(&notifications(c), __ATOMIC_RELAXED);
    if (const int error = unlock_mutex(m)) {
        return error;
    }
    const int outcome = wait_while(notifications(c), seen, until);
    const int error = lock_mutex(m);
    return error != 0 ? error : outcome;
}

int wait_until(pthread_cond_t& c, pthread_mutex_t& m, clockid_t which,
               const timespec& when) noexcept {
    return is_time(when) ? wait(c, m, deadline_at(which, when)) : EINVAL;
}

void notify(pthread_cond_t& c) noexcept {
    __atomic_fetch_add(&notifications(c), 1, __ATOMIC_SEQ_CST);
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
    return posix::is_ours(*c) ? posix::wait(*c, *m) : posix::next::pthread_cond_wait(c, m);
}

int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m, const timespec* when) {
    return posix::is_ours(*c) ? posix::wait_until(*c, *m, posix::clock_of(*c), *when)
                              : posix::next::pthread_cond_timedwait(c, m, when);
}

int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t which,
                           const timespec* when) {
    return posix::is_ours(*c) ? posix::wait_until(*c, *m, which, *when)
                              : posix::next::pthread_cond_clockwait(c, m, which, when);
}

int pthread_cond_signal(pthread_cond_t* c) noexcept {
    if (!posix::is_ours(*c)) {
        return posix::next::pthread_cond_signal(c);
    }
    posix::notify(*c);
    posix::wake_one(posix::notifications(*c));
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
    if (!posix::is_ours(*c)) {
        return posix::next::pthread_cond_broadcast(c);
    }
    posix::notify(*c);
    posix::wake_all(posix::notifications(*c));
    return 0;
}

}  // extern "C"
