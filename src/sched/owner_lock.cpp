// SPDX-License-Identifier: Apache-2.0
#include "sched/owner_lock.h"

#include <linux/membarrier.h>
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/assert.h"

namespace weft::sched {

bool register_membarrier() noexcept {
#if defined(__SANITIZE_THREAD__)
    return false;
#else
    return ::syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0) == 0;
#endif
}

void membarrier_all() noexcept {
    const long rc = ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
    WEFT_ASSERT(rc == 0, "membarrier failed after it was registered");
}

#if !defined(__SANITIZE_THREAD__)
void owner_lock::wait_for_guest() noexcept {
    do {
        inside_.store(0, base::release);
        int spins = 0;
        while (guest_.load(base::acquire) != 0) {
            // A guest that the kernel descheduled inside needs the CPU more than we do.
            if (++spins < 64) {
                base::cpu_relax();
            } else {
                sched_yield();
            }
        }
        inside_.store(1, base::relaxed);
        base::store_load_fence();
    } while (guest_.load(base::acquire) != 0);
}
#endif

}  // namespace weft::sched
