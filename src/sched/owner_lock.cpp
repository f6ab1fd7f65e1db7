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
#if defined(__SANITIZE_THREAD__)
    base::store_load_fence();  // whoever relies on it runs one, too
#else
    const long rc = ::syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
    WEFT_ASSERT(rc == 0, "membarrier failed after it was registered");
#endif
}

#if !defined(__SANITIZE_THREAD__)
namespace {

/// Until no bit of `mask` is set. Whom the kernel descheduled inside needs the CPU more than we do.
void wait_until_clear(base::atomic<unsigned>& word, unsigned mask) noexcept {
    for (int spins = 0; (word.load(base::acquire) & mask) != 0; ++spins) {
        if (spins < 64) {
            base::cpu_relax();
        } else {
            sched_yield();
        }
    }
}

}  // namespace

void owner_lock::lock_owner_slowly() noexcept {
    base::store_load_fence();
    while ((guest_.load(base::acquire) & guest_inside) != 0) {
        inside_.store(0, base::release);
        wait_until_clear(guest_, guest_inside);
        inside_.store(1, base::relaxed);
        base::store_load_fence();
    }
}

void owner_lock::wait_for_owner() noexcept {
    wait_until_clear(inside_, ~0u);
}
#endif

}  // namespace weft::sched
