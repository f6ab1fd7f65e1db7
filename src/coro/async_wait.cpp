// SPDX-License-Identifier: Apache-2.0
//
// A coroutine that waits for what has a queue and one wake-up for each wait.
#include <weft/co.h>

#include "coro/queue_operation.h"
#include "sync/latch_core.h"
#include "sync/once_core.h"
#include "sync/semaphore_core.h"
#include "sync/shared_mutex_core.h"
#include "sync/wait_group_core.h"

namespace weft::coro {

template <class Core, class Object>
bool queue_wait<Core, Object>::start(std::coroutine_handle<> coroutine,
                                     const sched::cancel_bounds* bounds) noexcept {
#ifndef NDEBUG
    if constexpr (requires { Core::check_caller(*object_); }) {
        Core::check_caller(*object_);
    }
#endif
    waited_ = true;
    using queued = queue_operation<Core, Object>;
    return suspension_.template emplace<queued>(*object_, coroutine, until_, bounds, tag_).start();
}

template <class Core, class Object>
result<void> queue_wait<Core, Object>::outcome() noexcept {
    if (!waited_) {
        return {};
    }
    const result<void> ended = suspension_.template get<queue_operation<Core, Object>>().outcome();
#ifndef NDEBUG
    if constexpr (requires { Core::note_success(*object_, tag_); }) {
        if (ended) {
            Core::note_success(*object_, tag_);
        }
    }
#endif
    return ended;
}

template class queue_wait<sync::semaphore_core, sync::semaphore_base>;
template class queue_wait<sync::wait_group_core, wait_group>;
template class queue_wait<sync::latch_core, const latch>;
template class queue_wait<sync::barrier_core, const sync::barrier_base>;
template class queue_wait<sync::event_core, event>;
template class queue_wait<sync::once_core, once_flag>;
template class queue_wait<sync::shared_mutex_core, shared_mutex>;

static_assert(shared_call::tag == sync::shared_mutex_core::shared);
static_assert(exclusive_call::tag == sync::shared_mutex_core::exclusive);

std::uint8_t barrier_call::tag_of(const sync::barrier_base::arrival_token& token) noexcept {
    return sync::barrier_core::tag_of(token);
}

bool wait_group_awaiter::await_ready() const noexcept {
    return group_->is_done();
}

bool wait_group_awaiter::start(std::coroutine_handle<> coroutine,
                               const sched::cancel_bounds* bounds) noexcept {
    waited_ = true;
    using queued = queue_operation<sync::wait_group_core, wait_group>;
    return suspension_.emplace<queued>(*group_, coroutine, until_, bounds).start();
}

result<void> wait_group_awaiter::outcome() noexcept {
    if (!waited_) {
        return {};
    }
    using queued = queue_operation<sync::wait_group_core, wait_group>;
    return suspension_.get<queued>().outcome();
}

}  // namespace weft::coro
