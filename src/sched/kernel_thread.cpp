// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_thread.h"

#include "context/overflow.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

void kernel_thread::run(worker& role) noexcept {
    const context::signal_stack signals;
    exceptions_ = context::thread_exception_state();
    context::sanitizer_adopt_thread(base_sanitizer_);
    role.taken_by(*this);
    base::thread_block& here = base::this_thread_block();  // good for the base of this thread
    base::disable_preemption();
    here.thread = this;
    here.worker = &role;
    while (waiter* const next = this_worker()->next_on_base()) {
        this_worker()->run_waiter(*next);
    }
    worker& last = *this_worker();
    here.worker = nullptr;
    here.thread = nullptr;
    base::enable_preemption();
    last.owner().get_poller().interrupt();  // the next worker shall end, too
}

void entry::wait_for_role() noexcept {}
void brief_entry::settle_role() noexcept {}

}  // namespace weft::sched
