// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits until a call on one of weft's descriptors may succeed.
#pragma once

#include <cerrno>
#include <coroutine>

#include <weft/task.h>

#include "coro/operation.h"
#include "io/poll_descriptor.h"

namespace weft::coro {

/// Waits in one direction; derived classes say what is tried then.
class readiness_operation : public bounded_operation {
public:
    readiness_operation(run_fn run, std::coroutine_handle<> coroutine, deadline until,
                        const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(run, coroutine, until, bounds), wait_(*this) {}

    /// 0: try now. -EAGAIN: suspended, `this` may be gone. Else what went wrong, negated.
    int wait_until_ready(io::poll_descriptor& d, io::direction dir) noexcept {
        if (until().expired()) {
            return -ETIMEDOUT;
        }
        if (const int error = d.start_wait(dir, wait_)) {
            return error == EAGAIN ? 0 : -error;
        }
        return suspend_bounded() ? -EAGAIN : after_wait(d, dir);
    }

    /// 0: try now. Else what went wrong, negated.
    int after_wait(io::poll_descriptor& d, io::direction dir) noexcept {
        const sched::wake_reason reason = resumed_bounded();
        return -d.finish_wait(dir, wait_, reason);
    }

private:
    io::poll_wait wait_;
};

/// `co_await`: 0, or what went wrong, negated. After a try_ form of a call said -EAGAIN.
class readiness_awaiter {
public:
    readiness_awaiter(io::poll_descriptor& d, io::direction dir, deadline until) noexcept
        : descriptor_(d), dir_(dir), until_(until) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }

    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        const int waited = suspension_.emplace<wait>(*this, coroutine, bounds_of(coroutine))
                               .wait_until_ready(descriptor_, dir_);
        if (waited == -EAGAIN) {
            return true;
        }
        outcome_ = waited;
        return false;
    }

    [[nodiscard]] int await_resume() const noexcept { return outcome_; }

private:
    struct wait final : readiness_operation {
        wait(readiness_awaiter& awaiter, std::coroutine_handle<> coroutine,
             const sched::cancel_bounds* bounds) noexcept
            : readiness_operation(&run, coroutine, awaiter.until_, bounds), of(&awaiter) {}

        static void run(coroutine_waiter& self) noexcept {
            auto& me = static_cast<wait&>(self);
            me.of->outcome_ = me.after_wait(me.of->descriptor_, me.of->dir_);
            me.resume_coroutine();
        }

        readiness_awaiter* of;
    };

    io::poll_descriptor& descriptor_;
    const io::direction dir_;
    deadline until_;
    int outcome_ = 0;
    suspension<160> suspension_;
};

}  // namespace weft::coro
