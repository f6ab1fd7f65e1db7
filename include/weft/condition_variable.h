// SPDX-License-Identifier: Apache-2.0
//
// condition_variable: std::condition_variable for fibers and plain threads (coroutines:
// `co_await co::wait(cv, lock)`), with weft::mutex. Waits with a stop token are those of
// std::condition_variable_any; in a coroutine that is a bound around the wait, whose result then
// says std::errc::operation_canceled:
//
//     co_await co::with_stop_token(token, co::wait(cv, lock, deadline::never(), predicate));
//
// wait(lock, deadline, predicate) reports std::errc::timed_out or, when a stop is requested of what
// bounds the caller, std::errc::operation_canceled. Waits of the standard that can end without a
// notification end at such a stop, too, as if their time were over. After each the lock is held.
//
// Waiters are woken first come, first served. As with the standard one, wait() may return without
// a reason, so wait with a predicate. Time is measured by the steady clock; a wait_until on another
// clock is converted when it begins.
//
// notify_one() and notify_all() cost one load when nobody waits. They may be called with or without
// the mutex; whoever changes the condition must hold the mutex while changing it. If a woken waiter
// may destroy the condition variable, notify under the mutex.
#pragma once

#include <chrono>
#include <condition_variable>  // IWYU pragma: export (std::cv_status)
#include <mutex>
#include <stop_token>
#include <utility>

#include <weft/detail/wait_queue.h>
#include <weft/error.h>
#include <weft/mutex.h>
#include <weft/time.h>

namespace weft {

using std::cv_status;

namespace sync {
struct condition_core;
}

/// As std::condition_variable, for weft::mutex. Thread-safe.
class condition_variable {
public:
    constexpr condition_variable() noexcept = default;
    condition_variable(const condition_variable&) = delete;
    condition_variable& operator=(const condition_variable&) = delete;
#ifdef NDEBUG
    ~condition_variable() = default;
#else
    ~condition_variable() { check_unused(); }
#endif

    /// Wakes the one that has waited longest.
    void notify_one() noexcept {
        if (__atomic_load_n(&queue_.head, __ATOMIC_RELAXED) != nullptr) {
            notify_one_slow();
        }
    }

    /// Wakes all that wait now.
    void notify_all() noexcept {
        if (__atomic_load_n(&queue_.head, __ATOMIC_RELAXED) != nullptr) {
            notify_all_slow();
        }
    }

    /// Unlocks `lock`, waits for a notification, and locks it again, however long that takes. May
    /// return without a reason. The caller must have the lock; no stop ends this wait.
    void wait(std::unique_lock<mutex>& lock) { wait_once(lock); }

    /// Waits until `satisfied()`, which is called under the lock, also before the first wait. What
    /// it throws leaves, with the lock held.
    template <class Predicate>
    void wait(std::unique_lock<mutex>& lock, Predicate satisfied) {
        while (!satisfied()) {
            wait_once(lock);
        }
    }

    /// Until the deadline or a stop. Succeeds if `satisfied()` holds at the end.
    template <class Predicate>
    [[nodiscard]] result<void> wait(std::unique_lock<mutex>& lock, deadline until,
                                    Predicate satisfied) {
        while (!satisfied()) {
            if (const result<void> notified = wait_once(lock, until); !notified) {
                return satisfied() ? result<void>() : notified;
            }
        }
        return {};
    }

    /// As wait(lock), until `when`: cv_status::timeout if that, or a stop, came first.
    template <class Clock, class Duration>
    cv_status wait_until(std::unique_lock<mutex>& lock,
                         const std::chrono::time_point<Clock, Duration>& when) {
        return status(wait_once(lock, deadline::at(when)));
    }

    /// Whether `satisfied()` holds at the end.
    template <class Clock, class Duration, class Predicate>
    bool wait_until(std::unique_lock<mutex>& lock,
                    const std::chrono::time_point<Clock, Duration>& when, Predicate satisfied) {
        return wait(lock, deadline::at(when), std::move(satisfied)).has_value();
    }

    /// As wait(lock), for `timeout` at most: cv_status::timeout if that, or a stop, came first.
    template <class Rep, class Period>
    cv_status wait_for(std::unique_lock<mutex>& lock,
                       const std::chrono::duration<Rep, Period>& timeout) {
        return status(wait_once(lock, deadline(timeout)));
    }

    /// As above, for `timeout` at most. Whether `satisfied()` holds at the end.
    template <class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<mutex>& lock, const std::chrono::duration<Rep, Period>& timeout,
                  Predicate satisfied) {
        return wait(lock, deadline(timeout), std::move(satisfied)).has_value();
    }

    /// Ends also when a stop is requested. Whether `satisfied()` holds at the end.
    template <class Predicate>
    bool wait(std::unique_lock<mutex>& lock, std::stop_token stop, Predicate satisfied) {
        return wait_stoppable(lock, stop, deadline::never(), std::move(satisfied));
    }

    /// As above, and ends at `when` as well. Whether `satisfied()` holds at the end.
    template <class Clock, class Duration, class Predicate>
    bool wait_until(std::unique_lock<mutex>& lock, std::stop_token stop,
                    const std::chrono::time_point<Clock, Duration>& when, Predicate satisfied) {
        return wait_stoppable(lock, stop, deadline::at(when), std::move(satisfied));
    }

    /// As above, for `timeout` at most. Whether `satisfied()` holds at the end.
    template <class Rep, class Period, class Predicate>
    bool wait_for(std::unique_lock<mutex>& lock, std::stop_token stop,
                  const std::chrono::duration<Rep, Period>& timeout, Predicate satisfied) {
        return wait_stoppable(lock, stop, deadline(timeout), std::move(satisfied));
    }

private:
    friend struct sync::condition_core;

    static cv_status status(const result<void>& notified) noexcept {
        return notified ? cv_status::no_timeout : cv_status::timeout;
    }

    template <class Predicate>
    bool wait_stoppable(std::unique_lock<mutex>& lock, const std::stop_token& stop, deadline until,
                        Predicate satisfied) {
        while (!stop.stop_requested()) {
            if (satisfied()) {
                return true;
            }
            if (!wait_once(lock, stop, until)) {
                return satisfied();
            }
        }
        return satisfied();
    }

    void wait_once(std::unique_lock<mutex>& lock);
    result<void> wait_once(std::unique_lock<mutex>& lock, deadline until);
    result<void> wait_once(std::unique_lock<mutex>& lock, const std::stop_token& stop,
                           deadline until);
    void notify_one_slow() noexcept;
    void notify_all_slow() noexcept;
    void check_unused() const noexcept;

    sync::wait_queue queue_;
};

}  // namespace weft
