// SPDX-License-Identifier: Apache-2.0
//
// No wake-up is lost: `waiting` is set under the queue's lock by a compare-and-swap that found the
// count above zero, so the done() that reaches zero sees it, takes the lock and finds the node.
//
// That done() clears the word and empties the queue under one hold of the lock, and wakes after
// it. So while `waiting` is set the count is above zero, and a waiter whose deadline has come meets
// either of two: its node in the queue and something left to be done, or neither.
#include "sync/wait_group_core.h"

#include "base/assert.h"
#include "base/error.h"
#include "sched/cancellable_wait.h"

namespace weft {

namespace sync {

bool wait_group_core::ready_or_queue(wait_group& group, wait_node& node) noexcept {
    const queue_guard guard(group.queue_);
    std::uint64_t seen = __atomic_load_n(&group.word_, __ATOMIC_ACQUIRE);
    do {
        if (seen < wait_group::one) {
            return true;
        }
    } while (!__atomic_compare_exchange_n(&group.word_, &seen, seen | wait_group::waiting, true,
                                          __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE));
    node.who->prepare();
    push_back(group.queue_, node);
    return false;
}

bool wait_group_core::finish(wait_group& group, wait_node& node,
                             [[maybe_unused]] sched::wake_reason reason) noexcept {
    if (node.single_waker) {
        return true;
    }
    const queue_guard guard(group.queue_);
    if (!node.queued) {
        return true;
    }
    WEFT_DEBUG_ASSERT(reason != sched::wake_reason::signalled, "signalled, but still queued");
    remove(group.queue_, node);
    if (looks_empty(group.queue_)) {
        __atomic_fetch_and(&group.word_, ~wait_group::waiting, __ATOMIC_RELAXED);
    }
    return false;
}

}  // namespace sync

bool wait_group::wait_slow(deadline until) noexcept {
    sync::wait_node node(sched::this_waiter(), until.is_never());
    if (sync::wait_group_core::ready_or_queue(*this, node)) {
        return true;
    }
    const auto reason = node.who->park(until.nanoseconds());
    return sync::wait_group_core::finish(*this, node, reason);
}

result<void> wait_group::wait_bounded(deadline until) noexcept {
    sched::cancellable_wait wait(until);
    sync::wait_node node(wait.who, wait.has_single_waker());
    if (sync::wait_group_core::ready_or_queue(*this, node)) {
        return {};
    }
    const auto reason = wait.park();
    if (sync::wait_group_core::finish(*this, node, reason)) {
        return {};
    }
    return base::fail(reason == sched::wake_reason::cancelled ? std::errc::operation_canceled
                                                              : std::errc::timed_out);
}

void wait_group::done_slow() noexcept {
    sync::wake_list woken;
    std::uint64_t seen = __atomic_load_n(&word_, __ATOMIC_RELAXED);
    for (;;) {
        WEFT_ASSERT(seen >= one, "done() of a wait_group with nothing left to be done");
        if (seen != (one | waiting)) {
            if (__atomic_compare_exchange_n(&word_, &seen, seen - one, true, __ATOMIC_ACQ_REL,
                                            __ATOMIC_RELAXED)) {
                return;
            }
            continue;
        }
        const sync::queue_guard guard(queue_);
        if (!__atomic_compare_exchange_n(&word_, &seen, 0, false, __ATOMIC_ACQ_REL,
                                         __ATOMIC_RELAXED)) {
            continue;
        }
        while (auto* const node = sync::pop_front(queue_)) {
            woken.add(*node);
        }
        return;
    }
}

void wait_group::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_), "a wait_group is destroyed while somebody waits for it");
}

}  // namespace weft
