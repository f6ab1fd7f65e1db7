// SPDX-License-Identifier: Apache-2.0
//
// The only file of the library that reads a clock. Times are nanoseconds on CLOCK_MONOTONIC, which
// is what std::chrono::steady_clock counts on Linux; NTP steps do not move it.
#pragma once

#include <time.h>

#include <chrono>
#include <cstdint>
#include <limits>

namespace weft::base {

/// Nanoseconds since an arbitrary start; never goes back.
using nanoseconds_t = std::int64_t;

inline constexpr nanoseconds_t time_never = std::numeric_limits<nanoseconds_t>::max();

/// About 23 ns through the vDSO. Thread-safe.
inline nanoseconds_t now_ns() noexcept {
    return std::chrono::duration_cast<std::chrono::nanoseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

/// Of any clock of the system's; 0 if there is none of that number.
inline nanoseconds_t now_ns_of(clockid_t which) noexcept {
    timespec now{};
    ::clock_gettime(which, &now);
    return now.tv_sec * nanoseconds_t{1'000'000'000} + now.tv_nsec;
}

/// CPU time that a kernel thread has used, by what pthread_getcpuclockid() says; 0 if there is
/// none.
inline nanoseconds_t cpu_ns_of(clockid_t thread) noexcept {
    return now_ns_of(thread);
}

/// CPU time that the calling kernel thread has used. About 470 ns: a system call.
inline nanoseconds_t thread_cpu_ns() noexcept {
    return cpu_ns_of(CLOCK_THREAD_CPUTIME_ID);
}

}  // namespace weft::base
