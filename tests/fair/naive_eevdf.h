// SPDX-License-Identifier: Apache-2.0
//
// One level of EEVDF as Linux 6.12 has it, the naive way.
#pragma once

#include "naive_entity.h"

namespace weft::naive {

class eevdf_level : public competitors<entity<eevdf_level>> {
public:
    using node = entity<eevdf_level>;

    struct parameters {
        std::uint64_t slice = 700'000;
        std::uint64_t tick = 4'000'000;
        std::uint64_t start = 0;  // where virtual time begins
    };

    explicit eevdf_level(const parameters& p) : set_(p), last_average_(p.start) {}

    /// V: the average of all virtual times by weight, rounded towards minus infinity.
    std::uint64_t average() const {
        if (count() == 0) {
            return last_average_;
        }
        const std::uint64_t base = running != nullptr ? running->v : waiting.front()->v;
        const wide sum = weighted_distance(base);
        const wide total = load();
        wide mean = sum / total;
        if (sum % total < 0) {
            --mean;
        }
        return base + static_cast<std::uint64_t>(mean);
    }

    /// v <= V before any rounding.
    bool eligible(const node& n) const { return weighted_distance(n.v) >= 0; }

    std::uint64_t slice_of(const node& n) const { return n.slice != 0 ? n.slice : set_.slice; }

    std::int64_t lag_of(const node& n) const {
        const auto most =
            static_cast<std::int64_t>(delta_fair(std::max(2 * slice_of(n), set_.tick), n.weight));
        return std::clamp(distance(average(), n.v), -most, most);
    }

    void enqueue(node& n, bool fresh, bool /*woken*/, std::uint64_t /*slice_ns*/) {
        place(n, fresh);
        add(n);
    }

    /// Whether it is gone. One that sleeps while it owes time stays, unless it must go `at_once`.
    bool dequeue(node& n, bool sleeps, bool at_once) {
        const bool was_delayed = n.where == state::delayed;
        if (sleeps && !at_once && !was_delayed && !eligible(n)) {
            if (running == &n) {
                put_back();
            }
            n.where = state::delayed;
            return false;
        }
        n.lag = lag_of(n);
        if (was_delayed) {
            n.lag = std::min<std::int64_t>(n.lag, 0);
        }
        if (!sleeps) {
            n.deadline -= n.v;
            n.relative = true;
        }
        last_average_ = average();
        take_out(n);
        return true;
    }

    void detach(node& /*n*/) {}  // a lag means the same everywhere

    /// Wakes one that has not gone yet.
    void requeue(node& n) {
        n.lag = lag_of(n);
        n.where = state::waiting;
        if (n.lag > 0) {
            last_average_ = average();
            take_out(n);
            n.lag = 0;
            place(n, false);
            add(n);
        }
    }

    /// Who should run; may be one that is delayed.
    node* best() const {
        if (count() == 1) {
            return running != nullptr ? running : waiting.front();
        }
        node* const current = running != nullptr && eligible(*running) ? running : nullptr;
        if (current != nullptr && protects(*current)) {
            return current;
        }
        node* found = nullptr;
        for (node* each : waiting) {
            if ((found == nullptr || before(each->deadline, found->deadline)) && eligible(*each)) {
                found = each;
            }
        }
        if (found == nullptr ||
            (current != nullptr && before(current->deadline, found->deadline))) {
            found = current;
        }
        return found;
    }

    node* pick() {
        while (count() != 0) {
            node* const found = best();
            if (found->where != state::delayed) {
                return found;
            }
            dequeue(*found, true, true);
        }
        return nullptr;
    }

    void set_current(node& n) {
        take_out(n);
        running = &n;
        n.where = state::running;
        n.promised = n.deadline;
    }

    /// Whether that ends its turn.
    bool charge(std::uint64_t ns) {
        node& n = *running;
        n.v += delta_fair(ns, n.weight);
        bool over = false;
        if (!before(n.v, n.deadline)) {
            n.deadline = n.v + delta_fair(slice_of(n), n.weight);
            over = true;
        }
        return count() > 1 && (over || (!protects(n) && !eligible(n)));
    }

    static bool tick(std::uint64_t /*slice*/) { return false; }

    bool preempts(node& n) {
        if (slice_of(n) < slice_of(*running) && eligible(n) &&
            (before(n.deadline, running->deadline) || !eligible(*running)) && protects(*running)) {
            running->promised = running->deadline + 1;
        }
        return best() == &n;
    }

    void yield() {
        if (eligible(*running)) {
            running->v = running->deadline;
            running->deadline += delta_fair(slice_of(*running), running->weight);
        }
        running->promised = running->deadline + 1;
    }

    /// V, the lag and the rest of the request, both in real time, stay what they are.
    void reweight(node& n, std::uint32_t weight) {
        if (n.where == state::outside) {
            n.lag = rescaled(n.lag, n.weight, weight);
            if (n.relative) {
                n.deadline = static_cast<std::uint64_t>(
                    rescaled(static_cast<std::int64_t>(n.deadline), n.weight, weight));
            }
        } else {
            const std::uint64_t now = average();
            const bool kept = protects(n);
            n.v = now - static_cast<std::uint64_t>(rescaled(distance(now, n.v), n.weight, weight));
            n.deadline = now + static_cast<std::uint64_t>(
                                   rescaled(distance(n.deadline, now), n.weight, weight));
            n.promised = kept ? n.deadline : n.deadline + 1;
            put_anew(n);
        }
        n.weight = weight;
    }

private:
    /// Behind those whose deadline is the same.
    void put_anew(node& n) {
        if (&n != running) {
            waiting.erase(std::find(waiting.begin(), waiting.end(), &n));
            waiting.push_back(&n);
        }
    }

    static bool protects(const node& n) { return n.promised == n.deadline; }

    static std::int64_t rescaled(std::int64_t amount, std::uint32_t from, std::uint32_t to) {
        return static_cast<std::int64_t>(wide{amount} * from / to);
    }

    /// The sum of w * (v - base).
    wide weighted_distance(std::uint64_t base) const {
        wide sum = 0;
        for_each([&](const node& each) { sum += wide{distance(each.v, base)} * each.weight; });
        return sum;
    }

    void place(node& n, bool fresh) {
        wide lag = 0;
        if (count() != 0) {  // so much that V - v is the old lag once `n` is among the others
            lag = wide{n.lag} * (load() + n.weight) / load();
        }
        n.v = average() - static_cast<std::uint64_t>(lag);
        if (n.relative) {
            n.deadline += n.v;
            n.relative = false;
            return;
        }
        const std::uint64_t request = delta_fair(slice_of(n), n.weight);
        n.deadline = n.v + (fresh ? request / 2 : request);
    }

    parameters set_;
    std::uint64_t last_average_;
};

}  // namespace weft::naive
