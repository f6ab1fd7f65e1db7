// SPDX-License-Identifier: Apache-2.0
#include "sched/waiter.h"

#include "base/futex.h"
#include "sched/current.h"
#include "sched/polling_waiter.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

#ifndef NDEBUG

namespace {

// Set on a worker's own stack only, which stays with its kernel thread, and null elsewhere.
thread_local constinit const void* task_here = nullptr;

}  // namespace

[[gnu::noinline]] const void* current_task() noexcept {
    return task_here;
}

[[gnu::noinline]] void coroutine_waiter::run_named() noexcept {
    task_here = task_;
    run_(*this);
    task_here = nullptr;
}

#else

const void* current_task() noexcept {
    return nullptr;
}

#endif

scheduler* current_scheduler() noexcept {
    kernel_thread* const here = this_kernel_thread();
    return here != nullptr ? &here->owner() : nullptr;
}

poller* current_poller() noexcept {
    kernel_thread* const here = this_kernel_thread();
    return here != nullptr ? &here->owner().get_poller() : nullptr;
}

bool on_fiber() noexcept {
    return this_fiber_block() != nullptr;
}

bool on_coroutine() noexcept {
    return this_kernel_thread() != nullptr && !on_fiber();
}

void yield() noexcept {
    const entry in;
    this_worker()->yield_current();
}

waiter& this_waiter() noexcept {
    if (fiber_block* const fiber = this_fiber_block()) {
        return *fiber;
    }
    WEFT_ASSERT(this_kernel_thread() == nullptr,
                "a coroutine called a function that blocks; use its co_await form");
    thread_local thread_waiter waiter;
    return waiter;
}

wake_reason waiter::park(base::nanoseconds_t deadline) noexcept {
    if (kind() == waiter_kind::fiber) {
        const entry in;
        return this_worker()->park_current(deadline);
    }
    WEFT_ASSERT(kind() == waiter_kind::thread, "park() is not for coroutines");
    if (publish_parked()) {
        const std::uint32_t parked = word(phase::parked);
        while (state_.load(base::acquire) == parked) {
            if (deadline != base::time_never && base::now_ns() >= deadline) {
                wake(wake_reason::timed_out);
                break;
            }
            base::futex_wait(state_, parked, deadline);
        }
    }
    return finish_wait();
}

void waiter::make_runnable(waiter_kind kind) noexcept {
    if (kind == waiter_kind::thread) {
        base::futex_wake(state_);  // only the address is used, and waking a stranger is harmless
        return;
    }
    if (kind == waiter_kind::polling_thread) [[unlikely]] {
        static_cast<polling_waiter*>(this)->signal();
        return;
    }
    worker* const here = settled_role();
    scheduler& owner = home_->owner();
    if (here != nullptr && &here->owner() == &owner) {
        here->push_local(*this);
    } else {
        owner.inject(*this);
    }
}

bool coroutine_waiter::suspend(base::nanoseconds_t deadline) noexcept {
    const entry in;
    worker* const here = this_worker();
    WEFT_ASSERT(here != nullptr, "a coroutine that waits must run on a runtime");
    home_ = here;
    if (deadline != base::time_never) {
        here->wheel().arm(*this, deadline);
    }
    return publish_parked();
}

wake_reason coroutine_waiter::resumed() noexcept {
    timer_wheel::cancel(*this);
    return finish_wait();
}

void coroutine_waiter::schedule(scheduler& owner) noexcept {
    home_ = &owner.worker_at(0);
    const brief_entry in;
    worker* const here = in.role();
    if (here != nullptr && &here->owner() == &owner) {
        home_ = here;
        here->push_local(*this);
    } else {
        owner.inject(*this);
    }
}

}  // namespace weft::sched
