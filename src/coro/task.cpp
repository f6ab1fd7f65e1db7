// SPDX-License-Identifier: Apache-2.0
//
// Spawned tasks. The frame of the root coroutine is shared by the coroutine and its handle;
// released_ says which of them has let go, and the second frees it:
//   task      publishes its result (finished_), then lets go: its last touch
//   handle    waits for finished_, takes the result, lets go; or lets go at once (detach)
#include <weft/task.h>

#include <exception>

#include "base/assert.h"
#include "base/atomic.h"
#include "coro/operation.h"
#include "sched/current.h"
#include "sched/scheduler.h"

namespace weft::coro {

namespace {

constexpr std::uint32_t by_handle = 1;
constexpr std::uint32_t by_task = 2;

}  // namespace

void root_base::start(sched::scheduler* owner, std::coroutine_handle<> self) {
    owner_ = owner != nullptr ? owner : sched::current_scheduler();
    WEFT_ASSERT(owner_ != nullptr, "spawn() of a task on a plain thread: use runtime::spawn()");
    self_ = self;
    owner_->root_created();
    auto& first_run = suspension_.emplace<operation>(&resume_scheduled, self);
    first_run.set_task(this);
    first_run.schedule(*owner_);
}

void root_base::let_go() noexcept {
    const auto before = __atomic_fetch_or(&released_, by_handle, __ATOMIC_ACQ_REL);
    if ((before & by_task) != 0) {
        if (has_exception_) {
            std::terminate();
        }
        self_.destroy();
    }
}

void root_base::finish() noexcept {
    sched::scheduler& owner = *owner_;
    finished_.done();
    const auto before = __atomic_fetch_or(&released_, by_task, __ATOMIC_ACQ_REL);
    if ((before & by_handle) != 0) {
        if (has_exception_) {
            std::terminate();
        }
        self_.destroy();
    }
    owner.root_finished();
}

}  // namespace weft::coro
