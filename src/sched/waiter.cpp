// SPDX-License-Identifier: Apache-2.0
#include "sched/waiter.h"

#include "base/futex.h"
#include "sched/current.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

extern "C" {
thread_local constinit worker* weft_current_worker = nullptr;
}

namespace {

class thread_waiter : public waiter {
public:
    thread_waiter() noexcept : waiter(waiter_kind::thread) {}
};

}  // namespace

worker* current_worker() noexcept {
    return this_worker();
}

scheduler* current_scheduler() noexcept {
    worker* const w = this_worker();
    return w != nullptr ? &w->owner() : nullptr;
}

poller* current_poller() noexcept {
    worker* const w = this_worker();
    return w != nullptr ? &w->owner().get_poller() : nullptr;
}

bool on_fiber() noexcept {
    worker* const w = this_worker();
    return w != nullptr && w->current() != nullptr;
}

waiter& this_waiter() noexcept {
    if (worker* const w = this_worker()) {
        WEFT_ASSERT(w->current() != nullptr,
                    "a coroutine called a function that blocks; use its co_await form");
        return *w->current();
    }
    thread_local thread_waiter waiter;
    return waiter;
}

wake_reason waiter::park(base::nanoseconds_t deadline) noexcept {
    if (kind_ == waiter_kind::fiber) {
        return this_worker()->park_current(deadline);
    }
    WEFT_ASSERT(kind_ == waiter_kind::thread, "park() is not for coroutines");
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
    worker* const here = this_worker();
    scheduler& owner = home_->owner();
    if (here != nullptr && &here->owner() == &owner) {
        here->push_local(*this);
    } else {
        owner.inject(*this);
    }
}

bool coroutine_waiter::suspend(base::nanoseconds_t deadline) noexcept {
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
    worker* const here = this_worker();
    if (here != nullptr && &here->owner() == &owner) {
        home_ = here;
        here->push_local(*this);
    } else {
        owner.inject(*this);
    }
}

}  // namespace weft::sched
