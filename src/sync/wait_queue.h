// SPDX-License-Identifier: Apache-2.0
//
// The queue of waiters inside of a lock, and the node by which a waiter stands in it.
//
// Thread safety: everything but looks_empty() needs the queue's lock, held by a queue_guard. It is
// held for a few dozen instructions and, when a waiter that has other wakers is woken, for a
// wake().
//
// Rules that all users keep:
//   - A node lives where its owner waits: on the stack of a fiber or thread, in the awaiter of a
//     coroutine. Not the links in sched::waiter: a timer that wakes a waiter puts it into a run
//     queue through those links while it still stands here.
//   - The owner prepares its waiter under the lock, then queues the node: whoever finds the node
//     finds a waiter that may be woken.
//   - A node with a single waker (no deadline, no stop token) leaves the queue only by the waker
//     that pops it, so its owner cannot go on before that waker has called wake(), and wake() may
//     come after the lock is let go: it always succeeds and nothing of the lock is touched later.
//   - Any other node is woken under the lock, and its owner takes the lock once when its wait is
//     over, to take the node out if it still stands here. So the node and the waiter outlive the
//     waker's look at them, and the waker is done with the queue before the owner goes on.
//   - A popped node whose wake() returns false had lost to its deadline: its owner gets nothing
//     here, and the waker goes on to the next node. What a waker hands out is never lost.
#pragma once

#include <cstdint>

#include <weft/detail/wait_queue.h>

#include "base/atomic.h"
#include "base/thread_block.h"
#include "base/word_lock.h"
#include "sched/waiter.h"

namespace weft::sync {

struct wait_node {
    wait_node(sched::waiter& waiter, bool only_signalled, std::uint8_t what = 0) noexcept
        : who(&waiter), single_waker(only_signalled), tag(what) {}
    wait_node(const wait_node&) = delete;
    wait_node& operator=(const wait_node&) = delete;

    wait_node* next = nullptr;
    wait_node* prev = nullptr;
    sched::waiter* who;
    bool queued = false;
    const bool single_waker;
    const std::uint8_t tag;  ///< what it waits for, where an object has more than one such thing
};

// With preemption off.

inline void lock_queue(wait_queue& queue) noexcept {
    base::lock_word(queue.lock);
}

inline void unlock_queue(wait_queue& queue) noexcept {
    base::unlock_word(queue.lock);
}

/// Holds a queue's lock for a scope.
class queue_guard {
public:
    explicit queue_guard(wait_queue& queue) noexcept : held_(queue.lock) {}

    /// Before the end of the scope, until which preemption stays off.
    void unlock() noexcept { held_.unlock(); }

private:
    base::word_guard held_;
};

/// A hint without the lock. Exact for a caller that is ordered after every push that matters to it.
inline bool looks_empty(const wait_queue& queue) noexcept {
    return __atomic_load_n(&queue.head, __ATOMIC_RELAXED) == nullptr;
}

inline void set_head(wait_queue& queue, wait_node* node) noexcept {
    __atomic_store_n(&queue.head, node, __ATOMIC_RELAXED);
}

inline void push_back(wait_queue& queue, wait_node& node) noexcept {
    node.queued = true;
    if (queue.head == nullptr) {
        node.next = node.prev = &node;
        set_head(queue, &node);
        return;
    }
    node.next = queue.head;
    node.prev = queue.head->prev;
    node.prev->next = &node;
    node.next->prev = &node;
}

inline void push_front(wait_queue& queue, wait_node& node) noexcept {
    push_back(queue, node);
    set_head(queue, &node);
}

inline void remove(wait_queue& queue, wait_node& node) noexcept {
    node.queued = false;
    if (node.next == &node) {
        set_head(queue, nullptr);
        return;
    }
    node.prev->next = node.next;
    node.next->prev = node.prev;
    if (queue.head == &node) {
        set_head(queue, node.next);
    }
}

/// Null when empty.
inline wait_node* pop_front(wait_queue& queue) noexcept {
    wait_node* const node = queue.head;
    if (node != nullptr) {
        remove(queue, *node);
    }
    return node;
}

/// Nodes that were popped under a lock and are woken after it. Preemption is off meanwhile: nobody
/// else can wake them.
class wake_list {
public:
    wake_list() = default;
    wake_list(const wake_list&) = delete;
    wake_list& operator=(const wake_list&) = delete;
    ~wake_list() { wake_all(); }

    /// Sees to it that the owner of `node`, which was just popped, is woken: now or, where the
    /// rules above allow it, by wake_all(). False if its wait was over already.
    bool add(wait_node& node) noexcept {
        if (!node.single_waker) {
            return node.who->wake();
        }
        node.next = nullptr;
        (last_ != nullptr ? last_->next : first_) = &node;
        last_ = &node;
        return true;
    }

    /// Not under a queue's lock.
    void wake_all() noexcept {
        for (wait_node* node = first_; node != nullptr;) {
            wait_node* const next = node->next;
            [[maybe_unused]] const bool woken = node->who->wake();
            WEFT_DEBUG_ASSERT(woken, "somebody else woke a waiter that has a single waker");
            node = next;
        }
        first_ = last_ = nullptr;
    }

private:
    base::preemption_disabled until_all_are_woken_;
    wait_node* first_ = nullptr;
    wait_node* last_ = nullptr;
};

}  // namespace weft::sync
