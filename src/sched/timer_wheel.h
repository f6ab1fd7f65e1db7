// SPDX-License-Identifier: Apache-2.0
//
// timer_wheel: the waits with a deadline of one worker. Insert and cancel are O(1) and touch only
// the entry's neighbours; a million sleepers cost no more each than ten.
//
// Hierarchical (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", SOSP 1987): eight
// levels of 64 slots. A tick is 2^16 ns = 65.5 us, close to the 50 us by which Linux lets its own
// user-space timers slip (prctl(2), PR_SET_TIMERSLACK); level k covers 64^(k+1) ticks, the last one
// 584 years: twice what a deadline can say, so the wheel never turns over. Deadlines are rounded
// up, so nothing fires early; it fires at most one tick late plus the time until somebody calls
// expire(). Not a heap: with a million sleepers each insert and each removal costs ten cache misses
// there.
//
// Thread safety: every method may be called from any thread.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/spinlock.h"
#include "sched/waiter.h"

namespace weft::sched {

class timer_wheel {
public:
    /// `now` starts the wheel's time.
    explicit timer_wheel(base::nanoseconds_t now) noexcept;

    /// Wakes `w` with wake_reason::timed_out at `deadline`, if it still waits then. Between
    /// prepare() and park(). Once per wait.
    void arm(waiter& w, base::nanoseconds_t deadline) noexcept;

    /// After it returns no timer touches `w`. By the owner, when the wait is over. Static, because
    /// the waiter may have moved to another worker since.
    static void cancel(waiter& w) noexcept {
        if (w.links_.timer.wheel != nullptr) {
            w.links_.timer.wheel->cancel_armed(w);
        }
    }

    /// Wakes all whose deadline has come; returns how many. Bounded work under the lock at a time.
    std::size_t expire(base::nanoseconds_t now) noexcept;

    /// Not later than the earliest deadline (it may be earlier by the width of a slot); time_never
    /// when empty. A hint for how long to sleep.
    [[nodiscard]] base::nanoseconds_t next_deadline() const noexcept {
        return next_.load(base::relaxed);
    }

private:
    static constexpr int tick_shift = 16;
    static constexpr int slot_bits = 6;
    static constexpr unsigned slots = 1u << slot_bits;
    static constexpr int levels = 8;
    static constexpr std::size_t batch = 64;  // timers handled before the lock is let go

    struct level {
        std::uint64_t maybe_occupied = 0;  // bit i clear: slot i is empty
        std::array<timer_node, slots> heads;
    };

    struct event {
        std::uint64_t tick = 0;
        timer_node* slot = nullptr;  // null: nothing ahead
    };

    static waiter& waiter_of(timer_node& node) noexcept;
    static std::uint64_t tick_of(base::nanoseconds_t deadline) noexcept;

    void cancel_armed(waiter& w) noexcept;
    void insert(timer_entry& entry) noexcept WEFT_REQUIRES(lock_);
    event next_event() noexcept WEFT_REQUIRES(lock_);
    std::size_t settle_pending() noexcept WEFT_REQUIRES(lock_);
    bool advance(std::uint64_t target) noexcept WEFT_REQUIRES(lock_);

    base::atomic<base::nanoseconds_t> next_{base::time_never};
    base::spinlock lock_;
    std::uint64_t current_ WEFT_GUARDED_BY(lock_);  // the slots of all ticks up to it are empty
    timer_node pending_ WEFT_GUARDED_BY(lock_);     // taken out of a slot: to fire or to sort anew
    std::array<level, levels> levels_ WEFT_GUARDED_BY(lock_);
};

}  // namespace weft::sched
