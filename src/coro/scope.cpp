// SPDX-License-Identifier: Apache-2.0
#include <weft/scope.h>

#include "sched/cancellable_wait.h"
#include "sched/current.h"

namespace weft {

scope::scope(sched::scheduler* owner, const sched::cancel_bounds* outer)
    : owner_(owner),
      bounds_{.token = source_.get_token(),
              .watch = nullptr,
              .until = outer != nullptr ? outer->until : deadline::never(),
              .fuse = outer != nullptr ? outer->fuse : nullptr},
      outer_(outer != nullptr ? outer->token : std::stop_token(), forward{this}) {}

scope::~scope() = default;

void scope::fail(std::exception_ptr exception) noexcept {
    if (__atomic_exchange_n(&failed_, 1u, __ATOMIC_RELAXED) == 0) {
        first_ = std::move(exception);
    }
    request_stop();
}

void scope::rethrow_first() {
    if (first_ != nullptr) {
        std::rethrow_exception(std::exchange(first_, nullptr));
    }
}

void scope::launch(task<> child) {
    children_.add();
    try {
        coro::spawn_on(owner_, std::move(child)).detach();
    } catch (...) {
        children_.done();
        throw;
    }
}

namespace this_fiber {

std::stop_token get_stop_token() noexcept {
    const sched::cancel_bounds* const bounds = sched::current_bounds();
    return bounds != nullptr ? bounds->token : std::stop_token();
}

bool stop_requested() noexcept {
    const sched::cancel_bounds* const bounds = sched::current_bounds();
    return bounds != nullptr && bounds->token.stop_requested();
}

deadline get_deadline() noexcept {
    const sched::cancel_bounds* const bounds = sched::current_bounds();
    return bounds != nullptr ? bounds->until : deadline::never();
}

}  // namespace this_fiber

}  // namespace weft
