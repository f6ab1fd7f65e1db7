// SPDX-License-Identifier: Apache-2.0
//
// A worker without work: where it looks, in which order, and how it sleeps. All of it on the base.
#include <algorithm>
#include <utility>

#include "sched/scheduler.h"
#include "sched/thread_state.h"
#include "sched/worker.h"

namespace weft::sched {

namespace {

using base::nanoseconds_t;

// Timers and injected work are looked after about this often while there is something to run, at
// the price of a clock: early enough that nobody notices.
constexpr nanoseconds_t maintain_every = 50'000;
// What a poll finds is queued behind all that is queued by then, so it is worth its price when that
// has had its turn once; or after this time, for what is queued behind those that yield all the
// time.
constexpr nanoseconds_t longest_without_poll = 1'000'000;
// Beyond this a spin costs more than the wake-up that it saves (about 25 us for an idle CPU of a
// virtual machine; a spin of 5 us already catches a partner that answers).
constexpr nanoseconds_t longest_spin = 20'000;
constexpr nanoseconds_t shortest_spin = 2'000;
constexpr unsigned retry_spin_after = 16;  // sleeps without a spin before one is tried again
// Balancing while all are busy: rarely enough that what is lost by moving does not count.
constexpr nanoseconds_t balance_every = 32'000'000;
constexpr unsigned looks_before_swap = 3;
constexpr std::size_t most_taken = 256;  // at a time, from a queue that others look at, too

}  // namespace

waiter* worker::find_work() noexcept {
    if (maintenance_is_due()) {
        maintain();
    }
    waiter* const w = next_runnable();
    return w != nullptr ? w : search();
}

/// What must not wait until the queue is empty. The number of dispatches until the next time adapts
/// to how long they take, so that a yield does not pay for a clock.
void worker::maintain() noexcept {
    const nanoseconds_t now = base::now_ns();
    const nanoseconds_t elapsed = std::max<nanoseconds_t>(now - maintained_at_, 1);
    const auto fitting = budget_ * maintain_every / static_cast<std::uint64_t>(elapsed);
    budget_ = std::clamp<std::uint64_t>(std::min(fitting, 2 * budget_), 1, most_budget);
    due_ = stress_migrate_ ? 0 : tick() + budget_;
    if (stress_migrate_) {
        take_injected();  // all that is runnable is there: it decides who is next
    }
    if (elapsed < maintain_every / 2) {
        return;
    }
    maintained_at_ = now;
    charged_at_ = now;
    balance(now, queue_.weight());  // who yielded stands there by now
    expire_timers(now);
    if (now - polled_at_ >= longest_without_poll || tick() >= poll_after_) {
        poll_now(now);
    }
    take_injected();
}

void worker::expire_timers(nanoseconds_t now) noexcept {
    if (wheel_.next_deadline() <= now) {
        wheel_.expire(now);
    }
}

void worker::poll_now(nanoseconds_t now) noexcept {
    if (owner_.get_poller().poll(0).ticked) {
        owner_.tick_passed();
        if (owner_.sleepers() != 0) {
            owner_.get_poller().interrupt();  // somebody with time shall look around
        }
    }
    polled_at_ = now;
    poll_after_ = tick() + queue_.size();
}

waiter* worker::search() noexcept {
    charged_at_ = 0;
    for (bool slept = false;; slept = true) {
        if (wheel_.next_deadline() != base::time_never) {
            expire_timers(base::now_ns());
        }
        take_injected();
        waiter* w = next_runnable();
        if (w == nullptr && owner_.worker_count() > 1 && (steal() || spin_for_work())) {
            w = next_runnable();
        }
        if (w != nullptr) {
            if (slept) {
                owner_.start_tick();
            }
            return w;
        }
        if (owner_.stopping()) {
            return nullptr;
        }
        sleep();
    }
}

bool worker::take_injected() noexcept {
    if (!owner_.has_injected()) {
        return false;
    }
    waiter_queue taken;
    owner_.take_injected(taken, most_taken);
    bool any = false;
    while (waiter* const w = taken.pop_front()) {
        const bool slept = (w->flags_ & waiter::was_runnable) == 0;
        w->flags_ &= static_cast<std::uint8_t>(~waiter::was_runnable);
        enqueue(*w, slept ? arrival::woken : arrival::moved);
        any = true;
    }
    if (any && owner_.has_injected() && owner_.sleepers() != 0) {
        owner_.get_poller().interrupt();
    }
    return any;
}

bool worker::steal() noexcept {
    const std::size_t count = owner_.worker_count();
    const std::size_t start = rng_.below(static_cast<std::uint32_t>(count));
    for (std::size_t i = 0; i < count; ++i) {
        worker& victim = owner_.worker_at((start + i) % count);
        if (&victim != this && steal_from(victim)) {
            return true;
        }
    }
    return false;
}

/// A single one is left to the victim, unless the victim has run the same thing since we last
/// looked, or nothing but such as were preempted: two fibers that wake each other in turn are
/// faster on one worker than torn apart.
bool worker::steal_from(worker& victim) noexcept {
    const std::size_t queued = victim.queue_.size();
    const std::uint64_t others = victim.tick() - victim.turns_.load(base::relaxed);
    const bool stuck = std::exchange(seen_others_[victim.index()], others) == others;
    if (queued == 0 || (queued == 1 && !stuck)) {
        return false;
    }
    return take_from(victim, 0, false);
}

/// `load`: of this worker.
bool worker::take_from(worker& victim, std::uint64_t load, bool or_swapped) noexcept {
    waiter_queue loot;
    const std::size_t n = victim.queue_.steal_into(loot, most_taken, load, or_swapped);
    if (n == 0) {
        return false;
    }
    worker_counters::add(counters_.stolen, n);
    while (waiter* const w = loot.pop_front()) {
        enqueue(*w, arrival::moved);
    }
    if (owner_.sleepers() != 0) {
        wake_another_if_needed(queue_.size());
    }
    return true;
}

/// While all are busy: from the one with the greatest load, as much as makes the loads more alike.
/// What comes and goes is not worth a move, so only what the load has been for two looks counts.
/// Where nothing can make them more alike (three that compute on two workers) one changes sides
/// after a few looks, so that each has company for as long; as the kernel does it.
void worker::balance(nanoseconds_t now, std::uint64_t own_load) noexcept {
    if (now < balance_at_) {
        return;
    }
    balance_at_ = now + balance_every;
    worker* busiest = nullptr;
    std::uint64_t greatest = 0;
    for (std::size_t i = 0; i < owner_.worker_count(); ++i) {
        worker& other = owner_.worker_at(i);
        const std::uint64_t load = &other == this || other.asleep() ? 0 : other.queue_.load();
        const std::uint64_t lasting = std::min(load, std::exchange(seen_loads_[i], load));
        if (lasting > greatest && other.queue_.size() != 0) {
            greatest = lasting;
            busiest = &other;
        }
    }
    if (busiest == nullptr || greatest <= own_load) {
        uneven_for_ = 0;
    } else if (take_from(*busiest, own_load, ++uneven_for_ >= looks_before_swap)) {
        uneven_for_ = 0;
    }
}

/// Timers of workers that are too busy to look after them.
void worker::help_timers(nanoseconds_t now) noexcept {
    for (std::size_t i = 0; i < owner_.worker_count(); ++i) {
        timer_wheel& wheel = owner_.worker_at(i).wheel();
        if (wheel.next_deadline() <= now - maintain_every) {  // it may be time_never
            wheel.expire(now);
        }
    }
}

/// Something that a thief would take. A single one is left to its worker, see steal_from().
bool worker::work_elsewhere() noexcept {
    if (owner_.has_injected()) {
        return true;
    }
    for (std::size_t i = 0; i < owner_.worker_count(); ++i) {
        worker& other = owner_.worker_at(i);
        if (&other != this && other.queue_.size() > 1) {
            return true;
        }
    }
    return false;
}

/// Looks around for a moment before it sleeps, if that has paid off lately and somebody runs who
/// could make work.
bool worker::spin_for_work() noexcept {
    if (spin_for_ == 0 && ++sleeps_without_spin_ >= retry_spin_after) {
        spin_for_ = shortest_spin;
        sleeps_without_spin_ = 0;
    }
    const bool somebody_runs = owner_.sleepers() + owner_.searchers() + 1 < owner_.worker_count();
    if (spin_for_ == 0 || !somebody_runs || !owner_.begin_search()) {
        return false;
    }
    const nanoseconds_t end = base::now_ns() + spin_for_;
    bool found = false;
    do {
        for (int i = 0; i < 8 && !found; ++i) {
            base::cpu_relax();
            found = work_elsewhere();
        }
    } while (!found && base::now_ns() < end);
    found = found && (take_injected() || steal());
    owner_.end_search();
    // Who made work while we searched did not wake anybody else.
    if (!found && work_elsewhere()) {
        found = take_injected() || steal();
    }
    spin_for_ = found ? std::min(2 * spin_for_, longest_spin) : spin_for_ / 2;
    if (spin_for_ < shortest_spin) {
        spin_for_ = 0;
    }
    return found;
}

/// Waits in the poller, unless there is something to do after all. See scheduler.h for who wakes
/// it.
void worker::sleep() noexcept {
    owner_.fall_asleep();
    owner_.check_quiescent();
    if (owner_.has_injected() || owner_.stopping()) {
        owner_.wake_up();
        return;
    }
    worker_counters::add(counters_.slept);
    asleep_.store(1, base::relaxed);
    const poll_result result = owner_.get_poller().poll(wheel_.next_deadline());
    asleep_.store(0, base::relaxed);
    if (result.ticked) {
        owner_.tick_passed();  // as a sleeper: where all sleep the tick must lapse
    }
    owner_.wake_up();
    const nanoseconds_t now = base::now_ns();
    maintained_at_ = now;
    charged_at_ = now;
    polled_at_ = now;
    poll_after_ = tick() + queue_.size();
    if (result.woken == 0) {
        help_timers(now);
    }
}

/// Called when something was made runnable here while others sleep, `queued` of them by now.
/// Whoever searches will find it, and a single one is left to this worker.
void worker::wake_another_if_needed(std::size_t queued) noexcept {
    if (queued > 1 && owner_.searchers() == 0) {
        owner_.get_poller().interrupt();
    }
}

}  // namespace weft::sched
