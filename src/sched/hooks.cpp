// SPDX-License-Identifier: Apache-2.0
#include "sched/hooks.h"

#include <cstdio>

#include "base/assert.h"
#include "context/overflow.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

namespace {

unsigned long describe(char* buffer, unsigned long size) noexcept {
    const fiber_block* const fiber = this_fiber_block();
    if (fiber == nullptr) {
        return 0;
    }
    const int n = std::snprintf(buffer, size, "fiber '%s' (#%llu)", fiber->name(),
                                static_cast<unsigned long long>(fiber->id()));
    return n < 0 ? 0 : std::min(static_cast<unsigned long>(n), size - 1);
}

bool current_stack(context::stack_bounds& bounds) noexcept {
    const fiber_block* const fiber = this_fiber_block();
    if (fiber == nullptr) {
        return false;
    }
    const context::stack& stack = fiber->current_stack();
    // Every pool guards its stacks by the same number of pages.
    const std::size_t guard = this_kernel_thread()->owner().default_stacks().guard_size();
    bounds = {.base = stack.base, .guard = guard, .size = stack.size};
    return true;
}

}  // namespace

void install_hooks() noexcept {
    base::set_describe_current(&describe);
    context::set_current_stack_hook(&current_stack);
    context::install_overflow_handler();
}

}  // namespace weft::sched
