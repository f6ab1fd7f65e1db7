// SPDX-License-Identifier: Apache-2.0
//
// waiter_queue: waiters in the order in which they came, linked through waiter::next_. No lock of
// its own.
#pragma once

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

}  // namespace weft::sched
