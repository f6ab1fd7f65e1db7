// SPDX-License-Identifier: Apache-2.0
//
// What a worker does when its kernel thread ticks or is blocked. See kernel_thread.h for how the
// role goes from one to the other.
//
// Checkpoints. Who is known to call checkpoint() is asked first: its slice is over, the tick sets
// need_resched to the number of this dispatch, and who still runs at a tick some time later is
// preempted.
// Known is who, after it was preempted or asked, got to a checkpoint within the same dispatch.
// Where nothing is preempted the word is set for good, and checkpoints read the clock.
#include <algorithm>
#include <utility>

#include "base/futex.h"
#include "sched/group_refill.h"
#include "sched/scheduler.h"
#include "sched/worker.h"

namespace weft::sched {

namespace {

// Of a slice: a tick that comes a little early ends it, too, rather than the next one.
constexpr std::uint64_t enough_percent = 90;

// From when a fiber was asked to yield at its next checkpoint.
constexpr base::nanoseconds_t longest_patience = 1'000'000;

// In a handler: some 50 us.
constexpr unsigned most_passed_over = 1000;

constexpr base::nanoseconds_t nap = 2'000'000;

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
    balance(charged_at_, queue_.load());
    const bool must_stop = fiber != nullptr && is_throttled(*fiber);
    if ((!must_stop && !should_make_room(fiber)) || ask_for_checkpoint(fiber)) {
        return {};
    }
    return next_after_slice(fiber, must_stop);
}

/// Under fifo at the end of its slice only: nobody has had more than others there.
bool worker::should_make_room(const fiber_block* fiber) noexcept {
    const bool slice_is_over = has_had_slice(fiber);
    return (slice_is_over || owner_.options().fair) && queue_.should_preempt(fiber, slice_is_over);
}

base::nanoseconds_t worker::slice_of(const fiber_block* fiber) const noexcept {
    const base::nanoseconds_t own = fiber != nullptr ? fiber->slice() : 0;
    return own != 0 ? own : owner_.options().slice;
}

bool worker::has_had_slice(const fiber_block* fiber) const noexcept {
    return ran_ * 100 >= static_cast<std::uint64_t>(slice_of(fiber)) * enough_percent;
}

/// Whether it is left to `fiber` to yield at its next checkpoint.
bool worker::ask_for_checkpoint(fiber_block* fiber) noexcept {
    if (fiber == nullptr || (fiber->flags_ & fiber_block::checks) == 0) {
        return false;
    }
    auto& word = base::this_thread_block().need_resched;
    const std::uint64_t asked = tick() + 1;
    if (word.load(base::relaxed) != asked) {
        word.store(asked, base::relaxed);
        asked_at_ = ran_;
        return true;
    }
    const auto patience = std::min(slice_of(fiber) / 2, longest_patience);
    if (ran_ - asked_at_ < static_cast<std::uint64_t>(patience)) {
        return true;  // two ticks in quick succession: the timer's and the monitor's
    }
    fiber->flags_ &= static_cast<std::uint8_t>(~fiber_block::checks);
    return false;
}

/// The next checkpoint shall tell that there is any.
void worker::begin_turn(const fiber_block& fiber) noexcept {
    base::this_thread_block().need_resched.store(tick() + 1, base::relaxed);
    worker_counters::add(turns_);
    turn_began_.store(charged_at_, base::relaxed);
    turn_slice_.store(slice_of(&fiber), base::relaxed);
    turn_cpu_.store(cpu_seen_, base::relaxed);
    turn_tick_.store(tick(), base::release);
}

worker::turn worker::last_turn() const noexcept {
    const std::uint64_t tick = turn_tick_.load(base::acquire);
    return {.number = turns_.load(base::relaxed),
            .tick = tick,
            .began = turn_began_.load(base::relaxed),
            .slice = turn_slice_.load(base::relaxed),
            .cpu = turn_cpu_.load(base::relaxed)};
}

bool worker::yield_is_due(fiber_block& me) noexcept {
    if (!owner_.preempts()) {
        const base::nanoseconds_t now = base::now_ns();
        if (std::exchange(checked_tick_, tick()) != tick()) {
            checked_since_ = now;
        }
        if (now - checked_since_ < slice_of(&me)) {
            return false;
        }
        checked_since_ = now;
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

/// For `fiber`, or a coroutine (null), which runs. `must_stop`: also if there is nobody else.
worker::successor worker::next_after_slice(fiber_block* fiber, bool must_stop) noexcept {
    successor found =
        owner_.threads().spares() != 0 ? next_on_spare(must_stop) : next_without_spare();
    if (found.on == nullptr && must_stop) {
        found = stand_still(*fiber);
    }
    if (found.on != nullptr) {
        worker_counters::add(counters_.preempted);
    } else {
        queue_.set_running(fiber);  // it goes on, whatever was taken out and put back meanwhile
    }
    return found;
}

worker::successor worker::next_on_spare(bool or_nobody) noexcept {
    waiter* const next = next_runnable();
    if (next == nullptr && !or_nobody) {
        return {};  // a thief was faster
    }
    if (next != nullptr && next->kind() == waiter_kind::kernel_thread) {
        return {next, static_cast<kernel_thread*>(next)};
    }
    if (kernel_thread* const spare = owner_.threads().take_spare()) {
        return {next, spare};
    }
    if (next != nullptr) {
        push_local(*next, arrival::moved);  // another worker was faster
    }
    return next_without_spare();
}

/// The next of those that need none.
worker::successor worker::next_without_spare() noexcept {
    owner_.threads().want_spare(true);
    kernel_thread* const next = take_suspended();
    return {next, next};
}

/// At the cap nobody may be left who could take the role from `fiber`, whose group is throttled,
/// since members of it that are suspended hold all kernel threads. Then it waits with the role for
/// the group's next period, or for one that can go on. In the handler of a tick.
worker::successor worker::stand_still(const fiber_block& fiber) noexcept {
    base::atomic<std::uint32_t> nobody_wakes{0};
    successor found;
    while (found.on == nullptr && is_throttled(fiber)) {
        base::futex_wait(nobody_wakes, 0, base::now_ns() + nap);
        poll_now(base::now_ns());
        found = owner_.threads().spares() != 0 ? next_on_spare(true) : next_without_spare();
    }
    start_charging(base::thread_cpu_ns());  // that was not the fiber's
    return found;
}

kernel_thread* worker::take_suspended() noexcept {
    expire_timers(base::now_ns());
    take_injected();
    waiter_queue passed_over;
    waiter* found = next_runnable();
    // Who is passed over comes behind the others, so the rest has its turn another time. Not the
    // end of a period: it may be for that of their group that all who are suspended wait.
    for (unsigned i = 1; found != nullptr && found->kind() != waiter_kind::kernel_thread; ++i) {
        if (group_refill* const refill = group_refill::from(*found)) {
            refill->end_period(*this);
        } else {
            passed_over.push_back(*found);
        }
        found = i < most_passed_over ? next_runnable() : nullptr;
    }
    if (found == nullptr) {
        // Virtual time stands still while nobody runs, so that those in the lane, if they are many,
        // would come first for ever.
        found = next_suspended();
    }
    while (waiter* const w = passed_over.pop_front()) {
        push_local(*w, arrival::moved);
    }
    return static_cast<kernel_thread*>(found);
}

void worker::prepare_handover(waiter* next) noexcept {
    handover_ = next;
}

void worker::charge_since(fiber_block& fiber, base::nanoseconds_t cpu) noexcept {
    if (owner_.options().fair) {
        const auto ran =
            static_cast<std::uint64_t>(std::max<base::nanoseconds_t>(cpu_seen_ - cpu, 0));
        queue_.charge(&fiber, ran, queue_.weight());
        if (fiber.group_index() != 0) {
            charge_group(fiber, ran, base::now_ns());
        }
    }
}

void worker::taken_away(fiber_block* fiber, base::nanoseconds_t cpu) noexcept {
    worker_counters::add(counters_.taken_away);
    if (owner_.options().fair) {
        const base::nanoseconds_t now = base::now_ns();
        const std::uint64_t ran = charge_cpu(~std::uint64_t{0}, cpu, now);
        queue_.charge(fiber, ran, queue_.weight());
        if (fiber != nullptr && fiber->group_index() != 0) {
            charge_group(*fiber, ran, now);
        }
    }
}

}  // namespace weft::sched
