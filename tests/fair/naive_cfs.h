// SPDX-License-Identifier: Apache-2.0
//
// One level of CFS as Linux 6.1 has it, the naive way.
#pragma once

#include "naive_entity.h"

namespace weft::naive {

class cfs_level : public competitors<entity<cfs_level>> {
public:
    using node = entity<cfs_level>;

    struct parameters {
        std::uint64_t latency = 6'000'000;
        std::uint64_t minimum_granularity = 750'000;
        std::uint64_t wakeup_granularity = 1'000'000;
        std::uint64_t start = 0;  // where virtual time begins
    };

    explicit cfs_level(const parameters& p) : min_v(p.start), set_(p) {}

    /// `slice`: what a new one may run.
    void enqueue(node& n, bool fresh, bool woken, std::uint64_t slice) {
        if (fresh) {  // START_DEBIT: at the end of the period, and not before its parent
            n.v = min_v + delta_fair(slice, n.weight);
            if (running != nullptr && before(n.v, running->v)) {
                n.v = running->v;
            }
        } else if (n.relative) {
            n.v += min_v;
        }
        if (woken) {  // GENTLE_FAIR_SLEEPERS
            const std::uint64_t earliest = min_v - set_.latency / 2;
            if (before(n.v, earliest)) {
                n.v = earliest;
            }
        }
        n.relative = false;
        add(n);
    }

    /// Whether it is gone: always.
    bool dequeue(node& n, bool sleeps, bool /*at_once*/) {
        forget(n);
        take_out(n);
        if (!sleeps) {
            n.v -= min_v;
            n.relative = true;
        }
        advance();
        return true;
    }

    /// A sleeper goes elsewhere: with the bonus that it would get here, not with all its sleep.
    void detach(node& n) {
        if (n.relative) {
            return;
        }
        const std::uint64_t earliest = min_v - set_.latency / 2;
        if (before(n.v, earliest)) {
            n.v = earliest;
        }
        n.v -= min_v;
        n.relative = true;
    }

    node* pick() const {
        node* left = first(nullptr);
        if (left == nullptr || (running != nullptr && before(running->v, left->v))) {
            left = running;
        }
        node* chosen = left;
        if (skip_ != nullptr && skip_ == chosen) {
            node* second = first(chosen);
            if (chosen != running &&
                (second == nullptr || (running != nullptr && before(running->v, second->v)))) {
                second = running;
            }
            if (second != nullptr && !much_later(*second, *left)) {
                chosen = second;
            }
        }
        if (next_ != nullptr && !much_later(*next_, *left)) {
            chosen = next_;
        } else if (last_ != nullptr && !much_later(*last_, *left)) {
            chosen = last_;
        }
        return chosen;
    }

    void set_current(node& n) {
        forget(n);
        take_out(n);
        running = &n;
        n.where = state::running;
        n.turn = 0;
    }

    bool charge(std::uint64_t ns) {
        running->v += delta_fair(ns, running->weight);
        running->turn += ns;
        advance();
        return false;
    }

    bool tick(std::uint64_t slice) {
        if (count() <= 1) {
            return false;
        }
        if (running->turn > slice) {
            forget(*running);
            return true;
        }
        if (running->turn < set_.minimum_granularity) {
            return false;
        }
        return distance(running->v, first(nullptr)->v) > static_cast<std::int64_t>(slice);
    }

    /// Whether `n`, which has come, ends the turn of who runs.
    bool preempts(node& n) {
        if (!much_later(*running, n)) {
            return false;
        }
        next_ = &n;
        if (count() >= most_in_latency()) {
            last_ = running;
        }
        return true;
    }

    void yield() {
        if (count() > 1) {
            forget(*running);
            skip_ = running;
        }
    }

    void reweight(node& n, std::uint32_t weight) { n.weight = weight; }

    /// sched_slice() before the weights are looked at.
    std::uint64_t period(std::uint64_t runnable) const {
        return runnable > most_in_latency() ? runnable * set_.minimum_granularity : set_.latency;
    }
    std::uint64_t part(std::uint64_t slice, const node& n) const {
        return slice * n.weight / (load() + (n.where == state::outside ? n.weight : 0));
    }
    std::uint64_t least_slice() const { return set_.minimum_granularity; }

    std::uint64_t min_v;  // never goes back

private:
    std::uint64_t most_in_latency() const {
        return (set_.latency + set_.minimum_granularity - 1) / set_.minimum_granularity;
    }

    node* first(const node* except) const {
        node* best = nullptr;
        for (node* each : waiting) {
            if (each != except && (best == nullptr || before(each->v, best->v))) {
                best = each;
            }
        }
        return best;
    }

    bool much_later(const node& a, const node& b) const {
        return distance(a.v, b.v) >
               static_cast<std::int64_t>(delta_fair(set_.wakeup_granularity, b.weight));
    }

    void advance() {
        if (count() == 0) {
            return;
        }
        const node* least = first(nullptr);
        if (least == nullptr || (running != nullptr && before(running->v, least->v))) {
            least = running;
        }
        if (before(min_v, least->v)) {
            min_v = least->v;
        }
    }

    void forget(const node& n) {
        for (node** buddy : {&next_, &last_, &skip_}) {
            if (*buddy == &n) {
                *buddy = nullptr;
            }
        }
    }

    parameters set_;
    node* next_ = nullptr;  // has preempted somebody
    node* last_ = nullptr;  // was preempted
    node* skip_ = nullptr;  // has yielded
};

}  // namespace weft::naive
