// SPDX-License-Identifier: Apache-2.0
#include "coro/operation.h"

#include <weft/task.h>

#include "base/assert.h"
#include "sched/current.h"

namespace weft::coro {

namespace {

/// The innermost resume() on this kernel thread, and the coroutine that it shall go on with.
struct loop {
    std::coroutine_handle<> next;
    loop* outer;
};

thread_local constinit loop* current_loop = nullptr;

}  // namespace

// These two never suspend, so the address of a thread-local does not go stale inside of them; and
// they are not inlined into functions in which it would.
[[gnu::noinline]] void resume(std::coroutine_handle<> coroutine) noexcept {
    loop here{.next = nullptr, .outer = current_loop};
    current_loop = &here;
    do {
        here.next = nullptr;
        coroutine.resume();
        coroutine = here.next;
    } while (coroutine);
    current_loop = here.outer;
}

[[gnu::noinline]] std::coroutine_handle<> through_loop(std::coroutine_handle<> next) noexcept {
    if (current_loop == nullptr) {
        return next;
    }
    current_loop->next = next;
    return std::noop_coroutine();
}

void resume_scheduled(sched::coroutine_waiter& self) noexcept {
    static_cast<operation&>(self).resume_coroutine();
}

void reschedule(operation& op) noexcept {
    sched::scheduler* const here = sched::current_scheduler();
    WEFT_ASSERT(here != nullptr, "a coroutine that waits must run on a runtime");
    op.schedule(*here);
}

}  // namespace weft::coro
