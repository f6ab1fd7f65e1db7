// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a mutex, or for a condition variable and then for its mutex.
#include <weft/co.h>

#include "base/assert.h"
#include "coro/lock_operation.h"
#include "sync/condition_core.h"
#include "sync/recursive_core.h"

namespace weft::coro {

namespace {

/// Waits for a notification, then goes on as a lock_operation.
class condition_operation final : public lock_operation {
public:
    condition_operation(condition_variable& cv, mutex& m, std::coroutine_handle<> coroutine,
                        deadline until, const sched::cancel_bounds* bounds) noexcept
        : lock_operation(&run, m, coroutine, until, bounds),
          condition_(&cv),
          node_(*this, has_single_waker()) {}

    /// As await_suspend. `lock` is the mutex's.
    bool start_wait(std::unique_lock<mutex>& lock) noexcept {
        sync::condition_core::enqueue(*condition_, node_);
        lock.unlock();
        if (suspend_bounded()) {
            return true;
        }
        return !notified_then_locked();
    }

    [[nodiscard]] result<void> notified() const noexcept {
        if (reason_ == sched::wake_reason::signalled) {
            return {};
        }
        return sync::failure(reason_, "wait");
    }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<condition_operation&>(self);
        if (me.locking_ ? me.woken() : me.notified_then_locked()) {
            me.resume_coroutine();
        }
    }

    /// True: the mutex is the coroutine's. False: it waits for it.
    bool notified_then_locked() noexcept {
        reason_ = resumed_bounded();
        sync::condition_core::finish(*condition_, node_);
        locking_ = true;
        return !start();
    }

    condition_variable* condition_;
    sync::wait_node node_;
    sched::wake_reason reason_{};
    bool locking_ = false;
};

}  // namespace

template <class Mutex>
bool mutex_wait<Mutex>::start(std::coroutine_handle<> coroutine,
                              const sched::cancel_bounds* bounds) noexcept {
    waited_ = true;
    mutex& inner = sync::mutex_core::inner(*object_);
    return suspension_.template emplace<lock_operation>(inner, coroutine, until_, bounds).start();
}

template <class Mutex>
result<void> mutex_wait<Mutex>::outcome() noexcept {
    if (!waited_) {
        return {};
    }
    return suspension_.template get<lock_operation>().outcome();
}

template class mutex_wait<mutex>;
template class mutex_wait<timed_mutex>;
template class mutex_wait<sync::recursive_mutex_base>;

bool recursive_wait::start_as(const void* task, std::coroutine_handle<> coroutine,
                              const sched::cancel_bounds* bounds) noexcept {
    task_ = sync::recursive_core::name_of_task(task);
    if (sync::recursive_core::is_owner(object(), task_)) {
        sync::recursive_core::again(object());
        task_ = nullptr;
        return false;
    }
    if (sync::mutex_core::inner(object()).try_lock()) {
        return false;
    }
    return start(coroutine, bounds);
}

result<void> recursive_wait::outcome_as_owner() noexcept {
    const result<void> ended = outcome();
    if (ended && task_ != nullptr) {
        sync::recursive_core::locked(object(), task_);
    }
    return ended;
}

bool condition_wait::start(std::coroutine_handle<> coroutine,
                           const sched::cancel_bounds* bounds) noexcept {
    WEFT_ASSERT(lock_->owns_lock(), "wait() on a condition variable without holding the lock");
    return suspension_
        .emplace<condition_operation>(*condition_, *lock_->mutex(), coroutine, until_, bounds)
        .start_wait(*lock_);
}

result<void> condition_wait::outcome() noexcept {
    *lock_ = std::unique_lock(*lock_->mutex(), std::adopt_lock);
    return suspension_.get<condition_operation>().notified();
}

}  // namespace weft::coro
