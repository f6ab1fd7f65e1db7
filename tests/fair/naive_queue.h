// SPDX-License-Identifier: Apache-2.0
//
// fair_queue, the naive way: two levels, groups with quotas, and every count made anew.
#pragma once

#include <optional>
#include <type_traits>

#include "naive_cfs.h"
#include "naive_eevdf.h"

namespace weft::naive {

template <class Level>
class queue {
public:
    using node = entity<Level>;
    using parameters = typename Level::parameters;
    static constexpr bool is_cfs = std::is_same_v<Level, cfs_level>;

    struct group : node {
        group(queue& of, const parameters& p, std::uint32_t w) : members(p) {
            this->v = p.start;
            this->weight = w;
            this->is_group = true;
            this->level = &of.top;
        }
        Level members;
        std::uint64_t quota = 0;  // 0: none
        std::uint64_t length = 0;
        std::uint64_t burst = 0;
        wide left = 0;
        std::optional<std::uint64_t> period_end;
        bool throttled = false;

        bool spent() const { return quota != 0 && left <= 0; }
        std::uint64_t runnable() const { return count_runnable(members); }
    };

    explicit queue(const parameters& p) : top(p) {}

    Level top;
    node* current = nullptr;
    bool should_switch = false;

    std::uint64_t runnable() const {
        std::uint64_t sum = 0;
        top.for_each([&](const node& each) {
            if (each.is_group) {
                sum += as_group(each).runnable();
            } else {
                sum += each.where == state::delayed ? 0 : 1;
            }
        });
        return sum;
    }

    /// How it comes: new, from its sleep, or neither (from another queue).
    enum class kind : std::uint8_t { fresh, woken, moved };

    bool arrive(node& n, group* where, kind how) {
        n.parent = where;
        n.level = where != nullptr ? &where->members : &top;
        if (n.where == state::delayed) {
            requeue(n);
        } else {
            if (how == kind::fresh) {
                n.lag = 0;
                n.relative = false;
            }
            const std::uint64_t slice = how == kind::fresh ? slice_of(n) : 0;
            n.level->enqueue(n, how == kind::fresh, how == kind::woken, slice);
        }
        if (where != nullptr) {
            if (where->spent() && where->where != state::running) {
                throttle(*where);
            }
            if (where->throttled) {
                return false;
            }
            if (where->where == state::delayed) {
                requeue(*where);
            } else if (where->where == state::outside) {
                top.enqueue(*where, false, true, 0);
            }
        }
        return preempts(n);
    }

    void block() { depart(*current, true); }

    void leave(node& n) {
        if (n.where == state::outside) {
            n.level->detach(n);
        } else {
            depart(n, false);
        }
        n.parent = nullptr;
    }

    node* pick_next() {
        should_switch = false;
        if (top.running != nullptr && top.running->is_group && as_group(*top.running).spent()) {
            current = nullptr;
            throttle(as_group(*top.running));
        }
        for (;;) {
            node* chosen = top.pick();
            node* member = nullptr;
            if (chosen != nullptr && chosen->is_group) {
                member = as_group(*chosen).members.pick();
                if (member == nullptr) {
                    top.dequeue(*chosen, true, false);
                    continue;
                }
            }
            if (chosen != nullptr) {
                switch_to(*chosen, member);
            }
            current = member != nullptr ? member : chosen;
            return current;
        }
    }

    void charge(std::uint64_t ns) {
        bool over = false;
        for (node* each = current; each != nullptr; each = each->parent) {
            over = each->level->charge(ns) || over;
        }
        if (current->parent != nullptr) {
            group& g = as_group(*current->parent);
            g.left -= ns;
            over = over || g.spent();
        }
        should_switch = should_switch || over;
    }

    bool tick() {
        for (node* each = current; each != nullptr; each = each->parent) {
            should_switch = each->level->tick(slice_of(*each)) || should_switch;
        }
        return current != nullptr && should_switch;
    }

    void yield() {
        should_switch = true;
        if constexpr (is_cfs) {
            for (node* each = current; each != nullptr; each = each->parent) {
                each->level->yield();
            }
        } else {
            current->level->yield();
        }
    }

    bool refill(group& g, std::uint64_t now) {
        if (g.quota == 0) {
            return false;
        }
        if (!g.period_end) {
            g.period_end = now + g.length;
            return false;
        }
        while (!before(now, *g.period_end)) {
            g.left = std::min<wide>(g.left + g.quota, g.quota + g.burst);
            *g.period_end += g.length;
        }
        return thaw(g);
    }

    bool grant(group& g, std::uint64_t ns) {
        g.left += ns;
        return thaw(g);
    }

    /// sched_slice()
    std::uint64_t slice_of(const node& n) const {
        if constexpr (is_cfs) {
            std::uint64_t slice =
                top.period(runnable() + (n.where == state::outside && !n.is_group ? 1 : 0));
            for (const node* each = &n; each != nullptr; each = each->parent) {
                slice = each->level->part(slice, *each);
            }
            return std::max(slice, top.least_slice());
        } else {
            return n.level->slice_of(n);
        }
    }

    static std::uint64_t count_runnable(const Level& level) {
        std::uint64_t sum = 0;
        level.for_each([&](const node& each) { sum += each.where == state::delayed ? 0 : 1; });
        return sum;
    }
    static group& as_group(node& n) { return static_cast<group&>(n); }
    static const group& as_group(const node& n) { return static_cast<const group&>(n); }

private:
    void depart(node& n, bool sleeps) {
        const bool gone = n.level->dequeue(n, sleeps, false);
        if (current == &n) {
            current = nullptr;
        }
        if (gone && n.parent != nullptr) {
            group& g = as_group(*n.parent);
            if (!g.throttled && g.members.count() == 0 && g.where != state::outside) {
                top.dequeue(g, true, false);
            }
        }
    }

    bool thaw(group& g) {
        if (!g.throttled || g.spent()) {
            return false;
        }
        g.throttled = false;
        if (g.runnable() == 0) {
            return false;
        }
        top.enqueue(g, false, true, 0);
        return preempts(g);
    }

    /// Dequeues the group at once, whatever it owes.
    void throttle(group& g) {
        g.throttled = true;
        g.members.put_back();
        if (g.where != state::outside) {
            top.dequeue(g, true, true);
        }
    }

    void requeue(node& n) {
        if constexpr (!is_cfs) {
            n.level->requeue(n);
        }
    }

    static void put_members_back(node& n) {
        if (n.is_group) {
            as_group(n).members.put_back();
        }
    }

    static void set_current(Level& level, node& n) {
        if (level.running == &n) {
            return;
        }
        if (level.running != nullptr) {
            put_members_back(*level.running);
            level.put_back();
        }
        level.set_current(n);
    }

    void switch_to(node& chosen, node* member) {
        set_current(top, chosen);
        if (member != nullptr) {
            set_current(as_group(chosen).members, *member);
        }
    }

    /// Compares `n` with who runs, both taken at the level where they are rivals.
    bool preempts(node& n) {
        if (current == nullptr) {
            return false;
        }
        node* rival = current;
        node* comer = &n;
        if (rival->parent != comer->parent) {
            rival = rival->parent != nullptr ? rival->parent : rival;
            comer = comer->parent != nullptr ? comer->parent : comer;
        }
        if (!comer->level->preempts(*comer)) {
            return false;
        }
        should_switch = true;
        return true;
    }
};

}  // namespace weft::naive
