// SPDX-License-Identifier: Apache-2.0
//
// What runs on this kernel thread right now. After anything that may suspend, ask again: the
// answer may have changed, and no pointer to a thread-local may be kept across it.
#pragma once

namespace weft::sched {

class poller;
class worker;
class scheduler;

/// The worker whose role this kernel thread holds; null on a plain thread.
worker* current_worker() noexcept;

/// The scheduler of that worker; null on a plain thread.
scheduler* current_scheduler() noexcept;

/// The poller of that scheduler; null on a plain thread.
poller* current_poller() noexcept;

/// Whether a fiber runs here (not a coroutine, not a plain thread).
bool on_fiber() noexcept;

}  // namespace weft::sched
