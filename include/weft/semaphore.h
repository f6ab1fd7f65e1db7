// SPDX-License-Identifier: Apache-2.0
//
// counting_semaphore and binary_semaphore: the standard ones for fibers and plain threads
// (coroutines: `co_await co::acquire(semaphore)`), all on the same semaphore at once.
//
// acquire() waits as long as it takes. acquire(deadline) reports std::errc::timed_out or, when a
// stop is requested of what bounds the caller, std::errc::operation_canceled; no token is lost.
// What need not wait succeeds, also after the deadline or the stop.
//
// Cost: acquire and release are one compare-and-swap each, inline, while nobody waits. Order: first
// come, first served; release() hands its tokens to the waiters, and only what they do not need can
// be taken by others. A release() that made the last waiter go on touches the semaphore no more, so
// that waiter may destroy it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace sync {

struct semaphore_core;

/// What a semaphore is, whatever its maximum.
class semaphore_base {
public:
    semaphore_base(const semaphore_base&) = delete;
    semaphore_base& operator=(const semaphore_base&) = delete;

    void acquire() noexcept {
        if (!try_acquire()) {
            acquire_slow();
        }
    }

    /// As acquire(), until the deadline or a stop.
    [[nodiscard]] result<void> acquire(deadline until) noexcept {
        if (try_acquire()) {
            return {};
        }
        return acquire_slow(until);
    }

    /// Takes a token if there is one: never waits. Whether it did.
    [[nodiscard]] bool try_acquire() noexcept {
        std::uint64_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        while (seen >= token) {
            if (__atomic_compare_exchange_n(&word_, &seen, seen - token, true, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                return true;
            }
        }
        return false;
    }

    /// False if none could be had until then, or until a stop.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_acquire_until(
        const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return try_acquire() || acquire_slow(deadline::at(when)).has_value();
    }

    /// The same for `timeout` at most.
    template <class Rep, class Period>
    [[nodiscard]] bool try_acquire_for(const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return try_acquire() || acquire_slow(deadline(timeout)).has_value();
    }

protected:
    constexpr semaphore_base(std::ptrdiff_t tokens) noexcept
        : word_(static_cast<std::uint64_t>(tokens) * token) {}
#ifdef NDEBUG
    ~semaphore_base() = default;
#else
    ~semaphore_base() { check_unused(); }
#endif

    void release(std::ptrdiff_t count, std::ptrdiff_t max) noexcept {
        const auto added = static_cast<std::uint64_t>(count) * token;
        std::uint64_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        if ((seen & waiting) != 0 || count < 0 || count > max ||
            seen / token > static_cast<std::uint64_t>(max - count) ||
            !__atomic_compare_exchange_n(&word_, &seen, seen + added, false, __ATOMIC_RELEASE,
                                         __ATOMIC_RELAXED)) {
            release_slow(count, max);
        }
    }

private:
    friend struct semaphore_core;

    // word_ counts the tokens in steps of `token`; its lowest bit says that the queue is not empty.
    static constexpr std::uint64_t waiting = 1;
    static constexpr std::uint64_t token = 2;

    void acquire_slow() noexcept;
    result<void> acquire_slow(deadline until) noexcept;
    void release_slow(std::ptrdiff_t count, std::ptrdiff_t max) noexcept;
    void check_unused() const noexcept;

    std::uint64_t word_;
    wait_queue queue_;
};

}  // namespace sync

/// As std::counting_semaphore. Who releases need not have acquired.
template <std::ptrdiff_t LeastMaxValue = std::numeric_limits<std::ptrdiff_t>::max()>
class counting_semaphore : public sync::semaphore_base {
    static_assert(LeastMaxValue >= 0);

public:
    /// `tokens` must lie between 0 and max().
    constexpr explicit counting_semaphore(std::ptrdiff_t tokens) noexcept
        : semaphore_base(tokens) {}

    /// The most tokens that it can hold.
    static constexpr std::ptrdiff_t max() noexcept { return LeastMaxValue; }

    /// Adds `count` tokens; going beyond max() aborts.
    void release(std::ptrdiff_t count = 1) noexcept { semaphore_base::release(count, max()); }
};

/// Of one token at most.
using binary_semaphore = counting_semaphore<1>;

}  // namespace weft
