// SPDX-License-Identifier: Apache-2.0
//
// waiter: whatever can wait and be woken: a fiber, a coroutine, a plain kernel thread. Locks,
// timers and the poller know only this file; none of them knows what it wakes.
//
// One wait, in order (the waiting side is "the owner"):
//
//   owner                                           waker (any thread, any number of them)
//   1. prepare()            running -> preparing
//   2. puts itself into a list, arms a timer ...    wake(): preparing|parked -> notified, once
//   3. park() / publish()   preparing -> parked,
//      done only after the owner's stack is left    parked -> notified: the waker makes it runnable
//   4. runs again; takes itself out of what still
//      holds it (cancels its timer, leaves the list)
//
// Always holds:
//   - between a prepare() and the return of its park() exactly one wake() returns true; all others
//     return false and have no effect, so a timer, a signal and a cancellation may race freely;
//   - nobody runs a waiter before its stack is left: until then a wake only leaves a note;
//   - a waiter stands in at most one list, linked through next_ and prev_, and may be used by its
//     owner for a new wait only after step 4.
//
// Why a state word, and not the lock of what is waited for, kept until the stack is left (as Go's
// gopark does): a wait has several wakers that share no lock (timer, signal, stop token).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/assert.h"
#include "base/atomic.h"
#include "base/clock.h"
#include "base/thread_block.h"
#include "sched/current.h"

namespace weft::sched {

class scheduler;
class worker;
class timer_wheel;
class waiter;

enum class waiter_kind : std::uint8_t {
    fiber,           ///< resumed by switching to its stack
    coroutine,       ///< resumed by calling coroutine_waiter::run on the worker's own stack
    thread,          ///< a kernel thread that is no worker: sleeps on a futex
    polling_thread,  ///< as thread, but sleeps in poll(2); see polling_waiter.h
    kernel_thread,   ///< one of a scheduler, with what was preempted on it; see kernel_thread.h
};

/// Why a wait ended.
enum class wake_reason : std::uint8_t { signalled, timed_out, cancelled };

/// A place in a circular list of timers, or the list itself.
struct timer_node {
    timer_node* next = nullptr;
    timer_node* prev = nullptr;
};

/// A waiter's entry in a timer wheel; see sched/timer_wheel.h. Guarded by the wheel's lock.
struct timer_entry : timer_node {
    base::nanoseconds_t deadline = 0;
    timer_wheel* wheel = nullptr;  ///< set by arm(), cleared by cancel(), both called by the owner
};

class waiter {
public:
    waiter(const waiter&) = delete;
    waiter& operator=(const waiter&) = delete;

    [[nodiscard]] waiter_kind kind() const noexcept { return what_.kind; }

    /// Of a fiber, or of a kernel thread in a queue for one: its place in the group_table; 0: none.
    [[nodiscard]] std::uint8_t group_index() const noexcept { return what_.group; }

    /// Starts a wait. Owner only.
    void prepare() noexcept {
        WEFT_DEBUG_ASSERT(phase_of(state_.load(base::relaxed)) == phase::running,
                          "prepare() on a waiter that waits already");
        state_.store(word(phase::preparing), base::relaxed);
    }

    /// Takes back a prepare() that no waker can have seen. Owner only.
    void abandon() noexcept { state_.store(word(phase::running), base::relaxed); }

    /// Leaves the stack until a wake() or `deadline`; returns the reason. Owner only, after
    /// prepare(); not for coroutines. May return on another kernel thread.
    wake_reason park(base::nanoseconds_t deadline = base::time_never) noexcept;

    /// Ends the wait, if nobody else did: true for exactly one caller. Any thread. The caller must
    /// know that the waiter lives: it holds the lock of the list in which the waiter stands, or of
    /// the wheel in which its timer stands. After it returned true the waiter may be gone.
    bool wake(wake_reason reason = wake_reason::signalled) noexcept {
        // Nobody else can make it runnable once it is notified.
        const base::preemption_disabled until_it_is_runnable;
        return wake_without_preemption(reason);
    }

    /// The same by a caller that has preemption off already.
    bool wake_without_preemption(wake_reason reason = wake_reason::signalled) noexcept {
        // A plain thread may end as soon as it sees the note: nothing of it is read after that.
        const waiter_kind kind = what_.kind;
        std::uint32_t seen = state_.load(base::relaxed);
        for (;;) {
            const phase before = phase_of(seen);
            if (before != phase::preparing && before != phase::parked) {
                return false;
            }
            if (state_.compare_exchange_weak(seen, word(phase::notified, reason), base::acq_rel,
                                             base::relaxed)) {
                if (before == phase::parked) {
                    make_runnable(kind);
                }
                return true;
            }
        }
    }

protected:
    void set_group(std::uint8_t group) noexcept { what_.group = group; }

    explicit waiter(waiter_kind kind) noexcept : what_{.kind = kind} { links_ = {}; }
    ~waiter() = default;

    enum class phase : std::uint32_t {
        running,    ///< belongs to its owner
        preparing,  ///< owner still on its stack; a wake only leaves a note
        parked,     ///< stack left; the next waker owns it
        notified,   ///< woken: on the way to a run queue, or its owner is about to see the note
    };

    static constexpr std::uint32_t word(phase p,
                                        wake_reason reason = wake_reason::signalled) noexcept {
        return static_cast<std::uint32_t>(p) | static_cast<std::uint32_t>(reason) << 8;
    }
    static constexpr phase phase_of(std::uint32_t word) noexcept {
        return static_cast<phase>(word & 0xff);
    }
    static constexpr wake_reason reason_of(std::uint32_t word) noexcept {
        return static_cast<wake_reason>(word >> 8);
    }

    /// preparing -> parked. False if a wake came first: the owner must go on (call finish_wait).
    /// After true the waiter may already be running elsewhere.
    bool publish_parked() noexcept {
        std::uint32_t expected = word(phase::preparing);
        return state_.compare_exchange_strong(expected, word(phase::parked), base::release,
                                              base::acquire);
    }

    /// Whether somebody has ended the wait that prepare() began.
    [[nodiscard]] bool notified() const noexcept {
        return phase_of(state_.load(base::acquire)) == phase::notified;
    }

    /// notified -> running, by the owner when it runs again.
    wake_reason finish_wait() noexcept {
        const std::uint32_t seen = state_.load(base::acquire);
        WEFT_DEBUG_ASSERT(phase_of(seen) == phase::notified, "a wait ended without a wake");
        state_.store(word(phase::running), base::relaxed);
        return reason_of(seen);
    }

private:
    friend class worker;
    friend class scheduler;
    friend class waiter_list;
    friend class waiter_queue;
    friend class timer_wheel;
    friend class fair_policy;
    friend class queue_weight;
    friend class fiber_block;
    friend class fiber_cache;

    /// Hands a parked waiter to its kernel thread or to a run queue. With preemption off.
    void make_runnable(waiter_kind kind) noexcept;

    struct links {
        waiter* prev = nullptr;
        timer_entry timer;
    };

    struct what {
        waiter_kind kind;
        std::uint8_t group = 0;
    };
    /// For a test of both at once: 0 of a fiber that is in no group.
    [[nodiscard]] std::uint16_t kind_and_group() const noexcept {
        static_assert(static_cast<int>(waiter_kind::fiber) == 0);
        return std::bit_cast<std::uint16_t>(what_);
    }

    base::atomic<std::uint32_t> state_{word(phase::running)};  // a thread's futex word, too
    what what_;

protected:
    std::uint8_t flags_ = 0;  ///< start_failed, checks and was_runnable
    /// It did not sleep before it was injected.
    static constexpr std::uint8_t was_runnable = 2;
    std::int8_t nice_ = 0;  ///< of a fiber

private:
    waiter* next_ = nullptr;

protected:
    /// In whose queue it stands or stood last, and in whose virtual time its vruntime is; null for
    /// threads.
    worker* home_ = nullptr;

    /// Bytes for a callable between spawn and first run, when there are no links to keep yet.
    static constexpr std::size_t start_bytes = sizeof(links);

    union {
        links links_;
        alignas(8) std::byte start_[start_bytes];
    };
};

/// A kernel thread that sleeps: it parks on a futex, whatever runs on it.
class thread_waiter : public waiter {
public:
    thread_waiter() noexcept : waiter(waiter_kind::thread) {}
};

/// The waiter of the fiber that runs now or, on a plain thread, of that thread. Not on a worker's
/// own stack (coroutines bring their own waiter). The reference is good until the caller ends.
waiter& this_waiter() noexcept;

/// A coroutine that waits: lives in the awaiter, so in the coroutine's frame. Owner: the coroutine.
/// In await_suspend: prepare(), register, then `return suspend();` as the last act.
class coroutine_waiter : public waiter {
public:
    /// Called on a worker's own stack when the waiter is runnable. `self` may end during the call.
    using run_fn = void (*)(coroutine_waiter& self) noexcept;

    explicit coroutine_waiter(run_fn run) noexcept : waiter(waiter_kind::coroutine), run_(run) {}

    /// Publishes the wait. False: it was woken already, go on at once. After true the coroutine may
    /// already run elsewhere: touch nothing of it. `deadline` arms a timer first.
    bool suspend(base::nanoseconds_t deadline = base::time_never) noexcept;

    /// Ends the wait: cancels the timer, returns the reason. First thing in run or await_resume.
    wake_reason resumed() noexcept;

    /// Makes a coroutine runnable that does not wait (a yield, a spawn). Any thread. It is not
    /// woken then: resumed() is not called for it.
    void schedule(scheduler& owner) noexcept;

    [[nodiscard]] bool is_run_by(run_fn run) const noexcept { return run_ == run; }

    /// What current_task() shall say while it runs; else what it said when the waiter was made.
    void set_task([[maybe_unused]] const void* task) noexcept {
#ifndef NDEBUG
        task_ = task;
#endif
    }

private:
    friend class worker;

    /// When it is its turn, on a worker's own stack. It may be gone when this returns.
    void take_turn() noexcept {
#ifdef NDEBUG
        run_(*this);
#else
        run_named();
#endif
    }
    void run_named() noexcept;

    run_fn run_;
#ifndef NDEBUG
    const void* task_ = current_task();
#endif
};

/// A doubly linked list of waiters in arrival order. No lock of its own.
class waiter_list {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] waiter* front() const noexcept { return head_; }

    void push_back(waiter& w) noexcept {
        w.next_ = nullptr;
        w.links_.prev = tail_;
        (tail_ != nullptr ? tail_->next_ : head_) = &w;
        tail_ = &w;
    }

    waiter* pop_front() noexcept {
        waiter* const w = head_;
        if (w != nullptr) {
            remove(*w);
        }
        return w;
    }

    /// Whether `w`, which stands in this list or in none, stands in it.
    [[nodiscard]] bool contains(const waiter& w) const noexcept {
        return w.links_.prev != nullptr || head_ == &w;
    }

    /// `w` must stand in this list.
    void remove(waiter& w) noexcept {
        (w.links_.prev != nullptr ? w.links_.prev->next_ : head_) = w.next_;
        (w.next_ != nullptr ? w.next_->links_.prev : tail_) = w.links_.prev;
        w.next_ = nullptr;
        w.links_.prev = nullptr;
    }

private:
    waiter* head_ = nullptr;
    waiter* tail_ = nullptr;
};

}  // namespace weft::sched
