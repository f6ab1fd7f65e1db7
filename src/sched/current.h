// SPDX-License-Identifier: Apache-2.0
//
// What runs on this kernel thread right now. After anything that may suspend, ask again: the
// answer may have changed, and no pointer to a thread-local may be kept across it.
#pragma once

namespace weft::sched {

class poller;
class scheduler;

/// The scheduler that this kernel thread works for; null on a plain thread.
scheduler* current_scheduler() noexcept;

/// The poller of that scheduler; null on a plain thread.
poller* current_poller() noexcept;

/// Whether a fiber runs here (not a coroutine, not a plain thread).
bool on_fiber() noexcept;

/// Whether a coroutine runs here, or a worker's own code.
bool on_coroutine() noexcept;

/// Names the spawned task whose coroutine runs here, with all that it awaits. Null where none does,
/// where one runs that somebody else resumed, and with NDEBUG: it is kept for assertions.
const void* current_task() noexcept;

/// Lets others run. On a fiber only.
void yield() noexcept;

}  // namespace weft::sched
