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
#include "posix/caller.h"
#include "posix/next.h"

WEFT_POSIX_NEXT(sleep)
WEFT_POSIX_NEXT(usleep)
WEFT_POSIX_NEXT(nanosleep)
WEFT_POSIX_NEXT(clock_nanosleep)

namespace weft::posix {

namespace {

using std::chrono::nanoseconds;

bool is_valid(const timespec& t) noexcept {
    return t.tv_sec >= 0 && t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000;
}

/// What is left: nothing if it slept to the end.
nanoseconds sleep_for(nanoseconds duration) noexcept {
    const auto end = clock::now() + duration;
    if (io::sleep_until(deadline(end)) == 0) {
        return {};
    }
    return std::max(std::chrono::duration_cast<nanoseconds>(end - clock::now()), nanoseconds(1));
}

nanoseconds duration_of(const timespec& t) noexcept {
    // Longer than 292 years is for ever.
    if (t.tv_sec >= nanoseconds::max().count() / 1'000'000'000) {
        return nanoseconds::max() / 2;
    }
    return std::chrono::seconds(t.tv_sec) + nanoseconds(t.tv_nsec);
}

/// 0 or EINTR.
int sleep_for(const timespec& duration, timespec* left) noexcept {
    const nanoseconds rest = sleep_for(duration_of(duration));
    if (rest == nanoseconds(0)) {
        return 0;
    }
    if (left != nullptr) {
        *left = {.tv_sec = rest.count() / 1'000'000'000, .tv_nsec = rest.count() % 1'000'000'000};
    }
    return EINTR;
}

/// 0, EINTR or EINVAL.
int sleep_until(clockid_t which, const timespec& when) noexcept {
    timespec now{};
    if (::clock_gettime(which, &now) != 0) {
        return EINVAL;
    }
    const nanoseconds distance = duration_of(when) - duration_of(now);
    return distance > nanoseconds(0) && sleep_for(distance) != nanoseconds(0) ? EINTR : 0;
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
    if (!posix::is_valid(*duration)) {
        return static_cast<int>(call.finish(-EINVAL));
    }
    return static_cast<int>(call.finish(-posix::sleep_for(*duration, left)));
}

int clock_nanosleep(clockid_t which, int flags, const timespec* when, timespec* left) {
    if (!posix::may_park() || !posix::is_valid(*when)) {
        return posix::next::clock_nanosleep(which, flags, when, left);
    }
    if ((flags & TIMER_ABSTIME) != 0) {
        return posix::sleep_until(which, *when);
    }
    return posix::sleep_for(*when, left);
}

}  // extern "C"
