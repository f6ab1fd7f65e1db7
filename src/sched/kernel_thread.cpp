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
    weft_current_worker = &role;
    while (waiter* const next = this_worker()->next_on_base()) {
        this_worker()->run_waiter(*next);
    }
    worker& last = *this_worker();
    weft_current_worker = nullptr;
    last.owner().get_poller().interrupt();  // the next worker shall end, too
}

}  // namespace weft::sched
