// SPDX-License-Identifier: Apache-2.0
//
// latch, barrier and event: gates (gate.h) that differ in what their word means.
//
// A barrier counts the arrivals of a phase beside its word. The last one alone goes on from there:
// nobody else may arrive until the next phase has begun, which is when the word changes; so the
// completion and the new count need no lock, and come before whatever those do that wait.
#include "sync/latch_core.h"

#include "base/assert.h"
#include "sync/bounded_wait.h"
#include "sync/gate.h"

namespace weft {

namespace {

bool is_zero(std::uint64_t value) noexcept {
    return value == 0;
}

bool is_on(std::uint64_t value) noexcept {
    return value != 0;
}

bool always(std::uint64_t) noexcept {
    return true;
}

}  // namespace

namespace sync {

bool latch_core::ready_or_queue(const latch& l, wait_node& node) noexcept {
    return gate::ready_or_queue(l.word_, l.queue_, node, is_zero);
}

bool latch_core::finish(const latch& l, wait_node& node, sched::wake_reason reason) noexcept {
    return gate::leave(l.word_, l.queue_, node, reason);
}

bool barrier_core::ready_or_queue(const barrier_base& b, wait_node& node) noexcept {
    const auto is_another_phase = [&node](std::uint64_t value) {
        return value / barrier_base::phase % 2 != node.tag;
    };
    return gate::ready_or_queue(b.word_, b.queue_, node, is_another_phase);
}

bool barrier_core::finish(const barrier_base& b, wait_node& node,
                          sched::wake_reason reason) noexcept {
    return gate::leave(b.word_, b.queue_, node, reason);
}

bool event_core::ready_or_queue(event& e, wait_node& node) noexcept {
    return gate::ready_or_queue(e.word_, e.queue_, node, is_on);
}

bool event_core::finish(event& e, wait_node& node, sched::wake_reason reason) noexcept {
    return gate::leave(e.word_, e.queue_, node, reason);
}

bool barrier_base::count_arrivals(std::ptrdiff_t n) noexcept {
    WEFT_ASSERT(n > 0, "arrive() of nobody, or of a negative number");
    const std::ptrdiff_t before = __atomic_fetch_sub(&left_, n, __ATOMIC_ACQ_REL);
    WEFT_ASSERT(n <= before, "more arrive at a barrier than are expected");
    return n == before;
}

void barrier_base::drop_one() noexcept {
    const std::ptrdiff_t before = __atomic_fetch_sub(&expected_, 1, __ATOMIC_RELAXED);
    WEFT_ASSERT(before > 0, "more leave a barrier than are expected");
}

void barrier_base::complete_phase() noexcept {
    const std::ptrdiff_t expected = __atomic_load_n(&expected_, __ATOMIC_RELAXED);
    __atomic_store_n(&left_, expected, __ATOMIC_RELAXED);
    const auto next_phase = [](std::uint64_t value) { return value + phase; };
    gate::change(word_, queue_, next_phase, always);
}

void barrier_base::wait_slow(const arrival_token& token) const noexcept {
    wait_unbounded<barrier_core>(*this, barrier_core::tag_of(token));
}

result<void> barrier_base::wait_slow(const arrival_token& token, deadline until) const noexcept {
    return wait_bounded<barrier_core>(*this, until, barrier_core::tag_of(token));
}

void barrier_base::check_unused() const noexcept {
    WEFT_ASSERT(looks_empty(queue_), "a barrier is destroyed while somebody waits for it");
}

}  // namespace sync

void latch::count_down(std::ptrdiff_t n) noexcept {
    WEFT_ASSERT(n >= 0, "count_down() of a negative number");
    const auto less = [n](std::uint64_t value) {
        const auto counted = static_cast<std::uint64_t>(n) * one;
        WEFT_ASSERT(counted <= value, "count_down() of a latch by more than is left");
        return value - counted;
    };
    sync::gate::change(word_, queue_, less, is_zero);
}

void latch::wait_slow() const noexcept {
    sync::wait_unbounded<sync::latch_core>(*this);
}

result<void> latch::wait_slow(deadline until) const noexcept {
    return sync::wait_bounded<sync::latch_core>(*this, until);
}

void latch::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_), "a latch is destroyed while somebody waits for it");
}

void event::set() noexcept {
    const auto turned_on = [](std::uint64_t) { return on; };
    sync::gate::change(word_, queue_, turned_on, is_on);
}

void event::wait_slow() noexcept {
    sync::wait_unbounded<sync::event_core>(*this);
}

result<void> event::wait_slow(deadline until) noexcept {
    return sync::wait_bounded<sync::event_core>(*this, until);
}

void event::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_), "an event is destroyed while somebody waits for it");
}

}  // namespace weft
