// SPDX-License-Identifier: Apache-2.0
#include <weft/blocking.h>

#include <sched.h>

#include <system_error>

#include "base/clock.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::detail {

namespace {

// Where fibers are preempted. To start a kernel thread takes 50 us, unless the allocator's lock is
// held by one that is suspended, and waits for the very worker that waits here. The monitor takes
// the role then.
constexpr base::nanoseconds_t longest_wait_for_spare = 2'000'000;

}  // namespace

blocking_scope::blocking_scope() noexcept {
    sched::kernel_thread* const here = sched::this_kernel_thread();
    if (here == nullptr) {
        return;
    }
    sched::kernel_threads& threads = here->owner().threads();
    try {
        threads.start_maker();
    } catch (const std::system_error&) {
        return;
    }
    const base::nanoseconds_t give_up =
        here->owner().preempts() ? base::now_ns() + longest_wait_for_spare : base::time_never;
    while (!(aside_ = here->step_aside()) && !here->is_aside() && !threads.at_cap() &&
           base::now_ns() < give_up) {
        ::sched_yield();
    }
}

blocking_scope::~blocking_scope() {
    if (aside_) {
        sched::this_kernel_thread()->come_back();
    }
}

}  // namespace weft::detail
