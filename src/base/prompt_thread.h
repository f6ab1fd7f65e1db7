// SPDX-License-Identifier: Apache-2.0
//
// Threads that shall run soon after they have been woken, beside others that compute.
#pragma once

namespace weft::base {

/// The calling thread runs soon after it has been woken, for its lifetime.
///
/// Since Linux 6.6 who wakes lets the running thread finish its slice, so up to a tick of 4 ms and
/// more passes wherever the CPU that it slept on is taken, even if another is idle: unless its own
/// slice is shorter, which may be asked for since 6.12 (sched_setattr(2)). Its share of the CPU
/// stays what it was. Needs no permission. An older kernel knows no such slice, and preempts for
/// who has slept by itself. Threads and processes that the caller makes have the usual slice,
/// unless its nice level is below 0: the kernel's flag for that would take the level from them.
void wake_promptly() noexcept;

/// Sleeps of the calling thread end when they shall: the kernel adds 50 us (prctl(2),
/// PR_SET_TIMERSLACK). Threads that it makes inherit this.
void sleep_exactly() noexcept;

}  // namespace weft::base
