// SPDX-License-Identifier: Apache-2.0
#include <weft/blocking.h>

#include <sched.h>

#include <exception>

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
    } catch (const std::exception&) {
        return;
    }
    const base::nanoseconds_t give_up =
        here->owner().preempts() ? base::now_ns() + longest_wait_for_spare : base::time_never;
    const std::uint64_t failures = threads.failures();
    while (!(aside_ = here->step_aside()) && !here->is_aside() && threads.failures() == failures &&
           base::now_ns() < give_up) {
        ::sched_yield();
    }
}

blocking_scope::~blocking_scope() {
    // In the child of a fork() that was made within, there is none.
    sched::kernel_thread* const here = sched::this_kernel_thread();
    if (aside_ && here != nullptr) {
        here->come_back();
    }
}

}  // namespace weft::detail
