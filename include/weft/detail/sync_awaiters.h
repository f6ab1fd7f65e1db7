// SPDX-License-Identifier: Apache-2.0
//
// The awaiters of locks, semaphores and their like. The functions that return them are in
// <weft/co.h>.
//
//     queue_wait      waits in the queue of an object; src/coro/async_wait.cpp
//     mutex_wait      waits for a mutex, and recursive_wait for a recursive one;
//                     src/coro/async_lock.cpp
//     condition_wait  waits for a notification and then for the mutex; src/coro/async_lock.cpp
//     *_awaiter       one of these with what is tried before it waits and what the co_await gives
#pragma once

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <expected>
#include <mutex>
#include <shared_mutex>
#include <type_traits>
#include <utility>

#include <weft/condition_variable.h>
#include <weft/error.h>
#include <weft/latch.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>
#include <weft/shared_mutex.h>
#include <weft/task.h>
#include <weft/time.h>
#include <weft/wait_group.h>

namespace weft::coro {

/// Whether a wait is ended by what bounds the coroutine, or takes as long as it takes.
enum class bounded : bool { no, yes };

template <class Promise>
const sched::cancel_bounds* bounds_if(bounded how, std::coroutine_handle<Promise> coroutine) {
    return how == bounded::yes ? bounds_of(coroutine) : nullptr;
}

template <class Core, class Object>
class queue_wait {
public:
    queue_wait(Object& object, deadline until, std::uint8_t tag) noexcept
        : object_(&object), until_(until), tag_(tag) {}

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;
    result<void> outcome() noexcept;

    [[nodiscard]] Object& object() const noexcept { return *object_; }

private:
    Object* object_;
    deadline until_;
    std::uint8_t tag_;
    bool waited_ = false;
    suspension<160> suspension_;
};

template <class Mutex>
class mutex_wait {
public:
    mutex_wait(Mutex& m, deadline until, std::uint8_t /*tag*/ = 0) noexcept
        : object_(&m), until_(until) {}

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;
    result<void> outcome() noexcept;

    [[nodiscard]] Mutex& object() const noexcept { return *object_; }

private:
    Mutex* object_;
    deadline until_;
    bool waited_ = false;
    suspension<160> suspension_;
};

/// For `task`, which stands for all coroutines that a spawned one awaits.
class recursive_wait : public mutex_wait<sync::recursive_mutex_base> {
public:
    using mutex_wait::mutex_wait;

    bool start_as(const void* task, std::coroutine_handle<> coroutine,
                  const sched::cancel_bounds* bounds) noexcept;
    result<void> outcome_as_owner() noexcept;

private:
    const void* task_ = nullptr;  // null: it has the mutex once more
};

class condition_wait {
public:
    condition_wait(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until) noexcept
        : condition_(&cv), lock_(&lock), until_(until) {}

    bool start(std::coroutine_handle<> coroutine, const sched::cancel_bounds* bounds) noexcept;
    result<void> outcome() noexcept;

private:
    condition_variable* condition_;
    std::unique_lock<mutex>* lock_;
    deadline until_;
    suspension<208> suspension_;
};

// What is waited for: how, the tag of the node, and what is tried first.

struct acquire_call {
    using wait = queue_wait<sync::semaphore_core, sync::semaphore_base>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(sync::semaphore_base& s) noexcept { return s.try_acquire(); }
};

struct wait_group_call {
    using wait = queue_wait<sync::wait_group_core, wait_group>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(wait_group& group) noexcept { return group.is_done(); }
};

struct latch_call {
    using wait = queue_wait<sync::latch_core, const latch>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(const latch& l) noexcept { return l.try_wait(); }
};

struct event_call {
    using wait = queue_wait<sync::event_core, event>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(event& e) noexcept { return e.is_set(); }
};

struct once_call {
    using wait = queue_wait<sync::once_core, once_flag>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(once_flag&) noexcept { return false; }
};

struct barrier_call {
    using wait = queue_wait<sync::barrier_core, const sync::barrier_base>;
    static std::uint8_t tag_of(const sync::barrier_base::arrival_token& token) noexcept;
    static bool need_not_wait(const sync::barrier_base& b,
                              const sync::barrier_base::arrival_token& token) noexcept {
        return b.is_complete(token);
    }
};

struct shared_call {
    using wait = queue_wait<sync::shared_mutex_core, shared_mutex>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(shared_mutex& m) noexcept { return m.try_lock_shared(); }
};

struct exclusive_call {
    using wait = queue_wait<sync::shared_mutex_core, shared_mutex>;
    static constexpr std::uint8_t tag = 1;
    static bool need_not_wait(shared_mutex& m) noexcept { return m.try_lock(); }
};

template <class Mutex>
struct mutex_call {
    using wait = mutex_wait<Mutex>;
    static constexpr std::uint8_t tag = 0;
    static bool need_not_wait(Mutex& m) noexcept { return m.try_lock(); }
};

// What the co_await gives.

/// For what can fail in no way.
struct as_true {
    template <class Object>
    bool operator()(Object&, const result<void>&) const noexcept {
        return true;
    }
};

struct as_nothing {
    template <class Object>
    void operator()(Object&, const result<void>&) const noexcept {}
};

struct as_bool {
    template <class Object>
    bool operator()(Object&, const result<void>& ended) const noexcept {
        return ended.has_value();
    }
};

struct as_result {
    template <class Object>
    result<void> operator()(Object&, const result<void>& ended) const noexcept {
        return ended;
    }
};

template <class Lock>
struct as_lock {
    template <class Object>
    Lock operator()(Object& m, const result<void>&) const noexcept {
        return Lock(static_cast<typename Lock::mutex_type&>(m), std::adopt_lock);
    }
};

template <class Lock>
struct as_lock_result {
    template <class Object>
    result<Lock> operator()(Object& m, const result<void>& ended) const noexcept {
        if (!ended) {
            return std::unexpected(ended.error());
        }
        return as_lock<Lock>()(m, ended);
    }
};

template <class Call, class As>
class [[nodiscard]] sync_awaiter {
public:
    template <class Object>
    sync_awaiter(Object& object, deadline until, bounded how) noexcept
        : wait_(object, until, Call::tag), how_(how) {}

    [[nodiscard]] bool await_ready() noexcept { return Call::need_not_wait(wait_.object()); }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return wait_.start(coroutine, bounds_if(how_, coroutine));
    }
    auto await_resume() noexcept { return As()(wait_.object(), wait_.outcome()); }

private:
    typename Call::wait wait_;
    bounded how_;
};

template <class As>
class [[nodiscard]] barrier_awaiter {
public:
    barrier_awaiter(const sync::barrier_base& b, sync::barrier_base::arrival_token token,
                    deadline until, bounded how) noexcept
        : wait_(b, until, barrier_call::tag_of(token)), token_(std::move(token)), how_(how) {}

    [[nodiscard]] bool await_ready() noexcept {
        return barrier_call::need_not_wait(wait_.object(), token_);
    }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return wait_.start(coroutine, bounds_if(how_, coroutine));
    }
    auto await_resume() noexcept { return As()(wait_.object(), wait_.outcome()); }

private:
    barrier_call::wait wait_;
    sync::barrier_base::arrival_token token_;
    bounded how_;
};

/// The outermost of the coroutines that wait for this one.
template <class Promise>
const void* task_of(std::coroutine_handle<Promise> coroutine) noexcept {
    if constexpr (std::derived_from<Promise, promise_base>) {
        return coroutine.promise().outermost();
    } else {
        return coroutine.address();
    }
}

template <class As>
class [[nodiscard]] recursive_awaiter {
public:
    recursive_awaiter(sync::recursive_mutex_base& m, deadline until, bounded how) noexcept
        : wait_(m, until), how_(how) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return wait_.start_as(task_of(coroutine), coroutine, bounds_if(how_, coroutine));
    }
    auto await_resume() noexcept { return As()(wait_.object(), wait_.outcome_as_owner()); }

private:
    recursive_wait wait_;
    bounded how_;
};

enum class condition_result : std::uint8_t { status, error };

template <condition_result As>
class [[nodiscard]] condition_awaiter {
public:
    condition_awaiter(condition_variable& cv, std::unique_lock<mutex>& lock, deadline until,
                      bounded how) noexcept
        : wait_(cv, lock, until), how_(how) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return wait_.start(coroutine, bounds_if(how_, coroutine));
    }
    auto await_resume() noexcept {
        const result<void> notified = wait_.outcome();
        if constexpr (As == condition_result::error) {
            return notified;
        } else {
            return notified ? cv_status::no_timeout : cv_status::timeout;
        }
    }

private:
    condition_wait wait_;
    bounded how_;
};

template <class T>
inline constexpr bool is_task = false;
template <class T>
inline constexpr bool is_task<task<T>> = true;

}  // namespace weft::coro
