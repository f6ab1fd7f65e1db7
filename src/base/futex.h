// SPDX-License-Identifier: Apache-2.0
//
// The two futex calls that weft uses, private to the process.
#pragma once

#include <cstdint>

#include "base/atomic.h"
#include "base/clock.h"

namespace weft::base {

/// Sleeps while `word` holds `expected`, until a wake, a signal or the absolute monotonic time
/// `deadline_ns`. May return early at any time; the caller checks its condition again.
void futex_wait(atomic<std::uint32_t>& word, std::uint32_t expected,
                nanoseconds_t deadline_ns = time_never) noexcept;

/// Wakes at most `count` sleepers of `word`. One system call, also when nobody sleeps.
void futex_wake(atomic<std::uint32_t>& word, int count = 1) noexcept;

}  // namespace weft::base
