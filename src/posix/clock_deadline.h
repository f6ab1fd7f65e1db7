// SPDX-License-Identifier: Apache-2.0
//
// Moments of any clock, as pthread calls name them, as deadlines of weft's.
#pragma once

#include <time.h>

#include <chrono>

#include <weft/time.h>

namespace weft::posix {

inline bool is_time(const timespec& t) noexcept {
    return t.tv_nsec >= 0 && t.tv_nsec < 1'000'000'000;
}

/// A moment of `which`. When that clock is set afterwards, the deadline does not follow.
inline deadline deadline_at(clockid_t which, const timespec& when) noexcept {
    constexpr time_t longest = 9'000'000'000;  // nanoseconds end at 292 years
    timespec now{};
    ::clock_gettime(which, &now);
    if (when.tv_sec - now.tv_sec > longest) {
        return deadline::never();
    }
    return deadline(std::chrono::seconds(when.tv_sec - now.tv_sec) +
                    std::chrono::nanoseconds(when.tv_nsec - now.tv_nsec));
}

}  // namespace weft::posix
