// SPDX-License-Identifier: Apache-2.0
//
// What a worker does when its kernel thread ticks or is blocked. See kernel_thread.h for how the
// role goes from one to the other.
#include "sched/scheduler.h"
#include "sched/worker.h"

namespace weft::sched {

namespace {

// Of a slice: a tick that comes a little early ends it, too, rather than the next one.
constexpr std::uint64_t enough_percent = 90;

}  // namespace

worker::successor worker::tick_on() noexcept {
    fiber_block* const fiber = this_fiber_block();
    if (ran_tick_ != tick()) {
        ran_tick_ = tick();
        ran_ = 0;
    }
    ran_ += charge(fiber, queue_.weight());
    expire_timers(charged_at_);
    poll_now(charged_at_);
    take_injected();
    const auto slice = static_cast<std::uint64_t>(owner_.options().slice);
    if (!queue_.should_preempt(fiber, ran_ * 100 >= slice * enough_percent)) {
        return {};
    }
    return next_after_slice();
}

worker::successor worker::next_after_slice() noexcept {
    waiter* const next = queue_.pop();
    if (next == nullptr) {
        return {};  // a thief was faster
    }
    kernel_thread* const on = next->kind() == waiter_kind::kernel_thread
                                  ? static_cast<kernel_thread*>(next)
                                  : owner_.threads().take_spare();
    if (on == nullptr) {
        push_local(*next, arrival::moved);
        owner_.threads().want_spare();
        return {};
    }
    worker_counters::add(counters_.preempted);
    return {next, on};
}

kernel_thread* worker::take_suspended() noexcept {
    take_injected();
    waiter_queue passed_over;
    waiter* found = queue_.pop();
    while (found != nullptr && found->kind() != waiter_kind::kernel_thread) {
        passed_over.push_back(*found);
        found = queue_.pop();
    }
    while (waiter* const w = passed_over.pop_front()) {
        push_local(*w, arrival::moved);
    }
    return static_cast<kernel_thread*>(found);
}

void worker::prepare_handover(waiter* next) noexcept {
    handover_ = next;
}

void worker::taken_away(fiber_block* fiber, base::nanoseconds_t cpu) noexcept {
    worker_counters::add(counters_.taken_away);
    if (owner_.options().fair) {
        const std::uint64_t ran = charge_cpu(~std::uint64_t{0}, cpu, base::now_ns());
        queue_.charge(fiber, ran, queue_.weight());
    }
}

}  // namespace weft::sched
