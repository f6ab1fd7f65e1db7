// SPDX-License-Identifier: Apache-2.0
//
// A thread that sleeps, looks at something and sleeps again, beside others that compute.
#pragma once

namespace weft::base {

/// The calling thread runs soon after its sleeps are over, for its lifetime.
///
/// The kernel adds 50 us to sleeps (prctl(2), PR_SET_TIMERSLACK). And since Linux 6.6 who wakes
/// lets the running thread finish its slice, so up to a tick of 4 ms and more passes wherever
/// the CPU that it slept on is taken, even if another is idle: unless its own slice is shorter,
/// which may be asked for since 6.12 (sched_setattr(2)). Needs no permission. An older kernel knows
/// no such slice, and preempts for who has slept by itself.
void wake_promptly() noexcept;

}  // namespace weft::base
