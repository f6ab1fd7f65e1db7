// SPDX-License-Identifier: Apache-2.0
#include <weft/blocking.h>

#include <sched.h>

#include <weft/detail/cancel_scope.h>
#include <weft/fiber_local.h>

#include <exception>
#include <system_error>
#include <utility>

#include "base/clock.h"
#include "base/thread_block.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::detail {

namespace {

// Where fibers are preempted. To start a kernel thread takes 50 us, unless the allocator's lock is
// held by one that is suspended, and waits for the very worker that waits here. The monitor takes
// the role then.
constexpr base::nanoseconds_t brief_wait_for_spare = 2'000'000;
// For who cannot do without, and is preempted meanwhile: on the most loaded machine.
constexpr base::nanoseconds_t long_wait_for_spare = 10'000'000'000;

}  // namespace

blocking_scope::blocking_scope(patience for_spare) noexcept {
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
    const base::nanoseconds_t longest =
        for_spare == patience::brief ? brief_wait_for_spare : long_wait_for_spare;
    const base::nanoseconds_t give_up =
        here->owner().preempts() ? base::now_ns() + longest : base::time_never;
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

// The kernel thread has no role, so nobody but itself touches its block.
pinned_scope::pinned_scope() {
    sched::kernel_thread* const here = sched::this_kernel_thread();
    if (here == nullptr) {
        return;
    }
    if (!here->is_aside()) {
        throw std::system_error(
            std::make_error_code(std::errc::resource_unavailable_try_again),
            "weft::pinned: the runtime has no kernel thread to spare (most_kernel_threads)");
    }
    const sched::cancel_bounds* const bounds = sched::current_bounds();
    const base::preemption_disabled in;
    base::thread_block& block = base::this_thread_block();
    block.hidden_thread = std::exchange(block.thread, nullptr);
    block.hidden_fiber = std::exchange(block.fiber, nullptr);
    bounds_before_ = std::exchange(block.bounds, bounds);
    role_was_lost_ = block.role_lost.load(base::relaxed);
    block.role_lost.store(false, base::relaxed);
    hides_ = true;
}

pinned_scope::~pinned_scope() {
    base::thread_block& block = base::this_thread_block();
    // In the child of a fork() that was made within, the thread is a plain one (hooks.cpp).
    if (!hides_ || block.hidden_thread == nullptr) {
        return;
    }
    remove_locals();  // other fibers come to this thread
    const base::preemption_disabled in;
    block.role_lost.store(role_was_lost_, base::relaxed);
    block.bounds = bounds_before_;
    block.fiber = std::exchange(block.hidden_fiber, nullptr);
    block.thread = std::exchange(block.hidden_thread, nullptr);
}

}  // namespace weft::detail
