// SPDX-License-Identifier: Apache-2.0
//
// The C library's times as weft's: durations, and moments of any clock.
#pragma once

#include <time.h>

#include <algorithm>
#include <chrono>

#include <weft/time.h>

#include "base/clock.h"

namespace weft::posix {

using std::chrono::nanoseconds;

/// Whether the kernel takes it for a moment.
inline bool is_time(const timespec& t) noexcept {
    return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000;
}

/// Whether the kernel takes it for a duration.
inline bool is_duration(const timespec& t) noexcept {
    return t.tv_sec >= 0 && is_time(t);
}

/// Since what the clock counts from; at most half of what nanoseconds can hold, 146 years.
inline nanoseconds nanoseconds_of(const timespec& t) noexcept {
    constexpr nanoseconds most = nanoseconds::max() / 2;
    if (t.tv_sec >= std::chrono::duration_cast<std::chrono::seconds>(most).count()) {
        return most;
    }
    return std::chrono::seconds(std::max<time_t>(t.tv_sec, 0)) + nanoseconds(t.tv_nsec);
}

/// How long it is until a moment of `which`; negative if it has passed.
inline nanoseconds until_moment(clockid_t which, const timespec& when) noexcept {
    return nanoseconds_of(when) - nanoseconds(base::now_ns_of(which));
}

/// A moment of `which`. When that clock is set afterwards, the deadline does not follow.
inline deadline deadline_at(clockid_t which, const timespec& when) noexcept {
    return deadline(until_moment(which, when));
}

/// What is left until `until`; nothing if it has passed.
inline nanoseconds left_until(deadline until) noexcept {
    return nanoseconds(std::max(until.nanoseconds() - base::now_ns(), base::nanoseconds_t{0}));
}

}  // namespace weft::posix
