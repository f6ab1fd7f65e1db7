// SPDX-License-Identifier: Apache-2.0
//
// eevdf: Earliest Eligible Virtual Deadline First, the scheduler of Linux since 6.6. Everybody has
// a request of a certain length, its slice; among those who have not had more than their share
// (they are *eligible*: their lag is not negative) the one whose request is due first runs. The
// weight decides the share, the slice how soon and for how long at a stretch.
//
// With v the virtual time that one has had, w its weight, and sums over all that are runnable:
//
//   V      = sum(w * v) / sum(w)      the queue's virtual time
//   lag    = w * (V - v)              what it is owed; kept here divided by w
//   v <= V                            eligible
//   d      = v + slice / w            its deadline
//
// Guaranteed of whoever is always runnable: -r < lag < max(r, q), where r is the longest request
// and q the longest time between two looks at the queue, if nobody is charged for more than the
// rest of its request. If it is, it may have q more in advance, and who waits be owed two or three
// times r + q.
//
// Follows kernel/sched/fair.c of Linux 6.12; each function names the one that it follows. Where the
// kernel has a feature switch, its default holds. Left out: what fair_cfs.h leaves out, and that a
// group asks for the shortest of its members' slices (cfs_rq_min_slice): it asks for the queue's.
//
// What it is meant to do says the kernel's Documentation/scheduler/sched-eevdf.rst, cited below
// where it speaks of a function.
//
// Source of the algorithm: Stoica, Abdel-Wahab: Earliest Eligible Virtual Deadline First, TR-95-22,
// Old Dominion University, 1995.
#pragma once

#include <algorithm>
#include <cstdint>

#include <weft/detail/fair_cfs.h>

namespace weft {

struct eevdf {
    /// The kernel's for one CPU; it multiplies the slice by the factor of cfs::parameters.
    struct parameters {
        std::uint64_t slice = 700'000;     ///< of whoever has set none
        std::uint64_t tick = 4'000'000;    ///< how often tick() is called; bounds the lag kept
        std::uint64_t first_vruntime = 0;  ///< where virtual time begins

        static constexpr parameters for_cpus(unsigned cpus) noexcept {
            const parameters one;
            const std::uint64_t factor =
                cfs::parameters::for_cpus(cpus).latency / cfs::parameters().latency;
            return {one.slice * factor, one.tick, one.first_vruntime};
        }
    };

    /// One run queue. The current entity is not in the tree.
    template <class Node>
    class level;
};

template <class Node>
class eevdf::level {
public:
    explicit level(const parameters& settings) noexcept
        : settings_(&settings), zero_(settings.first_vruntime) {}

    /// Of those that are runnable or pay off a debt.
    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }
    [[nodiscard]] Node* current() const noexcept { return current_; }

    /// V: avg_vruntime(). Rounded down, so that V itself is eligible.
    [[nodiscard]] std::uint64_t virtual_time() const noexcept {
        std::int64_t sum = sum_;
        std::int64_t weight = tree_weight_;
        if (current_ != nullptr) {
            sum += distance(*current_) * weight_of(*current_);
            weight += weight_of(*current_);
        }
        if (weight == 0) {
            return zero_;
        }
        return zero_ + static_cast<std::uint64_t>((sum < 0 ? sum - (weight - 1) : sum) / weight);
    }

    /// enqueue_entity() and place_entity(): back to the lag with which it left.
    void enqueue(Node& n, arrival how, std::uint64_t /*slice*/) noexcept {
        if (n.where == Node::place::delayed) {
            requeue_delayed(n);
            return;
        }
        place(n, how == arrival::fresh);
        ++count_;
        weight_ += n.weight.value;
        insert(n);
    }

    /// dequeue_entity() of one that is queued or current. It sleeps, or else goes to another queue
    /// and takes its deadline along. One that has had more than its share and sleeps stays
    /// (DELAY_DEQUEUE), so that a short sleep does not wipe out a debt: what sched-eevdf.rst calls
    /// deferred dequeue.
    void dequeue(Node& n, bool sleeps) noexcept {
        if (sleeps && n.where != Node::place::delayed && !eligible(n)) {
            if (current_ == &n) {
                current_ = nullptr;
                insert(n);
            }
            n.where = Node::place::delayed;
            return;
        }
        dequeue_at_once(n);
        if (!sleeps) {
            n.deadline -= n.vruntime;  // PLACE_REL_DEADLINE
            n.relative = true;
        }
    }

    /// The same for a group that must not run, whatever it owes.
    void dequeue_at_once(Node& n) noexcept {
        n.lag = lag_of(n);
        if (n.where == Node::place::delayed) {
            n.lag = std::min<std::int64_t>(n.lag, 0);  // DELAY_ZERO
        }
        take_out(n);
    }

    /// pick_eevdf(): the earliest deadline of those whose lag is not negative (sched-eevdf.rst).
    /// Null when nobody is there; perhaps the current one. Those that have slept off their debt
    /// leave here.
    [[nodiscard]] Node* pick() noexcept {
        for (;;) {
            Node* const n = earliest();
            if (n == nullptr || n->where != Node::place::delayed) {
                return n;
            }
            dequeue(*n, true);
        }
    }

    /// set_next_entity(): `n` leaves the tree and runs.
    void set_current(Node& n) noexcept {
        erase(n);
        n.where = Node::place::running;
        current_ = &n;
        request_ = n.deadline;
        is_protected_ = true;
    }

    /// put_prev_entity() of a current one that would go on.
    void put_back() noexcept {
        Node& n = *current_;
        current_ = nullptr;
        insert(n);
    }

    /// update_curr(), update_deadline(). Whether somebody else should run now: the request is
    /// fulfilled, or it has lost its protection and its claim (PREEMPT_SHORT).
    bool charge(std::uint64_t ns) noexcept {
        Node& n = *current_;
        n.vruntime += to_virtual(ns, n.weight);
        bool over = false;
        if (!before_in_time(n.vruntime, n.deadline)) {
            n.deadline = n.vruntime + to_virtual(slice_of(n), n.weight);
            rebase();
            over = true;
        }
        return count_ > 1 && (over || (!keeps_turn() && !eligible(n)));
    }

    // EEVDF asks nothing at ticks, and its slices do not depend on others'.
    bool tick(std::uint64_t /*slice*/) noexcept { return false; }
    [[nodiscard]] std::uint64_t part(std::uint64_t period, const Node& n) const noexcept {
        return n.slice != 0 ? n.slice : period;
    }
    [[nodiscard]] std::uint64_t period(std::uint64_t /*runnable*/) const noexcept {
        return settings_->slice;
    }
    [[nodiscard]] std::uint64_t least_slice() const noexcept { return 0; }

    /// check_preempt_wakeup_fair(): whether `n`, which has just come, should run instead of the
    /// current one: if it is due earlier (sched-eevdf.rst). A shorter request that is due earlier
    /// breaks the current one's protection.
    bool preempts(Node& n) noexcept {
        const Node& now = *current_;
        if (slice_of(n) < slice_of(now) && eligible(n) &&
            (before_in_time(n.deadline, now.deadline) || !eligible(now))) {
            is_protected_ = false;
        }
        return earliest() == &n;
    }

    /// yield_task_fair(): gives up the rest of its request.
    void yield() noexcept {
        Node& n = *current_;
        if (eligible(n)) {
            n.vruntime = n.deadline;
            n.deadline += to_virtual(slice_of(n), n.weight);
        }
        is_protected_ = false;
    }
    /// Its group gives nothing up: the rest of that request is also the other members'.
    void yield_for_member() noexcept {}

    /// reweight_entity(): the lag, and the part of the request that is left, stay in real time.
    void reweight(Node& n, fair_weight weight) noexcept {
        const auto scaled = [&](std::int64_t virtual_distance) {
            return static_cast<std::int64_t>(wide{virtual_distance} * n.weight.value /
                                             weight.value);
        };
        if (n.where == Node::place::outside) {
            n.lag = scaled(n.lag);
            if (n.relative) {
                n.deadline = unsigned_of(scaled(signed_of(n.deadline)));
            }
            n.weight = weight;
            return;
        }
        const std::uint64_t now = virtual_time();
        const auto where = n.where;
        if (where != Node::place::running) {
            erase(n);
        }
        n.vruntime = now - unsigned_of(scaled(signed_of(now - n.vruntime)));
        const bool keeps = n.deadline == request_;
        n.deadline = now + unsigned_of(scaled(signed_of(n.deadline - now)));
        weight_ += std::uint64_t{weight.value} - n.weight.value;
        n.weight = weight;
        if (where != Node::place::running) {
            insert(n);
            n.where = where;
        } else if (keeps) {
            request_ = n.deadline;
        }
    }

    /// What one that sleeps took along counts in any queue.
    void detach(Node& /*n*/) noexcept {}

    /// entity_eligible(): whether it has not had more than its share. It is queued or current.
    [[nodiscard]] bool eligible(const Node& n) const noexcept { return eligible(n.vruntime); }

    /// entity_lag(): V - v of one that is queued or current, within what it may keep.
    [[nodiscard]] std::int64_t lag_of(const Node& n) const noexcept {
        const auto most = static_cast<std::int64_t>(
            to_virtual(std::max(2 * slice_of(n), settings_->tick), n.weight));
        return std::clamp(static_cast<std::int64_t>(virtual_time() - n.vruntime), -most, most);
    }

    [[nodiscard]] std::uint64_t slice_of(const Node& n) const noexcept {
        return n.slice != 0 ? n.slice : settings_->slice;
    }

private:
    __extension__ using wide = __int128;

    struct order {
        using node = Node;
        static fair_links<Node>& links(Node& n) noexcept { return n.links; }
        static bool before(const Node& a, const Node& b) noexcept {
            return before_in_time(a.deadline, b.deadline);
        }
        static constexpr bool summarised = true;
        static bool summarise(Node& n, const Node* left, const Node* right) noexcept {
            std::uint64_t least = n.vruntime;
            for (const Node* const below : {left, right}) {
                if (below != nullptr && before_in_time(below->least_vruntime, least)) {
                    least = below->least_vruntime;
                }
            }
            return std::exchange(n.least_vruntime, least) != least;
        }
    };
    using tree = fair_tree<order>;

    static std::int64_t signed_of(std::uint64_t n) noexcept { return static_cast<std::int64_t>(n); }
    static std::uint64_t unsigned_of(std::int64_t n) noexcept {
        return static_cast<std::uint64_t>(n);
    }
    static std::int64_t weight_of(const Node& n) noexcept { return n.weight.value; }

    /// entity_key().
    [[nodiscard]] std::int64_t distance(const Node& n) const noexcept {
        return static_cast<std::int64_t>(n.vruntime - zero_);
    }

    /// vruntime_eligible(): v <= V, without a division.
    [[nodiscard]] bool eligible(std::uint64_t vruntime) const noexcept {
        std::int64_t sum = sum_;
        std::int64_t weight = tree_weight_;
        if (current_ != nullptr) {
            sum += distance(*current_) * weight_of(*current_);
            weight += weight_of(*current_);
        }
        return sum >= wide{static_cast<std::int64_t>(vruntime - zero_)} * weight;
    }

    /// Whether the current one is still within the request for which it was picked
    /// (RUN_TO_PARITY).
    [[nodiscard]] bool keeps_turn() const noexcept {
        return is_protected_ && current_->deadline == request_;
    }

    [[nodiscard]] Node* earliest() noexcept {
        Node* now = current_;
        if (now == nullptr && count_ == 1) {
            return tree_.first();
        }
        if (now != nullptr && (count_ == 1 || (keeps_turn() && eligible(*now)))) {
            return now;
        }
        if (now != nullptr && !eligible(*now)) {
            now = nullptr;
        }
        Node* best = tree_.first();
        if (best != nullptr && !eligible(*best)) {
            best = earliest_below(tree_.root());
        }
        if (best == nullptr || (now != nullptr && order::before(*now, *best))) {
            best = now;
        }
        return best;
    }

    /// The eligible one with the earliest deadline: on the left, if anybody there is eligible.
    [[nodiscard]] Node* earliest_below(Node* at) const noexcept {
        while (at != nullptr) {
            Node* const left = tree::left(*at);
            if (left != nullptr && eligible(left->least_vruntime)) {
                at = left;
            } else if (eligible(*at)) {
                return at;
            } else {
                at = tree::right(*at);
            }
        }
        return nullptr;
    }

    /// place_entity(). Adding an entity with lag l moves V by -w * l / (W + w), so it is placed
    /// farther away to have the lag l afterwards.
    void place(Node& n, bool fresh) noexcept {
        rebase();
        std::int64_t lag = 0;
        if (count_ != 0 && n.lag != 0) {
            const auto others = static_cast<std::int64_t>(weight_);
            lag = static_cast<std::int64_t>(wide{n.lag} * (others + weight_of(n)) /
                                            std::max<std::int64_t>(others, 1));
        }
        n.vruntime = zero_ - static_cast<std::uint64_t>(lag);
        if (n.relative) {
            n.deadline += n.vruntime;
            n.relative = false;
            return;
        }
        const std::uint64_t request = to_virtual(slice_of(n), n.weight);
        n.deadline = n.vruntime + (fresh ? request / 2 : request);  // PLACE_DEADLINE_INITIAL
    }

    /// requeue_delayed(): woken while it paid off its debt. What it would gain is not given.
    void requeue_delayed(Node& n) noexcept {
        n.lag = lag_of(n);
        if (n.lag > 0) {
            take_out(n);
            n.lag = 0;
            place(n, false);
            ++count_;
            weight_ += n.weight.value;
            insert(n);
        }
        n.where = Node::place::queued;
    }

    void insert(Node& n) noexcept {
        n.where = Node::place::queued;
        sum_ += distance(n) * weight_of(n);
        tree_weight_ += weight_of(n);
        tree_.insert(n);
    }

    void erase(Node& n) noexcept {
        tree_.erase(n);
        sum_ -= distance(n) * weight_of(n);
        tree_weight_ -= weight_of(n);
    }

    void take_out(Node& n) noexcept {
        if (current_ == &n) {
            current_ = nullptr;
        } else {
            erase(n);
        }
        n.where = Node::place::outside;
        --count_;
        weight_ -= n.weight.value;
    }

    /// The second half of avg_vruntime(): V becomes the zero from which distances count, so that
    /// their sums stay small.
    void rebase() noexcept {
        const std::uint64_t now = virtual_time();
        sum_ -= tree_weight_ * static_cast<std::int64_t>(now - zero_);
        zero_ = now;
    }

    const parameters* settings_;
    tree tree_;
    Node* current_ = nullptr;
    std::uint64_t zero_;
    std::int64_t sum_ = 0;          // of weight * distance, in the tree
    std::int64_t tree_weight_ = 0;  // of weights, in the tree
    std::uint64_t weight_ = 0;      // and the current one's
    std::uint64_t count_ = 0;
    std::uint64_t request_ = 0;  // the current one's deadline when it was picked
    bool is_protected_ = false;
};

}  // namespace weft
