// SPDX-License-Identifier: Apache-2.0
//
// mutex: std::mutex for fibers, coroutines and plain threads, all on the same mutex at once. A
// fiber that waits leaves its worker to others; a plain thread sleeps; a coroutine says
// `co_await co::lock(m)` (see <weft/co.h>). Works with std::lock_guard, std::unique_lock and
// std::scoped_lock. The owner is the fiber, not the kernel thread: it may lock on one worker and
// unlock on another.
//
// Cost: lock and unlock are one compare-and-swap each, inline, when nobody else wants the mutex.
// Order: waiters queue first come, first served, but a newcomer may take a free mutex before the
// waiter that was just woken for it, so that short sections do not cost a switch each. A waiter
// that lost its turn a few times that way is handed the mutex at the next unlock.
//
// Misuse: unlocking a mutex that is not locked aborts. Where NDEBUG is not defined, so do locking
// it twice, unlocking by a stranger, and destroying it while it is locked or waited for. The last
// unlock() may run beside nothing but the destructor: unlock() touches nothing of the mutex once
// another can have it.
#pragma once

#include <cstdint>
#include <mutex>  // IWYU pragma: export (lock_guard, unique_lock, scoped_lock)

#include <weft/detail/wait_queue.h>

namespace weft {

namespace sync {
struct mutex_core;
}

class mutex {
public:
    constexpr mutex() noexcept = default;
    mutex(const mutex&) = delete;
    mutex& operator=(const mutex&) = delete;
#ifdef NDEBUG
    ~mutex() = default;
#else
    ~mutex() { check_unused(); }
#endif

    void lock() noexcept {
#ifdef NDEBUG
        if (!swap(0, locked, __ATOMIC_ACQUIRE)) [[unlikely]] {
            lock_slow();
        }
#else
        lock_checked();
#endif
    }

    [[nodiscard]] bool try_lock() noexcept {
#ifdef NDEBUG
        return swap(0, locked, __ATOMIC_ACQUIRE) || try_lock_slow();
#else
        return try_lock_checked();
#endif
    }

    void unlock() noexcept {
#ifndef NDEBUG
        check_owner();
#endif
        if (!swap(locked, 0, __ATOMIC_RELEASE)) [[unlikely]] {
            unlock_slow();
        }
    }

private:
    friend struct sync::mutex_core;

    // Bits of word_; their rules are in src/sync/mutex.cpp.
    static constexpr std::uint32_t locked = 1;
    static constexpr std::uint32_t waiting = 2;
    static constexpr std::uint32_t woken = 4;
    static constexpr std::uint32_t starving = 8;
    static constexpr std::uint32_t owner_known = 16;

    bool swap(std::uint32_t from, std::uint32_t to, int order) noexcept {
        return __atomic_compare_exchange_n(&word_, &from, to, false, order, __ATOMIC_RELAXED);
    }

    void lock_slow() noexcept;
    bool try_lock_slow() noexcept;
    void unlock_slow() noexcept;

    // Code built with and without NDEBUG may share a mutex: the owner is compared only if the
    // locker left its name, which a bit of word_ says.
    void lock_checked() noexcept;
    bool try_lock_checked() noexcept;
    void check_owner() const noexcept;
    void check_unused() const noexcept;

    std::uint32_t word_ = 0;
    std::uint32_t spins_ = 0;  // how long spinning paid lately
    sync::wait_queue queue_;
    const void* owner_ = nullptr;
};

}  // namespace weft
