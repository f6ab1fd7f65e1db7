// SPDX-License-Identifier: Apache-2.0
#include "base/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>

namespace weft::base {

namespace {

#if defined(__SANITIZE_THREAD__)
/// ThreadSanitizer keeps a signal back from its handler until the thread calls something that the
/// sanitizer knows. Who waits here calls nothing: it looks up now and then.
constexpr nanoseconds_t longest_wait = 50'000'000;

void let_handlers_run() noexcept {
    ::close(-1);
}
#else
constexpr nanoseconds_t longest_wait = time_never;

void let_handlers_run() noexcept {}
#endif

}  // namespace

void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                nanoseconds_t deadline_ns) noexcept {
    if constexpr (longest_wait != time_never) {
        deadline_ns = std::min(deadline_ns, now_ns() + longest_wait);
    }
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
    let_handlers_run();
}

void futex_wake(atomic<std::uint32_t>& word, int count) noexcept {
    ::syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&word), FUTEX_WAKE | FUTEX_PRIVATE_FLAG,
              count, nullptr, nullptr, 0);
}

}  // namespace weft::base
