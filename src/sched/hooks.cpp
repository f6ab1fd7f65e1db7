// SPDX-License-Identifier: Apache-2.0
#include "sched/hooks.h"

#include <pthread.h>

#include <cstdio>

#include "base/assert.h"
#include "context/overflow.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

namespace {

/// Also of one that is hidden by weft::pinned().
const fiber_block* fiber_on_this_stack() noexcept {
    const fiber_block* const fiber = this_fiber_block();
    return fiber != nullptr ? fiber
                            : static_cast<fiber_block*>(base::this_thread_block().hidden_fiber);
}

unsigned long describe(char* buffer, unsigned long size) noexcept {
    const fiber_block* const fiber = fiber_on_this_stack();
    int n = 0;
    if (fiber != nullptr) {
        n = std::snprintf(buffer, size, "fiber '%s' (#%llu)", fiber->name(),
                          static_cast<unsigned long long>(fiber->id()));
    } else if (this_kernel_thread() != nullptr) {
        n = std::snprintf(buffer, size, "a coroutine, or the scheduler");
    }
    return n < 0 ? 0 : std::min(static_cast<unsigned long>(n), size - 1);
}

bool current_stack(context::stack_bounds& bounds) noexcept {
    const fiber_block* const fiber = fiber_on_this_stack();
    if (fiber == nullptr) {
        return false;
    }
    const context::stack& stack = fiber->current_stack();
    // Every pool guards its stacks by the same number of pages.
    const kernel_thread* const thread =
        this_kernel_thread() != nullptr
            ? this_kernel_thread()
            : static_cast<kernel_thread*>(base::this_thread_block().hidden_thread);
    const std::size_t guard = thread->owner().default_stacks().guard_size();
    bounds = {.base = stack.base, .guard = guard, .size = stack.size};
    return true;
}

/// Of the child's only thread, which may have been a worker's: none of the others is there, so it
/// is a plain thread from now on, on whatever stack it runs.
void be_a_plain_thread() noexcept {
    base::thread_block& block = base::this_thread_block();
    // First: it makes the tick's handler do nothing. The child inherits no signals, but
    // ThreadSanitizer hands over here, at the next atomic operation, one that it had kept back from
    // the parent.
    block.thread = nullptr;
    block.worker.store(nullptr, base::relaxed);
    block.fiber = nullptr;
    block.hidden_fiber = nullptr;
    block.hidden_thread = nullptr;
    block.preempt_count.store(0, base::relaxed);
    block.role_lost.store(false, base::relaxed);
    block.need_resched.store(0, base::relaxed);
}

}  // namespace

void install_hooks() noexcept {
    [[maybe_unused]] static const int once = ::pthread_atfork(nullptr, nullptr, &be_a_plain_thread);
    base::set_describe_current(&describe);
    context::set_current_stack_hook(&current_stack);
    context::install_overflow_handler();
}

}  // namespace weft::sched
