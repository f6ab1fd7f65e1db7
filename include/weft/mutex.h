// SPDX-License-Identifier: Apache-2.0
//
// mutex, timed_mutex, recursive_mutex, recursive_timed_mutex, once_flag and call_once: the standard
// ones for fibers, coroutines and plain threads, all on the same object at once. A fiber that waits
// leaves its worker to others; a plain thread sleeps; a coroutine says `co_await co::lock(m)` (see
// <weft/co.h>). They work with std::lock_guard, std::unique_lock, std::scoped_lock and std::lock.
// The owner is the fiber, not the kernel thread: it may lock on one worker and unlock on another.
//
// lock() waits as long as it takes. lock(deadline) reports std::errc::timed_out or, when a stop is
// requested of what bounds the caller, std::errc::operation_canceled; the mutex can be used as
// before. What need not wait succeeds, also after the deadline or the stop.
//
// Cost: lock and unlock are one compare-and-swap each, inline, when nobody else wants the mutex; of
// a recursive one a call more, and no atomic change where the caller has it already.
// Order: waiters queue first come, first served, but a newcomer may take a free mutex before the
// waiter that was just woken for it, so that short sections do not cost a switch each. A waiter
// that lost its turn a few times that way is handed the mutex at the next unlock.
//
// Misuse: unlocking a mutex that is not locked aborts. Where NDEBUG is not defined, so do locking
// it twice, unlocking by a stranger, and destroying it while it is locked or waited for; a
// recursive one knows its owner always. Of a coroutine the owner is the task that was spawned, with
// all that it awaits; a library that was built with NDEBUG takes all coroutines for one owner and
// sees none of this among them. The last unlock() may run beside nothing but the destructor:
// unlock() touches nothing of the mutex once another can have it.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <functional>
#include <mutex>  // IWYU pragma: export (lock_guard, unique_lock, scoped_lock)
#include <utility>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/time.h>

namespace weft {

namespace sync {
struct mutex_core;
struct recursive_core;
struct once_core;
class once_run;
}  // namespace sync

/// As std::mutex. Not recursive.
class mutex {
public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
#ifdef NDEBUG
    ~mutex() = default;
#else
    ~mutex() { check_unused(); }
#endif

    /// Waits until the caller has it, however long that takes.
    void lock() noexcept {
#ifdef NDEBUG
        if (!take()) [[unlikely]] {
            lock_slow();
        }
#else
        lock_checked();
#endif
    }

    /// As lock(), until the deadline or a stop.
    [[nodiscard]] result<void> lock(deadline until) noexcept {
#ifdef NDEBUG
        if (take()) [[likely]] {
            return {};
        }
        return lock_slow(until);
#else
        return lock_checked(until);
#endif
    }

    /// Takes it if it is free: never waits. Whether the caller has it now.
    [[nodiscard]] bool try_lock() noexcept {
#ifdef NDEBUG
        return take() || try_lock_slow();
#else
        return try_lock_checked();
#endif
    }

    /// Lets another have it. By the fiber, coroutine or plain thread that locked it.
    void unlock() noexcept {
#ifndef NDEBUG
        check_owner();
#endif
        std::uint32_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        const bool nobody_to_wake = seen == locked || seen == (locked | waiting | woken);
        if (!nobody_to_wake || !__atomic_compare_exchange_n(&word_, &seen, seen & ~locked, false,
                                                            __ATOMIC_RELEASE, __ATOMIC_RELAXED))
            [[unlikely]] {
            unlock_slow();
        }
    }

private:
    friend struct sync::mutex_core;

    // Bits of word_; their rules are in src/sync/mutex.cpp.
    static constexpr std::uint32_t locked = 1;
    static constexpr std::uint32_t waiting = 2;
    static constexpr std::uint32_t woken = 4;
    static constexpr std::uint32_t starving = 8;
    static constexpr std::uint32_t owner_known = 16;

    // One compare-and-swap also where others wait: one that fails costs as much as one that does
    // not, and while a mutex is busy somebody always waits.
    bool take() noexcept {
        std::uint32_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        return (seen & locked) == 0 &&
               __atomic_compare_exchange_n(&word_, &seen, seen | locked, false, __ATOMIC_ACQUIRE,
                                           __ATOMIC_RELAXED);
    }

    void lock_slow() noexcept;
    result<void> lock_slow(deadline until) noexcept;
    bool try_lock_slow() noexcept;
    void unlock_slow() noexcept;

    // Code built with and without NDEBUG may share a mutex: the owner is compared only if the
    // locker left its name, which a bit of word_ says.
    void lock_checked() noexcept;
    result<void> lock_checked(deadline until) noexcept;
    bool try_lock_checked() noexcept;
    void check_not_mine() const noexcept;
    void check_owner() const noexcept;
    void check_unused() const noexcept;

    std::uint32_t word_ = 0;
    std::uint32_t spins_ = 0;  // how long spinning paid lately
    sync::wait_queue queue_;
    const void* owner_ = nullptr;
};

/// A mutex whose try_lock_for and try_lock_until are those of std::timed_mutex; they return false
/// also when a stop ends the wait.
class timed_mutex {
public:
    constexpr timed_mutex() noexcept = default;
#ifdef NDEBUG
    ~timed_mutex() = default;
#else
    ~timed_mutex() { check_unused(); }
#endif

    /// As mutex::lock().
    void lock() noexcept { mutex_.lock(); }
    /// As mutex::lock(until).
    [[nodiscard]] result<void> lock(deadline until) noexcept { return mutex_.lock(until); }
    /// As mutex::try_lock().
    [[nodiscard]] bool try_lock() noexcept { return mutex_.try_lock(); }
    /// As mutex::unlock().
    void unlock() noexcept { mutex_.unlock(); }

    /// Waits for `timeout` at most; whether the caller has it now.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return try_lock() || mutex_.lock(deadline(timeout)).has_value();
    }

    /// Waits until `when` at most; whether the caller has it now.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(
        const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return try_lock() || mutex_.lock(deadline::at(when)).has_value();
    }

private:
    friend struct sync::mutex_core;

    void check_unused() const noexcept;

    mutex mutex_;
};

namespace sync {

/// What recursive_mutex and recursive_timed_mutex are.
class recursive_mutex_base {
public:
    /// Waits until the caller has it, however long that takes. Who has it already does not wait,
    /// and has it once more.
    void lock() noexcept;
    /// As lock(), until the deadline or a stop.
    [[nodiscard]] result<void> lock(deadline until) noexcept;
    /// Takes it if it is free or the caller has it: never waits. Not in coroutines.
    [[nodiscard]] bool try_lock() noexcept;
    /// Aborts if the caller does not have it.
    void unlock() noexcept;

protected:
    constexpr recursive_mutex_base() noexcept = default;
#ifdef NDEBUG
    ~recursive_mutex_base() = default;
#else
    ~recursive_mutex_base() { check_unused(); }
#endif

private:
    friend struct sync::mutex_core;
    friend struct sync::recursive_core;

    void check_unused() const noexcept;

    mutex mutex_;
    const void* owner_ = nullptr;
    std::uint64_t depth_ = 0;  // the owner's
};

}  // namespace sync

/// Its owner may lock it again, and unlocks it as often. The owner is a fiber, a plain thread or,
/// with co::lock(), a spawned task together with all that it awaits; a coroutine cannot say
/// try_lock(), which does not know the task.
class recursive_mutex : public sync::recursive_mutex_base {
public:
    constexpr recursive_mutex() noexcept = default;
};

/// As recursive_mutex, with the waits of timed_mutex.
class recursive_timed_mutex : public sync::recursive_mutex_base {
public:
    constexpr recursive_timed_mutex() noexcept = default;

    /// Waits for `timeout` at most; whether the caller has it now, once more.
    template <class Rep, class Period>
    [[nodiscard]] bool try_lock_for(const std::chrono::duration<Rep, Period>& timeout) noexcept {
        return try_lock() || lock(deadline(timeout)).has_value();
    }

    /// Waits until `when` at most; whether the caller has it now, once more.
    template <class Clock, class Duration>
    [[nodiscard]] bool try_lock_until(
        const std::chrono::time_point<Clock, Duration>& when) noexcept {
        return try_lock() || lock(deadline::at(when)).has_value();
    }
};

/// See call_once().
class once_flag {
public:
    constexpr once_flag() noexcept = default;
    once_flag(const once_flag&) = delete;
    once_flag& operator=(const once_flag&) = delete;
#ifdef NDEBUG
    ~once_flag() = default;
#else
    ~once_flag() { check_unused(); }
#endif

private:
    friend struct sync::once_core;
    friend class sync::once_run;

    // Values of word_, whose lowest bit says that the queue is not empty.
    static constexpr std::uint64_t never = 0;    // nobody calls
    static constexpr std::uint64_t running = 2;  // somebody does
    static constexpr std::uint64_t done = 4;     // a call returned; this does not change any more

    [[nodiscard]] bool is_done() const noexcept {
        return (__atomic_load_n(&word_, __ATOMIC_ACQUIRE) & done) != 0;
    }

    void check_unused() const noexcept;

    std::uint64_t word_ = never;
    sync::wait_queue queue_;
    const void* runner_ = nullptr;  // who calls; null: nobody, or a coroutine that has no name
};

namespace sync {

/// The parts of a call_once(), for it and for co::call_once().
class once_run {
public:
    explicit once_run(once_flag& flag) noexcept : flag_(flag) {}
    once_run(const once_run&) = delete;
    once_run& operator=(const once_run&) = delete;
    /// If the caller was to call and did not succeed, another one may.
    ~once_run() {
        if (mine_) {
            end(once_flag::never);
        }
    }

    [[nodiscard]] bool is_done() const noexcept { return flag_.is_done(); }

    /// Waits for whoever calls now. True: the caller is to call. False: it is done.
    bool begin() noexcept;
    /// The same until a deadline or a stop.
    result<bool> begin(deadline until) noexcept;
    /// Does not wait. True: the caller is to call. False: somebody does, or it is done.
    bool try_begin() noexcept;

    void succeeded() noexcept {
        mine_ = false;
        end(once_flag::done);
    }

private:
    void end(std::uint64_t state) noexcept;

    once_flag& flag_;
    bool mine_ = false;
};

}  // namespace sync

/// Calls `callable(args...)` unless a call with this flag has returned before; waits for one that
/// runs. An exception leaves to the caller, and the next one calls. Aborts if a fiber or plain
/// thread comes back to the flag from inside of its own call; a coroutine where NDEBUG is not
/// defined. Cost: one load when it is done.
template <class Callable, class... Args>
    requires std::invocable<Callable, Args...>
void call_once(once_flag& flag, Callable&& callable, Args&&... args) {
    sync::once_run run(flag);
    if (!run.is_done() && run.begin()) {
        std::invoke(std::forward<Callable>(callable), std::forward<Args>(args)...);
        run.succeeded();
    }
}

/// As above, but waits for another's call only until the deadline or a stop. An own call takes as
/// long as it takes.
template <class Callable, class... Args>
    requires std::invocable<Callable, Args...>
[[nodiscard]] result<void> call_once(once_flag& flag, deadline until, Callable&& callable,
                                     Args&&... args) {
    sync::once_run run(flag);
    if (run.is_done()) {
        return {};
    }
    const result<bool> mine = run.begin(until);
    if (!mine) {
        return std::unexpected(mine.error());
    }
    if (*mine) {
        std::invoke(std::forward<Callable>(callable), std::forward<Args>(args)...);
        run.succeeded();
    }
    return {};
}

}  // namespace weft
