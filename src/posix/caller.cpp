// SPDX-License-Identifier: Apache-2.0
#include "posix/caller.h"

#include "base/thread_block.h"
#include "sched/kernel_thread.h"
#include "sched/thread_state.h"

namespace weft::posix {

bool may_park() noexcept {
    const base::thread_block& here = base::this_thread_block();
    if (here.fiber == nullptr || here.preempt_count.load(base::relaxed) != 0) {
        return false;
    }
    return !sched::this_kernel_thread()->is_aside();
}

}  // namespace weft::posix
