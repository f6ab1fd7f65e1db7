// SPDX-License-Identifier: Apache-2.0
//
// wait_group: waits until a number of things are done. add() before each is started, done() at the
// end of each, wait() for all; from fibers and plain threads (coroutines:
// `co_await co::wait(group)`).
//
// wait() waits as long as it takes. wait(deadline) reports std::errc::timed_out or, when a stop is
// requested of what bounds the caller, std::errc::operation_canceled.
//
// add() that takes the count away from zero must be ordered before the wait() that is to see it. A
// group may be used again when all its wait() have returned. The waiter may destroy the group: the
// done() that reached zero touches it no more once a waiter goes on.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace sync {
struct wait_group_core;
}

/// Counts what is left to be done. All calls at any time, from fibers and plain threads.
class wait_group {
public:
    /// So much is to be done.
    constexpr explicit wait_group(std::size_t count = 0) noexcept : word_(count * one) {}
    wait_group(const wait_group&) = delete;
    wait_group& operator=(const wait_group&) = delete;
#ifdef NDEBUG
    ~wait_group() = default;
#else
    ~wait_group() { check_unused(); }
#endif

    /// So much more is to be done. Never waits. Before the done() that belongs to it, and before
    /// those that it concerns begin to wait, unless something else is still to be done.
    void add(std::size_t count = 1) noexcept {
        __atomic_fetch_add(&word_, count * one, __ATOMIC_RELAXED);
    }

    /// Aborts if nothing is left to be done.
    void done() noexcept {
        std::uint64_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        if (seen < 2 * one || !__atomic_compare_exchange_n(&word_, &seen, seen - one, false,
                                                           __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
            done_slow();
        }
    }

    /// Whether nothing is left to be done now. Never waits.
    [[nodiscard]] bool is_done() const noexcept {
        return __atomic_load_n(&word_, __ATOMIC_ACQUIRE) < one;
    }

    /// Waits until nothing is left to be done, however long that takes.
    void wait() noexcept {
        if (!is_done()) {
            wait_slow();
        }
    }

    /// As wait(), until the deadline or a stop.
    [[nodiscard]] result<void> wait(deadline until) noexcept {
        if (is_done()) {
            return {};
        }
        return wait_slow(until);
    }

    /// False if something was left to be done at that time, or at a stop.
    template <class Clock, class Duration>
    [[nodiscard]] bool wait_until(const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return is_done() || wait_slow(deadline::at(when)).has_value();
    }

    /// False if something was left to be done after `timeout`, or at a stop.
    template <class Rep, class Period>
    [[nodiscard]] bool wait_for(const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return is_done() || wait_slow(deadline(timeout)).has_value();
    }

private:
    friend struct sync::wait_group_core;

    // word_ counts in steps of `one`; its lowest bit says that the queue is not empty.
    static constexpr std::uint64_t one = 2;

    void done_slow() noexcept;
    void wait_slow() noexcept;
    result<void> wait_slow(deadline until) noexcept;
    void check_unused() const noexcept;

    std::uint64_t word_;
    sync::wait_queue queue_;
};

}  // namespace weft
