// SPDX-License-Identifier: Apache-2.0
//
// latch and barrier: the standard ones for fibers, coroutines and plain threads, all on the same
// object at once; and event, a switch that one can wait for. Coroutines say `co_await co::wait(l)`
// and the like (see <weft/co.h>).
//
// Waits take as long as they take. With a deadline they report std::errc::timed_out or, when a stop
// is requested of what bounds the caller, std::errc::operation_canceled. What need not wait
// succeeds, also after the deadline or the stop. An arrival is never taken back: whoever waits in
// arrive_and_wait() has arrived, and only its waiting ends.
//
// Cost: an arrival is one or two atomic read-modify-writes while nobody waits; a wait that need not
// wait is one load.
//
// A waiter may destroy the object: whoever woke it touches it no more once all that waited go on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace coro {
struct barrier_call;
}

namespace sync {
struct latch_core;
struct barrier_core;
struct event_core;
}  // namespace sync

/// Counts down to zero, once; then all that wait go on.
class latch {
public:
    /// `expected` must lie between 0 and max().
    constexpr explicit latch(std::ptrdiff_t expected) noexcept
        : word_(static_cast<std::uint64_t>(expected) * one) {}
    latch(const latch&) = delete;
    latch& operator=(const latch&) = delete;
#ifdef NDEBUG
    ~latch() = default;
#else
    ~latch() { check_unused(); }
#endif

    /// The greatest count.
    static constexpr std::ptrdiff_t max() noexcept {
        return std::numeric_limits<std::ptrdiff_t>::max() / 2;
    }

    /// Aborts if `n` is negative or more than what is left.
    void count_down(std::ptrdiff_t n = 1) noexcept;

    /// Whether it is at zero. Never waits.
    [[nodiscard]] bool try_wait() const noexcept {
        return __atomic_load_n(&word_, __ATOMIC_ACQUIRE) < one;
    }

    /// Waits until it is at zero, however long that takes.
    void wait() const noexcept {
        if (!try_wait()) {
            wait_slow();
        }
    }

    /// As wait(), until the deadline or a stop.
    [[nodiscard]] result<void> wait(deadline until) const noexcept {
        if (try_wait()) {
            return {};
        }
        return wait_slow(until);
    }

    /// Counts down by `n`, then waits.
    void arrive_and_wait(std::ptrdiff_t n = 1) noexcept {
        count_down(n);
        wait();
    }

    /// As above; the wait ends at the deadline or a stop, what was counted down stays so.
    [[nodiscard]] result<void> arrive_and_wait(std::ptrdiff_t n, deadline until) noexcept {
        count_down(n);
        return wait(until);
    }

private:
    friend struct sync::latch_core;

    // word_ counts in steps of `one`; its lowest bit says that the queue is not empty.
    static constexpr std::uint64_t one = 2;

    void wait_slow() const noexcept;
    result<void> wait_slow(deadline until) const noexcept;
    void check_unused() const noexcept;

    mutable std::uint64_t word_;
    mutable sync::wait_queue queue_;
};

namespace sync {

/// What a barrier is, whatever is called when a phase is complete.
class barrier_base {
public:
    /// Of whoever has arrived: the phase that it may wait for. Move-only.
    class arrival_token {
    public:
        arrival_token(arrival_token&&) noexcept = default;
        arrival_token& operator=(arrival_token&&) noexcept = default;

    private:
        friend class barrier_base;
        friend struct barrier_core;

        explicit arrival_token(std::uint64_t number) noexcept : phase_(number) {}

        std::uint64_t phase_;
    };

    barrier_base(const barrier_base&) = delete;
    barrier_base& operator=(const barrier_base&) = delete;

    /// The greatest number of arrivals of a phase.
    static constexpr std::ptrdiff_t max() noexcept {
        return std::numeric_limits<std::ptrdiff_t>::max() / 2;
    }

    /// Until the phase is complete. Of that phase or the one before the present one.
    void wait(arrival_token&& token) const noexcept {
        if (!is_complete(token)) {
            wait_slow(token);
        }
    }

    /// As above, until the deadline or a stop. After a failure the token can be waited for again.
    [[nodiscard]] result<void> wait(arrival_token&& token, deadline until) const noexcept {
        if (is_complete(token)) {
            return {};
        }
        return wait_slow(token, until);
    }

protected:
    constexpr explicit barrier_base(std::ptrdiff_t expected) noexcept
        : expected_(expected), left_(expected) {}
#ifdef NDEBUG
    ~barrier_base() = default;
#else
    ~barrier_base() { check_unused(); }
#endif

    [[nodiscard]] bool is_complete(const arrival_token& token) const noexcept {
        return __atomic_load_n(&word_, __ATOMIC_ACQUIRE) / phase != token.phase_;
    }

    [[nodiscard]] arrival_token token() const noexcept {
        return arrival_token(__atomic_load_n(&word_, __ATOMIC_RELAXED) / phase);
    }

    /// True: these were the last ones; the caller completes the phase. Aborts if there are more
    /// than expected.
    bool count_arrivals(std::ptrdiff_t n) noexcept;
    /// One less in the phases after this one; the caller arrives after it.
    void drop_one() noexcept;
    /// Begins the next phase and wakes all that wait for this one.
    void complete_phase() noexcept;

private:
    friend struct barrier_core;
    friend struct coro::barrier_call;

    // word_ counts the phases in steps of `phase`; its lowest bit says that the queue is not empty.
    static constexpr std::uint64_t phase = 2;

    void wait_slow(const arrival_token& token) const noexcept;
    result<void> wait_slow(const arrival_token& token, deadline until) const noexcept;
    void check_unused() const noexcept;

    mutable std::uint64_t word_ = 0;
    mutable wait_queue queue_;
    std::ptrdiff_t expected_;
    std::ptrdiff_t left_;  // of this phase
};

struct no_completion {
    void operator()() const noexcept {}
};

}  // namespace sync

/// Lets a group go on together, again and again. When the last of a phase arrives it calls the
/// completion, which must not throw; then all that wait go on and the next phase begins. It is
/// called by a coroutine, too, so it must not block if coroutines take part.
template <class CompletionFunction = sync::no_completion>
class barrier : public sync::barrier_base {
    static_assert(std::is_nothrow_invocable_v<CompletionFunction&>);

public:
    /// `expected` must lie between 0 and max().
    constexpr explicit barrier(std::ptrdiff_t expected,
                               CompletionFunction completion = CompletionFunction())
        : barrier_base(expected), completion_(std::move(completion)) {}

    /// Arrives `n` times. Waiting is up to the caller: wait(std::move(token)).
    [[nodiscard]] arrival_token arrive(std::ptrdiff_t n = 1) {
        // Before it arrives: the phase cannot be complete without it.
        arrival_token mine = token();
        if (count_arrivals(n)) {
            completion_();
            complete_phase();
        }
        return mine;
    }

    /// Arrives once and waits until the phase is complete, however long that takes.
    void arrive_and_wait() { wait(arrive()); }

    /// The wait ends at the deadline or a stop. The caller has arrived, then too: the phase may be
    /// completed without anything more of it. It must not arrive again before it is; who wants to
    /// know when that is keeps the token: arrive(), then wait(token, until) as often as it likes.
    [[nodiscard]] result<void> arrive_and_wait(deadline until) { return wait(arrive(), until); }

    /// Arrives, and is expected no more in the phases after this one. Does not wait.
    void arrive_and_drop() {
        drop_one();
        static_cast<void>(arrive());
    }

private:
    CompletionFunction completion_;
};

/// A switch: wait() waits while it is not set. Setting it lets all that wait go on, also if it is
/// reset at once; it stays set until then.
class event {
public:
    /// Off, or on.
    constexpr explicit event(bool set = false) noexcept : word_(set ? on : off) {}
    event(const event&) = delete;
    event& operator=(const event&) = delete;
#ifdef NDEBUG
    ~event() = default;
#else
    ~event() { check_unused(); }
#endif

    /// On, and all that wait go on. What was written before it is seen by them. Any thread; never
    /// waits.
    void set() noexcept;

    /// Those that wait() from now on wait again.
    void reset() noexcept { __atomic_fetch_and(&word_, ~on, __ATOMIC_ACQ_REL); }

    /// Whether it is on. Never waits.
    [[nodiscard]] bool is_set() const noexcept {
        return (__atomic_load_n(&word_, __ATOMIC_ACQUIRE) & on) != 0;
    }

    /// Waits until it is on, however long that takes.
    void wait() noexcept {
        if (!is_set()) {
            wait_slow();
        }
    }

    /// As wait(), until the deadline or a stop.
    [[nodiscard]] result<void> wait(deadline until) noexcept {
        if (is_set()) {
            return {};
        }
        return wait_slow(until);
    }

private:
    friend struct sync::event_core;

    // The lowest bit of word_ says that the queue is not empty.
    static constexpr std::uint64_t off = 0;
    static constexpr std::uint64_t on = 2;

    void wait_slow() noexcept;
    result<void> wait_slow(deadline until) noexcept;
    void check_unused() const noexcept;

    std::uint64_t word_;
    sync::wait_queue queue_;
};

}  // namespace weft
