// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for a semaphore or a wait_group.
#include <weft/co.h>

#include "coro/queue_operation.h"
#include "sync/semaphore_core.h"
#include "sync/wait_group_core.h"

namespace weft::coro {

namespace {

using acquire_operation = queue_operation<sync::semaphore_core, sync::semaphore_base>;
using wait_operation = queue_operation<sync::wait_group_core, wait_group>;

}  // namespace

bool acquire_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    waited_ = true;
    return suspension_.emplace<acquire_operation>(*semaphore_, until_, coroutine).start();
}

bool acquire_awaiter::await_resume() noexcept {
    return !waited_ || suspension_.get<acquire_operation>().result();
}

bool wait_group_awaiter::await_ready() const noexcept {
    return group_->is_done();
}

bool wait_group_awaiter::await_suspend(std::coroutine_handle<> coroutine) noexcept {
    waited_ = true;
    return suspension_.emplace<wait_operation>(*group_, until_, coroutine).start();
}

bool wait_group_awaiter::await_resume() noexcept {
    return !waited_ || suspension_.get<wait_operation>().result();
}

}  // namespace weft::coro
