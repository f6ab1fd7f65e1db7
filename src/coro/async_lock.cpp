// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a mutex, or for a condition variable and then for its mutex.
#include <weft/co.h>

#include "base/assert.h"
#include "coro/lock_operation.h"
#include "sync/condition_core.h"

namespace weft::coro {

namespace {

/// Waits for a notification, then goes on as a lock_operation.
class condition_operation final : public lock_operation {
public:
    condition_operation(condition_variable& cv, mutex& m, deadline until,
                        std::coroutine_handle<> coroutine) noexcept
        : lock_operation(&run, m, coroutine),
          condition_(&cv),
          until_(until),
          node_(*this, until.is_never()) {}

    /// As await_suspend. `lock` is the mutex's.
    bool start_wait(std::unique_lock<mutex>& lock) noexcept {
        sync::condition_core::enqueue(*condition_, node_);
        lock.unlock();
        if (suspend(until_.nanoseconds())) {
            return true;
        }
        return !notified_then_locked();
    }

    [[nodiscard]] cv_status status() const noexcept { return status_; }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<condition_operation&>(self);
        if (me.locking_ ? me.woken() : me.notified_then_locked()) {
            me.resume_coroutine();
        }
    }

    /// True: the mutex is the coroutine's. False: it waits for it.
    bool notified_then_locked() noexcept {
        if (resumed() == sched::wake_reason::timed_out) {
            status_ = cv_status::timeout;
        }
        sync::condition_core::finish(*condition_, node_);
        locking_ = true;
        return !start();
    }

    condition_variable* condition_;
    deadline until_;
    sync::wait_node node_;
    cv_status status_ = cv_status::no_timeout;
    bool locking_ = false;
};

}  // namespace

bool lock_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    return suspension_.emplace<lock_operation>(*mutex_, coroutine).start();
}

bool condition_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    WEFT_ASSERT(lock_->owns_lock(), "wait() on a condition variable without holding the lock");
    return suspension_.emplace<condition_operation>(*condition_, *lock_->mutex(), until_, coroutine)
        .start_wait(*lock_);
}

cv_status condition_awaiter::await_resume() noexcept {
    *lock_ = std::unique_lock(*lock_->mutex(), std::adopt_lock);
    return suspension_.get<condition_operation>().status();
}

}  // namespace weft::coro
