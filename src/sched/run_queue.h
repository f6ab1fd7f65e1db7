// SPDX-License-Identifier: Apache-2.0
//
// run_queue: what is runnable on one worker, in the order of a policy.
//
//   push, pop        owner only (the kernel thread that holds the worker's role)
//   steal_into       one other worker: takes up to half
//   size             any thread, a hint
//
// The policy decides the order alone; locking is done here, so a policy is plain data. `fifo` runs
// waiters in the order in which they became runnable. The fair policies (CFS, EEVDF) take the same
// seat: run_policy is all that a worker asks of one.
#pragma once

#include <concepts>
#include <cstddef>

#include "sched/owner_lock.h"
#include "sched/waiter.h"

namespace weft::sched {

/// A singly linked list of waiters. It uses only waiter::next_, because a fiber that has not
/// started keeps its callable where the other links will be.
class waiter_queue {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == nullptr; }
    [[nodiscard]] waiter* front() const noexcept { return head_; }
    [[nodiscard]] static waiter* next(const waiter& w) noexcept { return w.next_; }

    void push_back(waiter& w) noexcept {
        w.next_ = nullptr;
        (tail_ != nullptr ? tail_->next_ : head_) = &w;
        tail_ = &w;
    }

    void push_front(waiter& w) noexcept {
        w.next_ = head_;
        head_ = &w;
        if (tail_ == nullptr) {
            tail_ = &w;
        }
    }

    waiter* pop_front() noexcept {
        waiter* const w = head_;
        if (w != nullptr) {
            head_ = w->next_;
            if (head_ == nullptr) {
                tail_ = nullptr;
            }
            w->next_ = nullptr;
        }
        return w;
    }

    /// pop_front(), then push_back(w); not when empty. Without a branch for the queue of one.
    void rotate(waiter& w) noexcept {
        waiter* const first = head_;
        w.next_ = nullptr;
        tail_->next_ = &w;
        tail_ = &w;
        head_ = first->next_;
    }

private:
    waiter* head_ = nullptr;
    waiter* tail_ = nullptr;
};

template <class Policy>
concept run_policy = requires(Policy policy, waiter& w) {
    { policy.enqueue(w) } -> std::same_as<void>;
    { policy.pick_next() } -> std::same_as<waiter*>;  // removes it; null when empty
    { policy.exchange(w) } -> std::same_as<void>;     // pick_next() and enqueue(w); not when empty
    { policy.peek() } -> std::same_as<waiter*>;       // what pick_next() would take
    { policy.peek_after(w) } -> std::same_as<waiter*>;  // w is that; probably the one after it
};

class fifo_policy {
public:
    void enqueue(waiter& w) noexcept { queue_.push_back(w); }
    waiter* pick_next() noexcept { return queue_.pop_front(); }
    void exchange(waiter& w) noexcept { queue_.rotate(w); }
    waiter* peek() const noexcept { return queue_.front(); }
    static waiter* peek_after(const waiter& w) noexcept { return waiter_queue::next(w); }

private:
    waiter_queue queue_;
};

template <run_policy Policy>
class basic_run_queue {
public:
    explicit basic_run_queue(bool asymmetric) noexcept : lock_(asymmetric) {}

    /// Returns the size after the push. May run beside steal_into() and size().
    std::size_t push(waiter& w) noexcept {
        lock_.lock_owner();
        policy_.enqueue(w);
        const std::size_t size = size_.load(base::relaxed) + 1;
        size_.store(size, base::relaxed);
        lock_.unlock_owner();
        return size;
    }

    /// Null when empty. May run beside steal_into() and size().
    waiter* pop() noexcept {
        return pop([](const waiter&, const waiter*) {});
    }

    /// The same; calls `fetch(next, after_next)` for prefetching when there is one to come next.
    /// `after_next` may be null.
    template <class Fetch>
    waiter* pop(Fetch fetch) noexcept {
        if (size_.load(base::relaxed) == 0) {
            return nullptr;  // only the owner adds, so it cannot miss anything
        }
        lock_.lock_owner();
        waiter* const w = policy_.pick_next();
        if (w != nullptr) {
            size_.store(size_.load(base::relaxed) - 1, base::relaxed);
            if (waiter* const next = policy_.peek()) {
                fetch(*next, policy_.peek_after(*next));
            }
        }
        lock_.unlock_owner();
        return w;
    }

    /// For a yield. If `wanted(next)`, takes the next one and puts `w` behind all others; returns
    /// it with the queue locked, so that no thief gets at `w` before its stack is left. The owner
    /// calls end_exchange() then. Null: nothing has changed.
    template <class Wanted>
    waiter* begin_exchange(waiter& w, Wanted wanted) noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        lock_.lock_owner();
        waiter* const next = policy_.peek();
        if (next == nullptr || !wanted(*next)) [[unlikely]] {
            lock_.unlock_owner();
            return nullptr;
        }
        policy_.exchange(w);
        __builtin_prefetch(policy_.peek());
        return next;
    }

    /// Nothing happens if no exchange was begun.
    void end_exchange() noexcept { lock_.leave_owner(); }

    /// Moves the next half (rounded up, at most `most`) into `out`; returns how many. Not for the
    /// owner. May run beside push(), pop() and size().
    std::size_t steal_into(waiter_queue& out, std::size_t most) noexcept {
        lock_.lock_guest();
        const std::size_t size = size_.load(base::relaxed);
        const std::size_t half = (size + 1) / 2;
        const std::size_t wanted = half < most ? half : most;
        for (std::size_t i = 0; i < wanted; ++i) {
            out.push_back(*policy_.pick_next());
        }
        size_.store(size - wanted, base::relaxed);
        lock_.unlock_guest();
        return wanted;
    }

    /// A hint: may be out of date when it returns.
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(base::relaxed); }

private:
    owner_lock lock_;
    base::atomic<std::size_t> size_{0};
    Policy policy_ WEFT_GUARDED_BY(lock_);
};

using run_queue = basic_run_queue<fifo_policy>;

}  // namespace weft::sched
