// SPDX-License-Identifier: Apache-2.0
//
// owner_lock: a lock that one thread (the owner) takes all the time and others (guests) rarely.
// The owner pays two plain stores and a load, under 1 ns; a guest pays a membarrier(2) system call,
// 0.3 to 8 us measured, which makes the owner's earlier stores visible in its place.
//
// It is Dekker's algorithm with the owner's fence moved to the guest:
//   owner: inside_ = 1; (compiler fence)   if guest_ is set: step back and wait
//   guest: guest_ = 1;  membarrier;        wait until inside_ is 0
// membarrier runs a full fence on every CPU that runs a thread of this process; so either the owner
// read guest_ after it (and sees it), or its store to inside_ came before (and the guest sees it).
//
// Where membarrier is missing (old kernels, qemu, some seccomp filters) the owner runs the fence
// itself, about 5 ns. ThreadSanitizer understands neither, so there both sides share a spinlock.
// "Owner" is the kernel thread that holds the worker's role; handing the role on orders memory.
#pragma once

#include "base/spinlock.h"
#include "base/thread_annotations.h"

namespace weft::sched {

/// Registers the process for membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED), idempotent. False if the
/// kernel has none.
bool register_membarrier() noexcept;

/// Whether handshakes rely on membarrier; ThreadSanitizer does not understand it, so there both
/// sides run a fence.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool needs_membarrier = false;
#else
inline constexpr bool needs_membarrier = true;
#endif

/// Runs a full memory fence on every CPU that runs a thread of this process.
void membarrier_all() noexcept;

class WEFT_CAPABILITY("owner_lock") owner_lock {
public:
    /// `asymmetric`: what register_membarrier() said.
    explicit owner_lock(bool asymmetric) noexcept
        : asymmetric_(asymmetric), guest_(asymmetric ? 0 : fence_needed) {}
    owner_lock(const owner_lock&) = delete;
    owner_lock& operator=(const owner_lock&) = delete;

#if defined(__SANITIZE_THREAD__)
    void lock_owner() noexcept WEFT_ACQUIRE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        guests_.lock();
        held_by_owner_ = true;
    }
    void unlock_owner() noexcept WEFT_RELEASE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        held_by_owner_ = false;
        guests_.unlock();
    }
    void leave_owner() noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        if (held_by_owner_) {
            unlock_owner();
        }
    }
    void lock_guest() noexcept WEFT_ACQUIRE() WEFT_NO_THREAD_SAFETY_ANALYSIS { guests_.lock(); }
    void unlock_guest() noexcept WEFT_RELEASE() WEFT_NO_THREAD_SAFETY_ANALYSIS { guests_.unlock(); }
#else
    /// Owner only.
    void lock_owner() noexcept WEFT_ACQUIRE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        inside_.store(1, base::relaxed);
        base::compiler_fence();
        if (guest_.load(base::acquire) != 0) [[unlikely]] {
            lock_owner_slowly();
        }
    }

    void unlock_owner() noexcept WEFT_RELEASE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        inside_.store(0, base::release);
    }

    /// As unlock_owner() where that is to be called, else nothing. Owner only.
    void leave_owner() noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS { inside_.store(0, base::release); }

    /// Any thread but the owner; guests exclude each other.
    void lock_guest() noexcept WEFT_ACQUIRE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        guests_.lock();
        guest_.fetch_or(guest_inside, base::relaxed);
        if (asymmetric_) {
            membarrier_all();
        } else {
            base::store_load_fence();
        }
        if (inside_.load(base::acquire) != 0) {
            wait_for_owner();
        }
    }

    void unlock_guest() noexcept WEFT_RELEASE() WEFT_NO_THREAD_SAFETY_ANALYSIS {
        guest_.fetch_and(~guest_inside, base::release);
        guests_.unlock();
    }
#endif

private:
    // Bits of guest_. The second one is always set where the owner must run the fence: one test for
    // both.
    static constexpr unsigned guest_inside = 1;
    static constexpr unsigned fence_needed = 2;

    [[gnu::noinline]] void lock_owner_slowly() noexcept;
    [[gnu::noinline]] void wait_for_owner() noexcept;

    const bool asymmetric_;
    base::atomic<unsigned> inside_{0};
    base::atomic<unsigned> guest_;
    base::spinlock guests_;
#if defined(__SANITIZE_THREAD__)
    bool held_by_owner_ = false;
#endif
};

}  // namespace weft::sched
