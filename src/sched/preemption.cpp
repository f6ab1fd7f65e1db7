// SPDX-License-Identifier: Apache-2.0
//
// What a worker does when its kernel thread ticks or is blocked. See kernel_thread.h for how the
// role goes from one to the other.
//
// Checkpoints. Who is known to call checkpoint() is asked first: its slice is over, the tick sets
// need_resched to the number of this dispatch, and who still runs at the next tick is preempted.
// Known is who, after it was preempted or asked, got to a checkpoint within the same dispatch.
// Where nothing is preempted the word is set for good, and checkpoints read the clock.
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
    if (!queue_.should_preempt(fiber, has_had_slice(fiber)) || ask_for_checkpoint(fiber)) {
        return {};
    }
    return next_after_slice();
}

bool worker::has_had_slice(const fiber_block* fiber) const noexcept {
    const base::nanoseconds_t own = fiber != nullptr ? fiber->slice() : 0;
    const auto slice = static_cast<std::uint64_t>(own != 0 ? own : owner_.options().slice);
    return ran_ * 100 >= slice * enough_percent;
}

/// Whether it is left to `fiber` to yield at its next checkpoint.
bool worker::ask_for_checkpoint(fiber_block* fiber) noexcept {
    if (fiber == nullptr || (fiber->flags_ & fiber_block::checks) == 0) {
        return false;
    }
    auto& word = base::this_thread_block().need_resched;
    const std::uint64_t asked = tick() + 1;
    if (word.load(base::relaxed) == asked) {
        fiber->flags_ &= static_cast<std::uint8_t>(~fiber_block::checks);
        return false;
    }
    word.store(asked, base::relaxed);
    return true;
}

void worker::expect_checkpoint() noexcept {
    base::this_thread_block().need_resched.store(tick() + 1, base::relaxed);
}

bool worker::yield_is_due(fiber_block& me) noexcept {
    if (!owner_.preempts()) {
        const base::nanoseconds_t now = base::now_ns();
        if (now < next_checkpoint_) {
            return false;
        }
        const base::nanoseconds_t own = me.slice();
        next_checkpoint_ = now + (own != 0 ? own : owner_.options().slice);
        return true;
    }
    auto& word = base::this_thread_block().need_resched;
    const bool meant = word.load(base::relaxed) == tick() + 1;
    word.store(0, base::relaxed);
    if (meant) {
        me.flags_ |= fiber_block::checks;
    }
    return meant;
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
