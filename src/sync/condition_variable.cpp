// SPDX-License-Identifier: Apache-2.0
//
// No wake-up is lost: a waiter queues itself before it unlocks the mutex, so whoever changes the
// condition under the mutex after the waiter looked at it finds the waiter in the queue, also with
// the plain load at the start of a notification. A notification is not spent on a waiter whose
// deadline came first: wake() returns false for that one, and the next gets it.
#include "sync/condition_core.h"

#include "base/assert.h"
#include "sched/cancellable_wait.h"
#include "sync/bounded_wait.h"

namespace weft {

namespace sync {

void condition_core::enqueue(condition_variable& cv, wait_node& node) noexcept {
    const queue_guard guard(cv.queue_);
    node.who->prepare();
    push_back(cv.queue_, node);
}

void condition_core::finish(condition_variable& cv, wait_node& node) noexcept {
    if (node.single_waker) {
        return;
    }
    const queue_guard guard(cv.queue_);
    if (node.queued) {
        remove(cv.queue_, node);
    }
}

}  // namespace sync

namespace {

/// Wakes a waiter when a stop is requested. Its destructor waits for a call that runs on another
/// thread, so the waiter outlives the call.
struct cancel {
    sched::waiter& who;
    void operator()() const noexcept { who.wake(sched::wake_reason::cancelled); }
};

result<void> outcome(sched::wake_reason reason) noexcept {
    if (reason == sched::wake_reason::signalled) {
        return {};
    }
    return sync::failure(reason, "wait");
}

constexpr auto without_lock = "wait() on a condition variable without holding the lock";

}  // namespace

void condition_variable::wait_once(std::unique_lock<mutex>& lock) {
    WEFT_ASSERT(lock.owns_lock(), without_lock);
    sync::wait_node node(sched::this_waiter(), true);
    sync::condition_core::enqueue(*this, node);
    lock.unlock();
    node.who->park();
    sync::condition_core::finish(*this, node);
    lock.lock();
}

result<void> condition_variable::wait_once(std::unique_lock<mutex>& lock, deadline until) {
    WEFT_ASSERT(lock.owns_lock(), without_lock);
    sched::cancellable_wait wait(until);
    sync::wait_node node(wait.who, wait.has_single_waker());
    sync::condition_core::enqueue(*this, node);
    lock.unlock();
    const auto reason = wait.park();
    sync::condition_core::finish(*this, node);
    lock.lock();
    return outcome(reason);
}

result<void> condition_variable::wait_once(std::unique_lock<mutex>& lock,
                                           const std::stop_token& stop, deadline until) {
    WEFT_ASSERT(lock.owns_lock(), without_lock);
    sched::cancellable_wait wait(until);
    sync::wait_node node(wait.who, false);
    sync::condition_core::enqueue(*this, node);
    lock.unlock();
    sched::wake_reason reason{};
    {
        // Runs at once if the stop has been requested already; park() then returns at once.
        const std::stop_callback on_stop(stop, cancel{*node.who});
        reason = wait.park();
    }
    sync::condition_core::finish(*this, node);
    lock.lock();
    return outcome(reason);
}

void condition_variable::notify_one_slow() noexcept {
    sync::wake_list woken;
    const sync::queue_guard guard(queue_);
    while (auto* const node = sync::pop_front(queue_)) {
        if (woken.add(*node)) {
            return;
        }
    }
}

void condition_variable::notify_all_slow() noexcept {
    sync::wake_list woken;
    const sync::queue_guard guard(queue_);
    while (auto* const node = sync::pop_front(queue_)) {
        woken.add(*node);
    }
}

void condition_variable::check_unused() const noexcept {
    WEFT_ASSERT(sync::looks_empty(queue_),
                "a condition variable is destroyed while somebody waits for it");
}

}  // namespace weft
