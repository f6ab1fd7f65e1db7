// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

namespace weft::base {

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                nanoseconds_t deadline_ns) noexcept {
    timespec deadline{};
    timespec* timeout = nullptr;
    if (deadline_ns != time_never) {
        deadline.tv_sec = deadline_ns / 1'000'000'000;
        deadline.tv_nsec = deadline_ns % 1'000'000'000;
        timeout = &deadline;
    }
    // FUTEX_WAIT_BITSET takes an absolute time on CLOCK_MONOTONIC; FUTEX_WAIT a relative one.
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word),
              FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, expected, timeout, nullptr,
              FUTEX_BITSET_MATCH_ANY);
}

void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
              count, nullptr, nullptr, 0);
}

}  // namespace weft::base
