// SPDX-License-Identifier: Apache-2.0
//
// pthread_cond_wait and its like, so std::condition_variable, too. Of the C library's object only
// the address is used: who waits stands in the wait table before it unlocks the mutex. So the
// object may end as soon as all have been notified, though they have not gone on yet. Those shared
// with other processes are left to the C library.
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

const std::uint32_t& word_of(const pthread_cond_t& c) noexcept {
    return reinterpret_cast<const std::uint32_t&>(c.__data);
}

int wait(pthread_cond_t& c, pthread_mutex_t& m, deadline until = {}) noexcept {
    bool locked = true;
    const int outcome = wait_after(word_of(c), until, [&]() noexcept {
        const int error = unlock_mutex(m);
        locked = error != 0;
        return error;
    });
    if (locked) {
        return outcome;
    }
    const int error = lock_mutex(m);
    return error != 0 ? error : outcome;
}

int wait_until(pthread_cond_t& c, pthread_mutex_t& m, clockid_t which,
               const timespec& when) noexcept {
    return is_time(when) ? wait(c, m, deadline_at(which, when)) : EINVAL;
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
    posix::wake_one(posix::word_of(*c));
    return 0;
}

int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
    if (!posix::is_ours(*c)) {
        return posix::next::pthread_cond_broadcast(c);
    }
    posix::wake_all(posix::word_of(*c));
    return 0;
}

}  // extern "C"
