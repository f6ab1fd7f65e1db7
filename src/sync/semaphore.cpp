// SPDX-License-Identifier: Apache-2.0
//
// Tokens are conserved: each one that release() brings goes to exactly one waiter whose wake() it
// won, or into the word. No wake-up is lost: `waiting` is set under the queue's lock by a
// compare-and-swap that found no token, so a later release() sees it and takes the slow path, where
// the lock makes it find the node.
//
// Handing tokens over instead of letting the woken compete keeps the order and gives each waiter
// one wake-up; unlike a mutex, a semaphore is seldom held for a few nanoseconds only.
//
// The releaser does not touch the semaphore once a waiter that it woke goes on: it lets go of the
// queue's lock first, or it wakes a waiter that takes that lock itself before it goes on (see
// wait_queue.h). What no waiter needs is put into the word before that.
#include "sync/semaphore_core.h"

#include "base/assert.h"
#include "sync/bounded_wait.h"

namespace weft::sync {

bool semaphore_core::ready_or_queue(semaphore_base& s, wait_node& node) noexcept {
    const queue_guard guard(s.queue_);
    while (!s.try_acquire()) {
        std::uint64_t seen = __atomic_load_n(&s.word_, __ATOMIC_RELAXED);
        if (seen < semaphore_base::token &&
            __atomic_compare_exchange_n(&s.word_, &seen, semaphore_base::waiting, false,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
            node.who->prepare();
            push_back(s.queue_, node);
            return false;
        }
    }
    return true;
}

bool semaphore_core::finish(semaphore_base& s, wait_node& node,
                            sched::wake_reason reason) noexcept {
    if (!node.single_waker) {
        const queue_guard guard(s.queue_);
        if (node.queued) {
            remove(s.queue_, node);
            if (s.queue_.head == nullptr) {
                __atomic_fetch_and(&s.word_, ~semaphore_base::waiting, __ATOMIC_RELAXED);
            }
        }
    }
    return reason == sched::wake_reason::signalled;
}

void semaphore_base::acquire_slow() noexcept {
    wait_unbounded<semaphore_core>(*this);
}

result<void> semaphore_base::acquire_slow(deadline until) noexcept {
    return wait_bounded<semaphore_core>(*this, until);
}

void semaphore_base::release_slow(std::ptrdiff_t count, std::ptrdiff_t max) noexcept {
    WEFT_ASSERT(count >= 0, "release() of a negative number of tokens");
    WEFT_ASSERT(count <= max, "release() beyond the maximum of the semaphore");
    wake_list woken;  // wakes when the lock is let go
    for (;;) {
        std::uint64_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
        if ((seen & waiting) == 0) {
            const auto tokens = static_cast<std::ptrdiff_t>(seen / token);
            WEFT_ASSERT(count <= max - tokens, "release() beyond the maximum of the semaphore");
            if (__atomic_compare_exchange_n(&word_, &seen,
                                            seen + static_cast<std::uint64_t>(count) * token, true,
                                            __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        const queue_guard guard(queue_);
        if ((__atomic_load_n(&word_, __ATOMIC_RELAXED) & waiting) == 0) {
            continue;
        }
        // `waiting` is set and the lock held: nobody else changes the word.
        while (count > 0 && !looks_empty(queue_)) {
            count -= woken.add(*pop_front(queue_)) ? 1 : 0;
        }
        if (looks_empty(queue_)) {
            __atomic_store_n(&word_, static_cast<std::uint64_t>(count) * token, __ATOMIC_RELEASE);
        }
        return;
    }
}

void semaphore_base::check_unused() const noexcept {
    WEFT_ASSERT(looks_empty(queue_), "a semaphore is destroyed while somebody waits for it");
}

}  // namespace weft::sync
