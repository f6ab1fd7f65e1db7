// SPDX-License-Identifier: Apache-2.0
//
// What runs on this kernel thread, and how code gets into the scheduler: base/thread_block.h with
// the types of this layer.
#pragma once

#include "base/thread_block.h"

namespace weft::sched {

class fiber_block;
class kernel_thread;
class worker;

/// The worker whose role this thread holds. Where preemption is enabled that may change any time.
[[gnu::always_inline]] inline worker* this_worker() noexcept {
    return static_cast<worker*>(
        base::load_from_thread_block<offsetof(base::thread_block, worker)>());
}

/// Null on a plain thread and where a coroutine runs. Changes with a switch of stacks only.
[[gnu::always_inline]] inline fiber_block* this_fiber_block() noexcept {
    return static_cast<fiber_block*>(
        base::load_from_thread_block<offsetof(base::thread_block, fiber)>());
}

/// Right before a switch of stacks. `fiber` is null where the base goes on.
[[gnu::always_inline]] inline void set_this_fiber_block(fiber_block* fiber) noexcept {
    base::store_to_thread_block<offsetof(base::thread_block, fiber)>(fiber);
}

/// Null on a plain thread. Changes with a switch of stacks only.
[[gnu::always_inline]] inline kernel_thread* this_kernel_thread() noexcept {
    return static_cast<kernel_thread*>(
        base::load_from_thread_block<offsetof(base::thread_block, thread)>());
}

// Right after disable_preemption(), where role_is_lost(). kernel_thread.cpp
void wait_for_role() noexcept;  // there is one when it returns, perhaps another one
void settle_role() noexcept;    // there is one or there is none: that changes no more

/// A call into the scheduler: while it lives nothing preempts the caller, and its thread keeps the
/// role of its worker. A thread that has lost its role waits for one first, so not under a lock.
class entry {
public:
    [[gnu::always_inline]] entry() noexcept {
        base::disable_preemption();
        if (base::role_is_lost()) [[unlikely]] {
            wait_for_role();
        }
    }
    [[gnu::always_inline]] ~entry() { base::enable_preemption(); }
    entry(const entry&) = delete;
    entry& operator=(const entry&) = delete;
};

/// The reverse: user code that runs in the midst of the scheduler's own.
class user_code {
public:
    user_code() noexcept { base::enable_preemption(); }
    ~user_code() {
        base::disable_preemption();
        if (base::role_is_lost()) [[unlikely]] {
            wait_for_role();
        }
    }
    user_code(const user_code&) = delete;
    user_code& operator=(const user_code&) = delete;
};

/// With preemption off: the role of this thread, null if it has none or has lost it.
inline worker* settled_role() noexcept {
    if (base::role_is_lost()) [[unlikely]] {
        settle_role();
    }
    return this_worker();
}

/// An entry for what must not wait. A thread that has lost its role has none here either: the
/// caller does what a plain thread would.
class brief_entry {
public:
    [[nodiscard]] worker* role() const noexcept { return role_; }

private:
    base::preemption_disabled disabled_;
    worker* const role_ = settled_role();
};

}  // namespace weft::sched
