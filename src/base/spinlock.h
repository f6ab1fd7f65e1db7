// SPDX-License-Identifier: Apache-2.0
//
// A test-and-set lock for sections of a few dozen instructions that never block, allocate or call
// out. Unlocking is a plain store. A waiter spins briefly, then gives its CPU away, because on a
// machine with few CPUs the holder may have been descheduled by the kernel.
// Not a std::mutex: that one costs a read-modify-write to unlock too, and may sleep.
// Who holds one is not preempted (base/thread_block.h).
#pragma once

#include <sched.h>

#include "base/atomic.h"
#include "base/thread_annotations.h"
#include "base/thread_block.h"

namespace weft::base {

class WEFT_CAPABILITY("spinlock") spinlock {
public:
    spinlock() = default;
    spinlock(const spinlock&) = delete;
    spinlock& operator=(const spinlock&) = delete;

    void lock() noexcept WEFT_ACQUIRE() {
        disable_preemption();
        if (!locked_.exchange(true, acquire)) [[likely]] {
            return;
        }
        lock_slow();
    }

    bool try_lock() noexcept WEFT_TRY_ACQUIRE(true) {
        disable_preemption();
        if (!locked_.load(relaxed) && !locked_.exchange(true, acquire)) {
            return true;
        }
        enable_preemption();
        return false;
    }

    void unlock() noexcept WEFT_RELEASE() {
        locked_.store(false, release);
        enable_preemption();
    }

private:
    [[gnu::noinline]] void lock_slow() noexcept {
        constexpr int spins_before_yield = 64;
        for (;;) {
            for (int i = 0; i < spins_before_yield; ++i) {
                if (!locked_.load(relaxed) && !locked_.exchange(true, acquire)) {
                    return;
                }
                cpu_relax();
            }
            sched_yield();
        }
    }

    atomic<bool> locked_{false};
};

class WEFT_SCOPED_CAPABILITY spin_guard {
public:
    explicit spin_guard(spinlock& lock) noexcept WEFT_ACQUIRE(lock) : lock_(lock) { lock_.lock(); }
    ~spin_guard() WEFT_RELEASE() { lock_.unlock(); }
    spin_guard(const spin_guard&) = delete;
    spin_guard& operator=(const spin_guard&) = delete;

private:
    spinlock& lock_;
};

}  // namespace weft::base
