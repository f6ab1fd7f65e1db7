// SPDX-License-Identifier: Apache-2.0
//
// sleep, usleep, nanosleep, clock_nanosleep. Who is stopped is told that a signal came (EINTR),
// with the time that was left: callers know that case.
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>

#include <weft/time.h>

#include "io/wait.h"
#include "posix/aside.h"
#include "posix/caller.h"
#include "posix/next.h"
#include "posix/times.h"

WEFT_POSIX_PART(sleep_calls)

WEFT_POSIX_NEXT(sleep)
WEFT_POSIX_NEXT(usleep)
WEFT_POSIX_NEXT(nanosleep)
WEFT_POSIX_NEXT(clock_nanosleep)

namespace weft::posix {

namespace {

/// What is left: nothing if it slept to the end.
nanoseconds sleep_for(nanoseconds duration) noexcept {
    const deadline end(duration);
    return io::sleep_until(end) == 0 ? nanoseconds(0) : std::max(left_until(end), nanoseconds(1));
}

/// 0 or EINTR.
int sleep_for(const timespec& duration, timespec* left) noexcept {
    const nanoseconds rest = sleep_for(nanoseconds_of(duration));
    if (rest == nanoseconds(0)) {
        return 0;
    }
    if (left != nullptr) {
        *left = {.tv_sec = rest.count() / 1'000'000'000, .tv_nsec = rest.count() % 1'000'000'000};
    }
    return EINTR;
}

/// 0 or EINTR. Sleeps on if `which` is behind weft's clock by then: it was set, or runs slower.
int sleep_until(clockid_t which, const timespec& when) noexcept {
    for (;;) {
        const nanoseconds distance = until_moment(which, when);
        if (distance <= nanoseconds(0)) {
            return 0;
        }
        if (sleep_for(distance) != nanoseconds(0)) {
            return EINTR;
        }
    }
}

/// Whether it runs like weft's clock, and the kernel sleeps by it.
bool counts_time(clockid_t which) noexcept {
    return which == CLOCK_REALTIME || which == CLOCK_MONOTONIC || which == CLOCK_BOOTTIME ||
           which == CLOCK_TAI;
}

}  // namespace

}  // namespace weft::posix

namespace posix = weft::posix;

extern "C" {

unsigned sleep(unsigned seconds) {
    if (!posix::may_park()) {
        return posix::next::sleep(seconds);
    }
    const auto left = posix::sleep_for(std::chrono::seconds(seconds));
    return static_cast<unsigned>(std::chrono::ceil<std::chrono::seconds>(left).count());
}

int usleep(useconds_t microseconds) {
    if (!posix::may_park()) {
        return posix::next::usleep(microseconds);
    }
    const posix::errno_guard call;
    const auto left = posix::sleep_for(std::chrono::microseconds(microseconds));
    return static_cast<int>(call.finish(left.count() != 0 ? -EINTR : 0));
}

int nanosleep(const timespec* duration, timespec* left) {
    if (!posix::may_park()) {
        return posix::next::nanosleep(duration, left);
    }
    const posix::errno_guard call;
    if (!posix::is_duration(*duration)) {
        return static_cast<int>(call.finish(-EINVAL));
    }
    return static_cast<int>(call.finish(-posix::sleep_for(*duration, left)));
}

int clock_nanosleep(clockid_t which, int flags, const timespec* when, timespec* left) {
    if (!posix::may_park() || !posix::is_duration(*when)) {
        return posix::next::clock_nanosleep(which, flags, when, left);
    }
    if (!posix::counts_time(which)) {
        return posix::aside([=] { return posix::next::clock_nanosleep(which, flags, when, left); });
    }
    if ((flags & TIMER_ABSTIME) != 0) {
        return posix::sleep_until(which, *when);
    }
    return posix::sleep_for(*when, left);
}

}  // extern "C"
