// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for what a call on an engine needs.
#pragma once

#include <cerrno>
#include <coroutine>

#include <weft/task.h>
#include <weft/time.h>

#include "coro/operation.h"
#include "io/poll_descriptor.h"
#include "tls/engine.h"

namespace weft::tls {

class need_operation final : public coro::bounded_operation {
public:
    need_operation(engine& of, need n, std::coroutine_handle<> coroutine, deadline until,
                   const sched::cancel_bounds* bounds) noexcept
        : bounded_operation(&run, coroutine, until, bounds),
          engine_(&of),
          need_(n),
          place_(*this) {}

    /// As await_suspend.
    bool start() noexcept {
        if (until().expired()) {
            outcome_ = -ETIMEDOUT;
            return false;
        }
        if (need_ == need::turn) {
            if (!engine_->bell().start(*this)) {
                return false;
            }
        } else if (const int error = engine_->descriptor().start_wait(dir(), place_)) {
            outcome_ = error == EAGAIN ? 0 : -error;
            return false;
        }
        if (suspend_bounded()) {
            return true;
        }
        finish();
        return false;
    }

    /// 0, or what ended the wait, negated.
    [[nodiscard]] int outcome() const noexcept { return outcome_; }

private:
    static void run(coroutine_waiter& self) noexcept {
        auto& me = static_cast<need_operation&>(self);
        me.finish();
        me.resume_coroutine();
    }

    void finish() noexcept {
        const sched::wake_reason reason = resumed_bounded();
        if (need_ == need::turn) {
            engine_->bell().finish();
            outcome_ = error_of(reason);
        } else {
            outcome_ = -engine_->descriptor().finish_wait(dir(), place_, reason);
        }
    }

    [[nodiscard]] io::direction dir() const noexcept {
        return need_ == need::readable ? io::direction::read : io::direction::write;
    }

    engine* engine_;
    need need_;
    int outcome_ = 0;
    io::poll_wait place_;
};

class [[nodiscard]] need_awaiter {
public:
    need_awaiter(engine& of, need n, deadline until) noexcept
        : engine_(&of), need_(n), until_(until) {}

    [[nodiscard]] bool await_ready() const noexcept { return false; }
    template <class Promise>
    bool await_suspend(std::coroutine_handle<Promise> coroutine) noexcept {
        return wait_
            .emplace<need_operation>(*engine_, need_, coroutine, until_, coro::bounds_of(coroutine))
            .start();
    }
    /// 0, or what ended the wait, negated.
    [[nodiscard]] int await_resume() noexcept { return wait_.get<need_operation>().outcome(); }

private:
    engine* engine_;
    need need_;
    deadline until_;
    coro::suspension<sizeof(need_operation)> wait_;
};

}  // namespace weft::tls
