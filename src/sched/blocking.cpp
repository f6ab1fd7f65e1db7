// SPDX-License-Identifier: Apache-2.0
#include <weft/blocking.h>

#include <sched.h>
#include <unistd.h>

#include <weft/detail/cancel_scope.h>

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
    thread_ = std::exchange(block.thread, nullptr);
    fiber_ = std::exchange(block.fiber, nullptr);
    block.bounds = bounds;
    process_ = ::getpid();
    role_was_lost_ = block.role_lost.load(base::relaxed);
    block.role_lost.store(false, base::relaxed);
}

pinned_scope::~pinned_scope() {
    // In the child of a fork() that was made within, the thread is a plain one.
    if (thread_ == nullptr || process_ != ::getpid()) {
        return;
    }
    const base::preemption_disabled in;
    base::thread_block& block = base::this_thread_block();
    block.role_lost.store(role_was_lost_, base::relaxed);
    block.bounds = nullptr;
    block.fiber = fiber_;
    block.thread = thread_;
}

}  // namespace weft::detail
