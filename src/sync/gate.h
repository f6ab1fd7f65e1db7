// SPDX-License-Identifier: Apache-2.0
//
// A gate: a word, and a queue of those who wait until the word is as they want it; whoever makes it
// so wakes all of them. wait_group, latch, barrier, event and once_flag are gates and differ in
// what the word means.
//
// The lowest bit of the word, `waiting`, says that the queue is not empty. It is set and cleared
// under the queue's lock only; the rest of the word is changed by compare-and-swap, by anybody.
//
// No wake-up is lost: `waiting` is set by a compare-and-swap that found the gate closed, so the
// change that opens it sees the bit, takes the lock and finds the node. That change clears the bit
// and empties the queue under one hold of the lock. So a waiter whose wait was ended by something
// else meets either of two: its node in the queue, or a gate that was opened while it waited.
//
// Whoever opens a gate does not touch it once all that waited go on: each of them is woken after
// the lock was let go, or takes that lock before it goes on (see wait_queue.h). Where nobody waits,
// the compare-and-swap is the last touch.
#pragma once

#include <cstdint>

#include "base/assert.h"
#include "sync/wait_queue.h"

namespace weft::sync::gate {

inline constexpr std::uint64_t waiting = 1;

/// True: `is_open(value)`, where the value is the word without `waiting`. False: the node's waiter
/// is prepared and queued; it must park, then call leave().
template <class IsOpen>
bool ready_or_queue(std::uint64_t& word, wait_queue& queue, wait_node& node,
                    IsOpen is_open) noexcept {
    const queue_guard guard(queue);
    std::uint64_t seen = __atomic_load_n(&word, __ATOMIC_ACQUIRE);
    do {
        if (is_open(seen & ~waiting)) {
            return true;
        }
    } while (!__atomic_compare_exchange_n(&word, &seen, seen | waiting, true, __ATOMIC_ACQUIRE,
                                          __ATOMIC_ACQUIRE));
    node.who->prepare();
    push_back(queue, node);
    return false;
}

/// The wait is over for `reason`. Whether the gate was opened meanwhile, also if something else
/// ended the wait; nothing refers to `node` after it.
inline bool leave(std::uint64_t& word, wait_queue& queue, wait_node& node,
                  [[maybe_unused]] sched::wake_reason reason) noexcept {
    if (node.single_waker) {
        return true;
    }
    const queue_guard guard(queue);
    if (!node.queued) {
        return true;
    }
    WEFT_DEBUG_ASSERT(reason != sched::wake_reason::signalled, "signalled, but still queued");
    remove(queue, node);
    if (looks_empty(queue)) {
        __atomic_fetch_and(&word, ~waiting, __ATOMIC_RELAXED);
    }
    return false;
}

/// Changes the value to `next(value)` and, if `is_open(next)`, wakes all that wait.
template <class Next, class IsOpen>
void change(std::uint64_t& word, wait_queue& queue, Next next, IsOpen is_open) noexcept {
    wake_list woken;  // wakes when the lock is let go
    std::uint64_t seen = __atomic_load_n(&word, __ATOMIC_RELAXED);
    for (;;) {
        const std::uint64_t to = next(seen & ~waiting);
        if ((seen & waiting) == 0 || !is_open(to)) {
            if (__atomic_compare_exchange_n(&word, &seen, to | (seen & waiting), true,
                                            __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        const queue_guard guard(queue);
        if (!__atomic_compare_exchange_n(&word, &seen, to, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED)) {
            continue;
        }
        while (auto* const node = pop_front(queue)) {
            woken.add(*node);
        }
        return;
    }
}

}  // namespace weft::sync::gate
