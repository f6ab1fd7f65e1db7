// SPDX-License-Identifier: Apache-2.0
//
// shared_mutex and shared_timed_mutex: the standard ones for fibers, coroutines and plain threads,
// all on the same mutex at once: one writer or any number of readers. They work with
// std::shared_lock, std::unique_lock and their like; coroutines say `co_await co::lock(m)` and
// `co_await co::lock_shared(m)` (see <weft/co.h>).
//
// lock() and lock_shared() wait as long as it takes. With a deadline they report
// std::errc::timed_out or, when a stop is requested of what bounds the caller,
// std::errc::operation_canceled; the mutex can be used as before. What need not wait succeeds, also
// after the deadline or the stop.
//
// Order: first come, first served, among readers and writers alike. Whoever finds somebody waiting
// waits behind them, so a writer waits for the readers that came before it and no others, and a
// reader for no writer that came after it. Neighbours in the queue that are readers go on together.
// So do not lock_shared() twice: a writer that came in between would wait for the first and be
// waited for by the second.
//
// Cost: a lock and an unlock of either sort are one compare-and-swap each, inline, while nobody has
// to wait. Where somebody waits, an unlock hands the mutex over, which costs each turn a switch:
// for sections of a few dozen nanoseconds that are mostly writers' a weft::mutex is faster.
//
// Misuse: unlocking what is not locked aborts. Where NDEBUG is not defined, so do a writer's lock()
// of what it has locked, unlock() by a stranger, and destroying it while it is locked or waited
// for; who is a stranger among coroutines: see <weft/mutex.h>. Where the library was built without
// NDEBUG, so does a writer's lock_shared(). Readers leave no name. The last unlock may run beside
// nothing but the destructor.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>         // IWYU pragma: export (unique_lock)
#include <shared_mutex>  // IWYU pragma: export (shared_lock)

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace sync {
struct shared_mutex_core;
}

/// As std::shared_mutex: many readers, or one writer.
class shared_mutex {
public:
    constexpr shared_mutex() noexcept = default;
    shared_mutex(const shared_mutex&) = delete;
    shared_mutex& operator=(const shared_mutex&) = delete;
#ifdef NDEBUG
    ~shared_mutex() = default;
#else
    ~shared_mutex() { check_unused(); }
#endif

    /// Waits until the caller has it for writing, that is alone, however long that takes.
    void lock() noexcept {
#ifndef NDEBUG
        check_not_mine();
#endif
        if (!swap(0, writer, __ATOMIC_ACQUIRE)) {
            lock_slow();
        }
        note_owner();
    }

    /// As lock(), until the deadline or a stop.
    [[nodiscard]] result<void> lock(deadline until) noexcept {
#ifndef NDEBUG
        check_not_mine();
#endif
        if (!swap(0, writer, __ATOMIC_ACQUIRE)) {
            if (const result<void> outcome = lock_slow(until); !outcome) {
                return outcome;
            }
        }
        note_owner();
        return {};
    }

    /// Takes it for writing if nobody has it: never waits. Whether the caller has it now.
    [[nodiscard]] bool try_lock() noexcept {
        if (!swap(0, writer, __ATOMIC_ACQUIRE)) {
            return false;
        }
        note_owner();
        return true;
    }

    /// By the writer, who may be a fiber, a coroutine or a plain thread.
    void unlock() noexcept {
#ifndef NDEBUG
        check_owner();
#endif
        if (!swap(writer, 0, __ATOMIC_RELEASE)) {
            unlock_slow();
        }
    }

    /// Waits until the caller has it for reading, with others, however long that takes. Who reads
    /// must not lock it again: a writer that waits comes first, and both would wait for ever.
    void lock_shared() noexcept {
        if (!try_lock_shared()) {
            lock_shared_slow();
        }
    }

    /// As lock_shared(), until the deadline or a stop.
    [[nodiscard]] result<void> lock_shared(deadline until) noexcept {
        if (try_lock_shared()) {
            return {};
        }
        return lock_shared_slow(until);
    }

    /// Fails also while somebody waits.
    [[nodiscard]] bool try_lock_shared() noexcept {
        std::uint32_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        while ((seen & (writer | waiting)) == 0) {
            if (__atomic_compare_exchange_n(&word_, &seen, seen + reader, true, __ATOMIC_ACQUIRE,
                                            __ATOMIC_RELAXED)) {
                return true;
            }
        }
        return false;
    }

    /// By a reader. The last one lets a writer have it.
    void unlock_shared() noexcept {
        std::uint32_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        // The last one, if somebody waits for it, hands the mutex over.
        while (seen >= 2 * reader || seen == reader) {
            if (__atomic_compare_exchange_n(&word_, &seen, seen - reader, true, __ATOMIC_RELEASE,
                                            __ATOMIC_RELAXED)) {
                return;
            }
        }
        unlock_shared_slow();
    }

private:
    friend struct sync::shared_mutex_core;

    // Of word_, whose rules are in src/sync/shared_mutex.cpp; above them it counts the readers.
    static constexpr std::uint32_t writer = 1;
    static constexpr std::uint32_t waiting = 2;
    static constexpr std::uint32_t owner_known = 4;
    static constexpr std::uint32_t reader = 8;

    bool swap(std::uint32_t from, std::uint32_t to, int order) noexcept {
        return __atomic_compare_exchange_n(&word_, &from, to, false, order, __ATOMIC_RELAXED);
    }

    void lock_slow() noexcept;
    result<void> lock_slow(deadline until) noexcept;
    void unlock_slow() noexcept;
    void lock_shared_slow() noexcept;
    result<void> lock_shared_slow(deadline until) noexcept;
    void unlock_shared_slow() noexcept;

    // As with mutex, the owner is compared only if it left its name.
    void note_owner() noexcept {
#ifndef NDEBUG
        note_owner_checked();
#endif
    }
    void note_owner_checked() noexcept;
    void check_not_mine() const noexcept;
    void check_owner() const noexcept;
    void check_unused() const noexcept;

    std::uint32_t word_ = 0;
    std::uint32_t spins_ = 0;  // how long spinning paid lately
    sync::wait_queue queue_;
    const void* owner_ = nullptr;  // a writer
};

/// A shared_mutex with the waits of std::shared_timed_mutex; they return false also when a stop
/// ends the wait.
class shared_timed_mutex : public shared_mutex {
public:
    constexpr shared_timed_mutex() noexcept = default;

    /// Waits for `timeout` at most; whether the caller has it for writing now.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return try_lock() || lock(deadline(timeout)).has_value();
    }

    /// Waits until `when` at most; whether the caller has it for writing now.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(
        const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return try_lock() || lock(deadline::at(when)).has_value();
    }

    /// Waits for `timeout` at most; whether the caller has it for reading now.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_shared_for(
        const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return try_lock_shared() || lock_shared(deadline(timeout)).has_value();
    }

    /// Waits until `when` at most; whether the caller has it for reading now.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_shared_until(
        const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return try_lock_shared() || lock_shared(deadline::at(when)).has_value();
    }
};

}  // namespace weft
