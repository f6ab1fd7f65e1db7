// SPDX-License-Identifier: Apache-2.0
//
// run_queue: what is runnable on one worker, in the order of fair_policy, which is plain data;
// locking is done here.
//
//   push, pop, ...   owner only (the kernel thread that holds the worker's role)
//   steal_into       one other worker: takes about half, by weight
//   size             any thread, a hint
#pragma once

#include <cstddef>

#include "sched/fair_policy.h"
#include "sched/fetch_ahead.h"
#include "sched/owner_lock.h"

namespace weft::sched {

class run_queue {
public:
    /// `slice`: that is usual; 0: fifo. Without `groups` nobody may be in one.
    explicit run_queue(bool asymmetric, base::nanoseconds_t slice = 3'000'000,
                       const group_table* groups = nullptr, unsigned worker = 0) noexcept
        : lock_(asymmetric), policy_(slice, groups, worker) {}

    /// Returns the size after the push. Not MayBeMember: `w` is in no group. May run beside
    /// steal_into() and size().
    template <bool MayBeMember = true>
    std::size_t push(waiter& w, arrival how = arrival::moved) noexcept {
        lock_.lock_owner();
        policy_.enqueue<MayBeMember>(w, how);
        const std::size_t size = size_.load(base::relaxed) + 1;
        size_.store(size, base::relaxed);
        lock_.unlock_owner();
        return size;
    }

    /// Null when empty. May run beside steal_into() and size().
    waiter* pop() noexcept {
        if (size_.load(base::relaxed) == 0) {
            set_running(nullptr);
            return nullptr;  // only the owner adds, so it cannot miss anything
        }
        lock_.lock_owner();
        waiter* const w = policy_.pick_next();
        if (w != nullptr) {
            size_.store(size_.load(base::relaxed) - 1, base::relaxed);
            if (waiter* const next = policy_.peek()) {
                fetch_ahead(*next, policy_.peek_after(*next));
            }
        }
        lock_.unlock_owner();
        return w;
    }

    /// The one that was preempted first, whoever should come before it. Null: there is none, or
    /// this is a fifo queue, where pop() comes to them in time. May run beside steal_into().
    waiter* pop_suspended() noexcept {
        lock_.lock_owner();
        waiter* const w = policy_.pick_suspended();
        if (w != nullptr) {
            size_.store(size_.load(base::relaxed) - 1, base::relaxed);
        }
        lock_.unlock_owner();
        if (w == nullptr) {
            set_running(nullptr);
        }
        return w;
    }

    /// What runs, null for nobody, if pop() or charge() did not say so. Owner only.
    void set_running(waiter* w) noexcept {
        if (w != nullptr || member_runs()) [[unlikely]] {
            lock_.lock_owner();
            policy_.set_running(w);
            lock_.unlock_owner();
        }
    }

    /// For a yield. If the next one is a fiber and `wanted(next)`, takes it and puts `w` behind all
    /// others; returns it with the queue locked, so that no thief gets at `w` before its stack is
    /// left. The owner calls end_exchange() then. Null: nothing has changed.
    template <class Wanted>
    waiter* begin_exchange(fiber_block& w, Wanted wanted) noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        lock_.lock_owner();
        waiter* const next = policy_.peek();
        if (!policy_.can_exchange(w) || !wanted(static_cast<fiber_block&>(*next))) [[unlikely]] {
            lock_.unlock_owner();
            return nullptr;
        }
        policy_.exchange(w);
        __builtin_prefetch(policy_.peek());
        return next;
    }

    /// Nothing happens if no exchange was begun.
    void end_exchange() noexcept { lock_.leave_owner(); }

    /// Moves the next ones into `out`, at most `most`, as long as each makes the loads of this
    /// queue and of the thief, which has `thief_load`, more alike, or `or_swapped`, no less
    /// alike; returns how many. What is rounded (weights of members of groups) decides nothing. Not
    /// for the owner. May run beside push(), pop() and size().
    std::size_t steal_into(waiter_queue& out, std::size_t most, std::uint64_t thief_load,
                           bool or_swapped = false) noexcept {
        lock_.lock_guest();
        const std::size_t size = size_.load(base::relaxed);
        auto gap = static_cast<std::int64_t>(policy_.load() - thief_load);
        std::size_t taken = 0;
        while (taken < most && taken < size) {
            const auto weight = static_cast<std::int64_t>(policy_.next_weight());
            const std::int64_t rounding = weight >> 8U;
            if (or_swapped ? weight > gap + rounding : weight + rounding >= gap) {
                break;
            }
            gap -= 2 * weight;
            out.push_back(*policy_.take_next());
            ++taken;
        }
        size_.store(size - taken, base::relaxed);
        lock_.unlock_guest();
        return taken;
    }

    /// Whether `w`, the current one, which yields, should let another one run.
    bool should_yield(const fiber_block& w) noexcept {
        lock_.lock_owner();
        const bool yes = policy_.should_yield(w);
        lock_.unlock_owner();
        return yes;
    }

    /// Whether `fiber`, or a coroutine (null), which runs, should let another one run.
    bool should_preempt(const fiber_block* fiber, bool slice_is_over) noexcept {
        lock_.lock_owner();
        const bool yes = policy_.should_preempt(fiber, slice_is_over);
        lock_.unlock_owner();
        return yes;
    }

    /// Of all that stand here, in parts (queue_weight.h). Owner only; a hint, as thieves may change
    /// it.
    [[nodiscard]] std::uint64_t weight() const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        return policy_.weight();
    }

    /// With who runs there, in parts, too. Any thread, a hint.
    [[nodiscard]] std::uint64_t load() const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        return policy_.load();
    }

    /// The current fiber, or a coroutine (null), has run for `ns` while the others that were
    /// runnable weighed `others`. May run beside steal_into().
    void charge(fiber_block* fiber, std::uint64_t ns, std::uint64_t others) noexcept {
        lock_.lock_owner();
        policy_.charge(fiber, ns, others);
        lock_.unlock_owner();
    }

    /// A fiber is made that will be pushed here, or moved from here. Any thread.
    void join(fiber_block& f) const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS { policy_.join(f); }

    /// A fiber starts.
    void begin(fiber_block& f) const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS { policy_.begin(f); }

    /// Before push() of one whose virtual time was that of another queue.
    void move(waiter& w, const run_queue& from) const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        policy_.move(w, from.policy_.virtual_time());
    }

    /// A hint: may be out of date when it returns.
    [[nodiscard]] std::size_t size() const noexcept { return size_.load(base::relaxed); }

private:
    /// Only the owner changes it.
    [[nodiscard]] bool member_runs() const noexcept WEFT_NO_THREAD_SAFETY_ANALYSIS {
        return policy_.member_runs();
    }

    owner_lock lock_;
    base::atomic<std::size_t> size_{0};
    fair_policy policy_ WEFT_GUARDED_BY(lock_);
};

}  // namespace weft::sched
