// SPDX-License-Identifier: Apache-2.0
//
// sem_wait, sem_timedwait, sem_clockwait, sem_post. The semaphore stays the C library's, and so
// does all that plain threads do with it; a fiber that would block sleeps in the wait table, and
// whoever posts looks there, too. One shared with other processes, who know no such table, blocks
// a kernel thread aside.
#include <semaphore.h>

#include <bit>
#include <cstdint>

#include <weft/errno.h>

#include "posix/aside.h"
#include "posix/caller.h"
#include "posix/next.h"
#include "posix/times.h"
#include "posix/wait_table.h"

WEFT_POSIX_PART(semaphore_calls)

WEFT_POSIX_NEXT(sem_wait)
WEFT_POSIX_NEXT(sem_timedwait)
WEFT_POSIX_NEXT(sem_clockwait)
WEFT_POSIX_NEXT(sem_post)

namespace weft::posix {

namespace {

/// Its layout on 64-bit machines (glibc, sysdeps/nptl/internaltypes.h).
struct layout {
    std::uint32_t value;
    std::uint32_t waiters;
    std::int32_t shared;  // 0: of this process
};
static_assert(sizeof(layout) <= sizeof(sem_t) && std::endian::native == std::endian::little);

layout& layout_of(sem_t& s) noexcept {
    return *reinterpret_cast<layout*>(&s);
}

std::uint32_t& value_of(sem_t& s) noexcept {
    return layout_of(s).value;
}

/// 0 or an errno value, negated.
ssize_t take(sem_t& s, deadline until) noexcept {
    while (::sem_trywait(&s) != 0) {
        const int error = errno;
        if (error != EAGAIN) {
            return -error;
        }
        if (wait_while(value_of(s), 0, until) != 0) {
            return ::sem_trywait(&s) == 0 ? 0 : -ETIMEDOUT;
        }
    }
    return 0;
}

template <class Next>
int take_on_fiber(sem_t& s, Next next_call) noexcept {
    return ::sem_trywait(&s) == 0 ? 0 : aside(next_call);
}

int take_until(sem_t& s, clockid_t which, const timespec& when) noexcept {
    const errno_guard call;
    return static_cast<int>(
        call.finish(is_time(when) ? take(s, deadline_at(which, when)) : -EINVAL));
}

bool is_shared(sem_t& s) noexcept {
    return layout_of(s).shared != 0;
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

int sem_wait(sem_t* s) {
    if (!posix::may_park()) {
        return posix::next::sem_wait(s);
    }
    if (posix::is_shared(*s)) {
        return posix::take_on_fiber(*s, [=] { return posix::next::sem_wait(s); });
    }
    const posix::errno_guard call;
    return static_cast<int>(call.finish(posix::take(*s, {})));
}

int sem_timedwait(sem_t* s, const timespec* when) {
    if (!posix::may_park()) {
        return posix::next::sem_timedwait(s, when);
    }
    if (posix::is_shared(*s)) {
        return posix::take_on_fiber(*s, [=] { return posix::next::sem_timedwait(s, when); });
    }
    return posix::take_until(*s, CLOCK_REALTIME, *when);
}

int sem_clockwait(sem_t* s, clockid_t which, const timespec* when) {
    if (!posix::may_park()) {
        return posix::next::sem_clockwait(s, which, when);
    }
    if (posix::is_shared(*s)) {
        return posix::take_on_fiber(*s, [=] { return posix::next::sem_clockwait(s, which, when); });
    }
    return posix::take_until(*s, which, *when);
}

int sem_post(sem_t* s) noexcept {
    const int error = posix::next::sem_post(s);
    if (error == 0) {
        posix::wake_one(posix::value_of(*s));
    }
    return error;
}

}  // extern "C"
