// SPDX-License-Identifier: Apache-2.0
#include "sched/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <cstddef>

namespace weft::sched {

namespace {

void make_empty(timer_node& list) noexcept {
    list.next = list.prev = &list;
}

bool is_empty(const timer_node& list) noexcept {
    return list.next == &list;
}

void unlink(timer_node& node) noexcept {
    node.prev->next = node.next;
    node.next->prev = node.prev;
    node.next = node.prev = nullptr;
}

void link_last(timer_node& list, timer_node& node) noexcept {
    node.next = &list;
    node.prev = list.prev;
    list.prev->next = &node;
    list.prev = &node;
}

/// Moves all of `from` behind the last of `to`.
void splice(timer_node& to, timer_node& from) noexcept {
    if (is_empty(from)) {
        return;
    }
    from.next->prev = to.prev;
    to.prev->next = from.next;
    from.prev->next = &to;
    to.prev = from.prev;
    make_empty(from);
}

}  // namespace

timer_wheel::timer_wheel(base::nanoseconds_t now) noexcept
    : current_(static_cast<std::uint64_t>(now) >> tick_shift) {
    make_empty(pending_);
    for (auto& each : levels_) {
        std::ranges::for_each(each.heads, make_empty);
    }
}

waiter& timer_wheel::waiter_of(timer_node& node) noexcept {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
    constexpr std::size_t offset = offsetof(waiter, links_) + offsetof(waiter::links, timer);
#pragma GCC diagnostic pop
    auto* const entry = static_cast<timer_entry*>(&node);
    return *reinterpret_cast<waiter*>(reinterpret_cast<std::byte*>(entry) - offset);
}

std::uint64_t timer_wheel::tick_of(base::nanoseconds_t deadline) noexcept {
    const auto ns = static_cast<std::uint64_t>(std::max<base::nanoseconds_t>(deadline, 0));
    return (ns + (1u << tick_shift) - 1) >> tick_shift;
}

void timer_wheel::arm(waiter& w, base::nanoseconds_t deadline) noexcept {
    timer_entry& entry = w.links_.timer;
    entry.deadline = deadline;
    entry.wheel = this;
    const base::spin_guard guard(lock_);
    insert(entry);
}

void timer_wheel::cancel_armed(waiter& w) noexcept {
    timer_entry& entry = w.links_.timer;
    const base::spin_guard guard(lock_);
    if (entry.next != nullptr) {
        unlink(entry);
    }
    entry.wheel = nullptr;
}

// The level is that of the highest group of bits in which the tick and the current tick differ, so
// that each slot of a level k > 0 holds whole runs of 64^k ticks which lie ahead.
void timer_wheel::insert(timer_entry& entry) noexcept {
    static_assert(slot_bits * levels >= 63 - tick_shift, "every deadline has a slot ahead");
    const std::uint64_t tick = std::max(tick_of(entry.deadline), current_ + 1);
    const int highest = 63 - std::countl_zero(tick ^ current_);
    const int k = highest / slot_bits;
    const unsigned slot = (tick >> (slot_bits * k)) & (slots - 1);
    auto& ring = levels_[static_cast<std::size_t>(k)];
    ring.maybe_occupied |= std::uint64_t{1} << slot;
    link_last(ring.heads[slot], entry);
    const auto due = static_cast<base::nanoseconds_t>(tick << tick_shift);
    if (due < next_.load(base::relaxed)) {
        next_.store(due, base::relaxed);
    }
}

timer_wheel::event timer_wheel::next_event() noexcept {
    for (int k = 0; k < levels; ++k) {
        auto& ring = levels_[static_cast<std::size_t>(k)];
        const int shift = slot_bits * k;
        const unsigned here = (current_ >> shift) & (slots - 1);
        while (true) {
            const std::uint64_t ahead =
                here == slots - 1 ? 0 : ring.maybe_occupied & (~std::uint64_t{0} << (here + 1));
            if (ahead == 0) {
                break;
            }
            const auto slot = static_cast<unsigned>(std::countr_zero(ahead));
            if (!is_empty(ring.heads[slot])) {
                const std::uint64_t above = current_ >> (shift + slot_bits);
                return {((above << slot_bits) | slot) << shift, &ring.heads[slot]};
            }
            ring.maybe_occupied &= ~(std::uint64_t{1} << slot);
        }
    }
    return {};
}

/// Fires what is due of pending_ and sorts the rest in again, at most `batch` of them.
std::size_t timer_wheel::settle_pending() noexcept {
    std::size_t fired = 0;
    for (std::size_t i = 0; i < batch && !is_empty(pending_); ++i) {
        auto& entry = static_cast<timer_entry&>(*pending_.next);
        unlink(entry);
        if (tick_of(entry.deadline) > current_) {
            insert(entry);
            continue;
        }
        // Under the lock: cancel() of the woken waiter waits for us before the waiter goes on.
        fired += waiter_of(entry).wake(wake_reason::timed_out) ? 1 : 0;
    }
    return fired;
}

/// Goes on to the next slot that is due at `target`; false if there is none.
bool timer_wheel::advance(std::uint64_t target) noexcept {
    const event next = next_event();
    if (next.slot != nullptr && next.tick <= target) {
        current_ = next.tick;
        splice(pending_, *next.slot);
        return true;
    }
    current_ = std::max(current_, target);
    next_.store(next.slot == nullptr ? base::time_never
                                     : static_cast<base::nanoseconds_t>(next.tick << tick_shift),
                base::relaxed);
    return false;
}

std::size_t timer_wheel::expire(base::nanoseconds_t now) noexcept {
    const std::uint64_t target = static_cast<std::uint64_t>(now) >> tick_shift;
    std::size_t fired = 0;
    for (bool more = true; more;) {
        const base::spin_guard guard(lock_);
        fired += settle_pending();
        more = !is_empty(pending_) || advance(target);
    }
    return fired;
}

}  // namespace weft::sched
