// SPDX-License-Identifier: Apache-2.0
//
// cfs: the Completely Fair Scheduler of Linux 2.6.23 to 6.5. Whoever has had the least virtual time
// runs next; a slice is a part of a fixed period; who has slept is placed a little before the
// others.
//
// Follows kernel/sched/fair.c of Linux 6.1; each function names the one that it follows. Where the
// kernel has a feature switch, its default holds. Left out: SCHED_IDLE and SCHED_BATCH, core
// scheduling, load tracking (PELT), which balances CPUs and picks nothing, and the rule for those
// that have slept for a hundred days (entity_is_long_sleeper), which needs a clock. Buddies belong
// to one level: the kernel also prefers the groups of those that it prefers (set_next_buddy,
// set_last_buddy), and the group of one that has just gone to sleep (dequeue_task_fair).
//
// What it is meant to do says the kernel's Documentation/scheduler/sched-design-CFS.rst, cited
// below by section where it speaks of a function.
#pragma once

#include <algorithm>
#include <cstdint>

#include <weft/fair_entity.h>

namespace weft {

struct cfs {
    /// The kernel's for one CPU; it multiplies them by scale(cpus).
    struct parameters {
        std::uint64_t latency = 6'000'000;             ///< everybody runs once within it
        std::uint64_t minimum_granularity = 750'000;   ///< but not for less than this
        std::uint64_t wakeup_granularity = 1'000'000;  ///< how much more deserving a waker must be
        std::uint64_t first_vruntime = 0;              ///< where virtual time begins

        /// get_update_sysctl_factor().
        static constexpr parameters for_cpus(unsigned cpus) noexcept {
            std::uint64_t factor = 1;
            for (unsigned n = std::min(cpus, 8U); n > 1; n /= 2) {
                ++factor;
            }
            const parameters one;
            return {one.latency * factor, one.minimum_granularity * factor,
                    one.wakeup_granularity * factor, one.first_vruntime};
        }

        /// sched_nr_latency.
        [[nodiscard]] constexpr std::uint64_t most_in_latency() const noexcept {
            return (latency + minimum_granularity - 1) / minimum_granularity;
        }
    };

    /// One run queue: the kernel's cfs_rq. The current entity is not in the tree.
    template <class Node>
    class level;
};

template <class Node>
class cfs::level {
public:
    explicit level(const parameters& settings) noexcept
        : settings_(&settings), min_vruntime_(settings.first_vruntime) {}

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] Node* current() const noexcept { return current_; }
    [[nodiscard]] std::uint64_t virtual_time() const noexcept { return min_vruntime_; }

    /// enqueue_entity() and place_entity(). `slice` is that of sched_slice(), of a fresh one.
    void enqueue(Node& n, arrival how, std::uint64_t slice) noexcept {
        if (how == arrival::fresh) {
            // task_fork_fair(): to the end of the period, and not before the current one, so that
            // nobody gains by making others.
            const std::uint64_t debit = min_vruntime_ + to_virtual(slice, n.weight);
            n.vruntime = current_ != nullptr ? later(current_->vruntime, debit) : debit;
        } else {
            n.vruntime += n.relative ? min_vruntime_ : 0;
            if (how != arrival::moved) {
                place_woken(n);
            }
        }
        n.relative = false;
        weight_ += n.weight.value;
        ++count_;
        insert(n);
    }

    /// dequeue_entity() of one that is queued or current. It sleeps, or else goes to another queue
    /// and so takes along how far it is from the others.
    void dequeue(Node& n, bool sleeps) noexcept {
        clear_buddies(n);
        if (current_ == &n) {
            current_ = nullptr;
        } else {
            tree_.erase(n);
        }
        n.where = Node::place::outside;
        weight_ -= n.weight.value;
        --count_;
        if (!sleeps) {
            make_relative(n);
        }
        update_min_vruntime();
    }

    void dequeue_at_once(Node& n) noexcept { dequeue(n, true); }

    /// detach_task_cfs_rq(): one that sleeps goes to another queue, with the bonus that it would
    /// get here now, and not with all of its sleep.
    void detach(Node& n) noexcept {
        if (!n.relative) {
            place_woken(n);
            make_relative(n);
        }
    }

    /// pick_next_entity(). Null when nobody is there; perhaps the current one. The one with the
    /// smallest vruntime, the leftmost of the tree (sched-design-CFS.rst, 2 and 3), but for
    /// buddies.
    [[nodiscard]] Node* pick() const noexcept {
        Node* left = tree_.first();
        if (left == nullptr || (current_ != nullptr && before(*current_, *left))) {
            left = current_;
        }
        if (left == nullptr) {
            return nullptr;
        }
        Node* chosen = left;
        if (skip_ == chosen) {
            Node* second = chosen == current_ ? tree_.first() : tree_.next(*chosen);
            if (chosen != current_ && current_ != nullptr &&
                (second == nullptr || before(*current_, *second))) {
                second = current_;
            }
            if (second != nullptr && !outruns(*second, *left)) {
                chosen = second;
            }
        }
        if (next_ != nullptr && !outruns(*next_, *left)) {
            return next_;
        }
        if (last_ != nullptr && !outruns(*last_, *left)) {
            return last_;
        }
        return chosen;
    }

    /// The first one of which `fits` says true, where nobody runs; null: there is none.
    template <class Fits>
    [[nodiscard]] Node* find(Fits fits) const noexcept {
        Node* n = tree_.first();
        while (n != nullptr && !fits(*n)) {
            n = tree_.next(*n);
        }
        return n;
    }

    /// set_next_entity(): `n` leaves the tree and runs.
    void set_current(Node& n) noexcept {
        clear_buddies(n);
        tree_.erase(n);
        n.where = Node::place::running;
        current_ = &n;
        ran_ = 0;
    }

    /// put_prev_entity() of a current one that would go on.
    void put_back() noexcept {
        Node& n = *current_;
        current_ = nullptr;
        insert(n);
    }

    /// update_curr(): what it has run is added to its vruntime (sched-design-CFS.rst, 2). Whether
    /// somebody else should run now: CFS decides that at ticks.
    bool charge(std::uint64_t ns) noexcept {
        current_->vruntime += to_virtual(ns, current_->weight);
        ran_ += ns;
        update_min_vruntime();
        return false;
    }

    /// Adds what `n`, wherever it is, has run beside the current one; below 0: takes it back. The
    /// kernel has nothing like it: one of its queues serves one CPU.
    void charge_aside(Node& n, std::int64_t ns) noexcept {
        const std::uint64_t amount =
            to_virtual(static_cast<std::uint64_t>(ns < 0 ? -ns : ns), n.weight);
        const bool queued = n.where == Node::place::queued;
        if (queued) {
            tree_.erase(n);
        }
        n.vruntime += ns < 0 ? 0 - amount : amount;
        if (queued) {
            tree_.insert(n);
        }
        if (n.where != Node::place::outside) {
            update_min_vruntime();
        }
    }

    /// The part of `period` that is this one's, in a hierarchy: one step of sched_slice().
    [[nodiscard]] std::uint64_t part(std::uint64_t period, const Node& n) const noexcept {
        const bool here = n.where != Node::place::outside;
        const std::uint64_t total = weight_ + (here ? 0 : n.weight.value);
        return period * n.weight.value / std::max<std::uint64_t>(total, 1);
    }

    /// __sched_period() for so many.
    [[nodiscard]] std::uint64_t period(std::uint64_t runnable) const noexcept {
        return runnable > settings_->most_in_latency() ? runnable * settings_->minimum_granularity
                                                       : settings_->latency;
    }

    [[nodiscard]] std::uint64_t least_slice() const noexcept {
        return settings_->minimum_granularity;
    }

    /// check_preempt_tick(): whether the current one has had its slice, or is ahead of the leftmost
    /// by more than a slice (sched-design-CFS.rst, 3, and task_tick in 6).
    bool tick(std::uint64_t slice) noexcept {
        if (count_ < 2) {
            return false;
        }
        if (ran_ > slice) {
            clear_buddies(*current_);  // it must not win by being somebody's favourite
            return true;
        }
        if (ran_ < settings_->minimum_granularity || tree_.empty()) {
            return false;
        }
        const std::uint64_t ahead = current_->vruntime - tree_.first()->vruntime;
        return !before_in_time(current_->vruntime, tree_.first()->vruntime) && ahead > slice;
    }

    /// check_preempt_wakeup(): whether `n`, which has just come, should run instead of the current
    /// one (sched-design-CFS.rst, 6: wakeup_preempt).
    bool preempts(Node& n) noexcept {
        if (!outruns(*current_, n)) {
            return false;
        }
        next_ = &n;
        if (count_ >= settings_->most_in_latency()) {
            last_ = current_;  // and then back to whom it has interrupted
        }
        return true;
    }

    /// yield_task_fair() (sched-design-CFS.rst, 6: yield_task; since then it is a buddy to skip).
    void yield() noexcept {
        if (count_ > 1) {
            clear_buddies(*current_);
            skip_ = current_;
        }
    }

    /// The same for its group. It costs no virtual time, so the other members lose nothing.
    void yield_for_member() noexcept { yield(); }

    /// reweight_entity().
    void reweight(Node& n, fair_weight weight) noexcept {
        if (n.where != Node::place::outside) {
            weight_ += std::uint64_t{weight.value} - n.weight.value;
        }
        n.weight = weight;
    }

private:
    struct order {
        using node = Node;
        static fair_links<Node>& links(Node& n) noexcept { return n.links; }
        static bool before(const Node& a, const Node& b) noexcept {
            return before_in_time(a.vruntime, b.vruntime);
        }
        static constexpr bool summarised = false;
    };

    /// entity_before().
    static bool before(const Node& a, const Node& b) noexcept { return order::before(a, b); }

    static std::uint64_t later(std::uint64_t a, std::uint64_t b) noexcept {
        return before_in_time(a, b) ? b : a;
    }

    /// wakeup_preempt_entity(a, b) == 1: `a` has had more than `b` by more than the granularity.
    [[nodiscard]] bool outruns(const Node& a, const Node& b) const noexcept {
        const auto difference = static_cast<std::int64_t>(a.vruntime - b.vruntime);
        return difference > 0 && static_cast<std::uint64_t>(difference) >
                                     to_virtual(settings_->wakeup_granularity, b.weight);
    }

    /// place_entity() of one that wakes: at most half a latency before the others, and never back
    /// in its own time (GENTLE_FAIR_SLEEPERS).
    void place_woken(Node& n) noexcept {
        n.vruntime = later(n.vruntime, min_vruntime_ - settings_->latency / 2);
    }

    void make_relative(Node& n) noexcept {
        n.vruntime -= min_vruntime_;
        n.relative = true;
    }

    void insert(Node& n) noexcept {
        n.where = Node::place::queued;
        tree_.insert(n);
    }

    /// update_min_vruntime(): it never goes back (sched-design-CFS.rst, 3).
    void update_min_vruntime() noexcept {
        const Node* least = tree_.first();
        if (least == nullptr || (current_ != nullptr && before(*current_, *least))) {
            least = current_;
        }
        if (least != nullptr) {
            min_vruntime_ = later(min_vruntime_, least->vruntime);
        }
    }

    /// clear_buddies().
    void clear_buddies(const Node& n) noexcept {
        next_ = next_ == &n ? nullptr : next_;
        last_ = last_ == &n ? nullptr : last_;
        skip_ = skip_ == &n ? nullptr : skip_;
    }

    const parameters* settings_;
    fair_tree<order> tree_;
    Node* current_ = nullptr;
    std::uint64_t min_vruntime_;
    std::uint64_t weight_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t ran_ = 0;  // of the current one, since it was picked
    Node* next_ = nullptr;   // should run next, if that is not unfair
    Node* last_ = nullptr;   // was preempted, and has its data in the cache
    Node* skip_ = nullptr;   // has yielded
};

}  // namespace weft
