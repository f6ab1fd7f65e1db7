// SPDX-License-Identifier: Apache-2.0
//
// operation: a suspended coroutine and the wait that will resume it. It lies in the awaiter, so in
// the coroutine's frame, and is gone when the coroutine goes on. The scheduler runs it on a
// worker's own stack; an operation that finds that it must wait again does so without resuming the
// coroutine.
//
// resume() runs a coroutine and whatever it hands over to, until one of them suspends.
#pragma once

#include <coroutine>

#include "sched/waiter.h"

namespace weft::coro {

/// Resumes `coroutine`, then what through_loop() left for this loop, and so on. The frame may be
/// gone when it returns. On a worker's own stack.
void resume(std::coroutine_handle<> coroutine) noexcept;

class operation : public sched::coroutine_waiter {
public:
    operation(run_fn run, std::coroutine_handle<> coroutine) noexcept
        : coroutine_waiter(run), coroutine_(coroutine) {}

    /// Ends the operation's life.
    void resume_coroutine() noexcept { resume(coroutine_); }

private:
    std::coroutine_handle<> coroutine_;
};

/// The run function of an operation that waits for nothing: it was scheduled, see reschedule().
void resume_scheduled(sched::coroutine_waiter& self) noexcept;

/// Queues `op` behind all that is runnable on this worker.
void reschedule(operation& op) noexcept;

}  // namespace weft::coro
