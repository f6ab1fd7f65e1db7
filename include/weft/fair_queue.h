// SPDX-License-Identifier: Apache-2.0
//
// fair_queue: who runs next, and until when, so that each gets its share. It is the algorithm
// alone: no clock, no lock, no allocation, no thread. Whoever uses it runs what it picks and tells
// it how long that ran. What runs may be a fiber, a tenant's query or a task of a simulation.
//
//   struct task : weft::fair_entity { ... };
//   weft::fair_queue<task> queue;                     // weft::cfs; or <task, weft::eevdf>
//
//   queue.start(a);                                   // a new one
//   task* now = queue.pick_next();                    // runs
//   queue.charge(ran_ns);                             // it has run for so long
//   if (queue.should_switch() || queue.tick()) { now = queue.pick_next(); }
//   queue.block();                                    // it sleeps; pick_next() again
//   if (queue.wake(b)) { ... }                        // b should run at once
//
// Two levels: an entity may belong to a group. A group has a weight among those of the queue that
// belong to none and the other groups; within it the weights of its members count. It may have a
// quota: so many nanoseconds of each period, after which its members wait for refill().
//
// Policies: cfs (fair_cfs.h), eevdf (fair_eevdf.h), and to compare with fifo and round_robin
// (fair_fifo.h).
//
// Cost: O(log n) for what goes in and out, O(1) to charge. Not thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <type_traits>

#include <weft/detail/fair_cfs.h>
#include <weft/detail/fair_eevdf.h>
#include <weft/detail/fair_fifo.h>
#include <weft/fair_entity.h>

namespace weft {

/// How much of each period a group may run: the kernel's CFS bandwidth control
/// (Documentation/scheduler/sched-bwc.rst) on one CPU. Whoever has several queues deals out parts
/// of a common quota instead (fair_queue::grant).
struct fair_quota {
    std::uint64_t quota_ns = 0;  ///< 0: as much as it gets
    std::uint64_t period_ns = 100'000'000;
    std::uint64_t burst_ns = 0;  ///< how much of what it left may be added to a later quota
};

/// What is shared is given out to entities of a type derived from fair_entity, by a policy: cfs,
/// eevdf, fifo or round_robin. See the head of the file.
template <class Entity, class Policy = cfs>
class fair_queue {
    static_assert(std::is_base_of_v<fair_entity, Entity>);
    using level = typename Policy::template level<fair_entity>;

public:
    using parameters = typename Policy::parameters;

    /// A group of entities. Lives as long as the queue or any member uses it.
    class group : private fair_entity {
    public:
        /// A group of `queue` without members. The weight is clamped to least_weight and
        /// greatest_weight.
        explicit group(fair_queue& queue, std::uint32_t weight_of_group = nice_0_weight,
                       fair_quota limit = {}) noexcept
            : members_(queue.settings_),
              limit_(limit),
              left_(static_cast<std::int64_t>(limit.quota_ns)) {
            weight = fair_weight::of(std::clamp(weight_of_group, least_weight, greatest_weight));
            is_group = true;
            vruntime = members_.virtual_time();
        }

        /// Its weight.
        [[nodiscard]] std::uint32_t share() const noexcept { return weight.value; }
        /// CPU time that its members have run, all told, in nanoseconds.
        [[nodiscard]] std::uint64_t ran_ns() const noexcept { return ran; }
        /// How much of its quota it may still run; below 0: by how much it has run too long.
        [[nodiscard]] std::int64_t left_ns() const noexcept { return left_; }
        /// Whether it has used up its quota. False without one.
        [[nodiscard]] bool spent() const noexcept { return limit_.quota_ns != 0 && left_ <= 0; }
        /// Whether it waits for its quota.
        [[nodiscard]] bool throttled() const noexcept { return throttled_; }
        /// How many members are runnable, also while it waits for its quota.
        [[nodiscard]] std::uint64_t runnable() const noexcept { return runnable_; }

    private:
        friend fair_queue;

        level members_;
        fair_quota limit_;
        std::int64_t left_;  // of the quota; may go below 0
        std::uint64_t refill_at_ = 0;
        std::uint64_t runnable_ = 0;
        bool throttled_ = false;
    };

    /// An empty queue. The settings are copied; what they are says the policy (fair_cfs.h and
    /// others).
    explicit fair_queue(const parameters& settings = {}) noexcept
        : settings_(settings), top_(settings_) {}
    fair_queue(const fair_queue&) = delete;
    fair_queue& operator=(const fair_queue&) = delete;

    /// Who runs; null: nobody.
    [[nodiscard]] Entity* current() const noexcept { return current_; }
    /// How many may run, the current one among them: not those of groups that wait for a quota.
    [[nodiscard]] std::uint64_t runnable() const noexcept { return runnable_; }
    /// Whether nobody may run: runnable() is 0.
    [[nodiscard]] bool empty() const noexcept { return runnable_ == 0; }

    /// A new entity becomes runnable, in `where` or in no group. Whether it should run at once.
    bool start(Entity& e, group* where = nullptr) noexcept {
        e.owner = where;
        e.relative = false;
        e.lag = 0;
        return arrive(e, arrival::fresh);
    }

    /// One that has slept becomes runnable. Whether it should run at once.
    bool wake(Entity& e) noexcept { return arrive(e, arrival::woken); }
    /// The same of one that has slept in another queue, and has left it since (leave()).
    bool wake(Entity& e, group* where) noexcept {
        e.owner = where;
        return arrive(e, arrival::woken);
    }

    /// One that has left another queue (leave()) goes on here, as far from the others as it was
    /// there. Whether it should run at once.
    bool join(Entity& e, group* where = nullptr) noexcept {
        e.owner = where;
        return arrive(e, arrival::moved);
    }

    /// Who runs from now on; null: nobody may. It may be who ran before.
    Entity* pick_next() noexcept {
        should_switch_ = false;
        throttle_if_spent();
        for (;;) {
            fair_entity* chosen = top_.pick();
            if (chosen != nullptr && chosen->is_group) {
                level& members = as_group(*chosen).members_;
                fair_entity* const member = members.pick();
                if (member == nullptr) {  // they had only slept off their debts
                    top_.dequeue(*chosen, true);
                    continue;
                }
                switch_to(top_, *chosen);
                switch_to(members, *member);
                chosen = member;
            } else if (chosen != nullptr) {
                switch_to(top_, *chosen);
            }
            current_ = static_cast<Entity*>(chosen);
            return current_;
        }
    }

    /// As pick_next(), for whoever has a reason of its own to pass some over: of the groups, and of
    /// those that belong to none, the first one for which `may_run(the first of its members)`. The
    /// others stay where they are. O(n) where many are passed over. Policy cfs only.
    template <class May>
    Entity* pick_next_if(May may_run) noexcept
        requires requires(level& at) { at.find([](fair_entity&) { return true; }); }
    {
        should_switch_ = false;
        throttle_if_spent();
        if (fair_entity* const before = top_.current()) {
            if (before->is_group) {
                put_member_back(as_group(*before));
            }
            top_.put_back();
        }
        const auto first_of = [](fair_entity& e) {
            return static_cast<Entity*>(e.is_group ? as_group(e).members_.pick() : &e);
        };
        fair_entity* const found = top_.find([&](fair_entity& e) { return may_run(*first_of(e)); });
        current_ = found != nullptr ? first_of(*found) : nullptr;
        if (found != nullptr) {
            top_.set_current(*found);
        }
        if (found != nullptr && found->is_group) {
            as_group(*found).members_.set_current(*current_);
        }
        return current_;
    }

    /// The current one has run for `ns` of CPU time.
    void charge(std::uint64_t ns) noexcept {
        current_->ran += ns;
        group* const g = group_of(*current_);
        bool over = home_of(*current_).charge(ns);
        if (g != nullptr) {
            g->ran += ns;
            over = top_.charge(ns) || over;
            g->left_ -= static_cast<std::int64_t>(ns);
            over = over || g->spent();
        }
        should_switch_ = should_switch_ || over;
    }

    /// `e`, of this queue and perhaps asleep by now, has run for `ns` beside the current one; below
    /// 0: for so much less than it was charged. For whoever lets several run at a time: picks one,
    /// charges what it will probably cost, blocks it, and charges the difference once that is
    /// known. Policy cfs only.
    void charge_aside(Entity& e, std::int64_t ns) noexcept
        requires requires(level& at) { at.charge_aside(e, ns); }
    {
        e.ran += static_cast<std::uint64_t>(ns);
        home_of(e).charge_aside(e, ns);
        if (group* const g = group_of(e)) {
            g->ran += static_cast<std::uint64_t>(ns);
            top_.charge_aside(*g, ns);
            g->left_ -= ns;
            if (g->spent() && g->where == fair_entity::place::queued) {
                runnable_ -= g->runnable_;
                throttle(*g);
            } else if (ns < 0) {
                thaw(*g);
            }
        }
    }

    /// Whether what was charged ended the current one's turn.
    [[nodiscard]] bool should_switch() const noexcept { return should_switch_; }

    /// To be called now and then while the current one runs, after charge(): the kernel's tick.
    /// Whether somebody else should run.
    bool tick() noexcept {
        if (current_ == nullptr) {
            return false;
        }
        bool over = home_of(*current_).tick(slice_of(*current_));
        if (const group* const g = group_of(*current_)) {
            over = top_.tick(slice_in_top(*g)) || over;
        }
        should_switch_ = should_switch_ || over;
        return should_switch_;
    }

    /// The current one lets others run.
    void yield() noexcept {
        home_of(*current_).yield();
        if (group_of(*current_) != nullptr) {
            top_.yield_for_member();
        }
        should_switch_ = true;
    }

    /// The current one sleeps. Nobody runs until pick_next().
    void block() noexcept { depart(*current_, true); }

    /// `e`, runnable, current or asleep, goes to another queue: join() or wake() it there. It
    /// belongs to no group from now on.
    void leave(Entity& e) noexcept {
        if (e.where == fair_entity::place::outside) {
            home_of(e).detach(e);
        } else {
            depart(e, false);
        }
        e.owner = nullptr;
    }

    /// `e` will not come back, whatever it does now.
    void remove(Entity& e) noexcept {
        if (e.where != fair_entity::place::outside) {
            depart(e, false);
        }
    }

    /// Another weight, also while it runs.
    void set_nice(Entity& e, int nice) noexcept { home_of(e).reweight(e, weight_of_nice(nice)); }
    /// The same for a group, clamped to least_weight and greatest_weight.
    void set_weight(group& g, std::uint32_t weight) noexcept {
        top_.reweight(g, fair_weight::of(std::clamp(weight, least_weight, greatest_weight)));
    }

    /// Another quota, or none, from now on. What `g` owes it still owes; what it had left it keeps,
    /// up to the new quota and burst.
    void set_quota(group& g, fair_quota limit) noexcept {
        const bool had = g.limit_.quota_ns != 0;
        const auto quota = static_cast<std::int64_t>(limit.quota_ns);
        const auto most = static_cast<std::int64_t>(limit.quota_ns + limit.burst_ns);
        g.limit_ = limit;
        g.left_ = had ? std::min(g.left_, most) : quota;
        g.refill_at_ = quota != 0 ? g.refill_at_ : 0;
        thaw(g);
    }

    /// Fills the quota of `g` if a period is over at `now`, and lets it run again. Whether it
    /// should run at once. Call it at refill_time().
    bool refill(group& g, std::uint64_t now) noexcept {
        if (g.limit_.quota_ns == 0) {
            return false;
        }
        if (g.refill_at_ == 0) {
            g.refill_at_ = now + g.limit_.period_ns;
            return false;
        }
        if (before_in_time(now, g.refill_at_)) {
            return false;
        }
        __extension__ using wide = __int128;
        const std::uint64_t periods = (now - g.refill_at_) / g.limit_.period_ns + 1;
        const auto most = static_cast<std::int64_t>(g.limit_.quota_ns + g.limit_.burst_ns);
        g.left_ = static_cast<std::int64_t>(
            std::min<wide>(g.left_ + wide{g.limit_.quota_ns} * periods, most));
        g.refill_at_ += periods * g.limit_.period_ns;
        return thaw(g);
    }
    /// Adds to what is left of the quota of `g`, and lets it run again if that is enough. Whether
    /// it should run at once. For whoever deals out a common quota to several queues and so never
    /// calls refill().
    bool grant(group& g, std::uint64_t ns) noexcept {
        g.left_ += static_cast<std::int64_t>(ns);
        return thaw(g);
    }
    /// When the next period of `g` begins; 0: it has no quota, or refill() was never called.
    [[nodiscard]] std::uint64_t refill_time(const group& g) const noexcept { return g.refill_at_; }

    /// The time that `e` may run at a stretch if nothing changes: sched_slice().
    [[nodiscard]] std::uint64_t slice_of(const Entity& e) const noexcept {
        const bool here = e.where != fair_entity::place::outside;
        std::uint64_t slice = top_.period(runnable_ + (here ? 0 : 1));
        if (const group* const g = group_of(e)) {
            slice = top_.part(g->members_.part(slice, e), *g);
        } else {
            slice = top_.part(slice, e);
        }
        return std::max(slice, top_.least_slice());
    }

    /// For tests and pictures: the queue in which `e` stands.
    [[nodiscard]] const level& level_of(const Entity& e) const noexcept {
        const group* const g = group_of(e);
        return g != nullptr ? g->members_ : top_;
    }

private:
    static group& as_group(fair_entity& e) noexcept { return static_cast<group&>(e); }
    static group* group_of(const Entity& e) noexcept { return static_cast<group*>(e.owner); }
    /// sched_slice() of the group itself, which its members have together.
    [[nodiscard]] std::uint64_t slice_in_top(const group& g) const noexcept {
        return std::max(top_.part(top_.period(runnable_), g), top_.least_slice());
    }
    level& home_of(const Entity& e) noexcept {
        group* const g = group_of(e);
        return g != nullptr ? g->members_ : top_;
    }

    /// Makes `chosen` the current one of its level.
    static void switch_to(level& at, fair_entity& chosen) noexcept {
        fair_entity* const before = at.current();
        if (before == &chosen) {
            return;
        }
        if (before != nullptr) {
            if (before->is_group) {
                put_member_back(as_group(*before));
            }
            at.put_back();
        }
        at.set_current(chosen);
    }

    static void put_member_back(group& g) noexcept {
        if (g.members_.current() != nullptr) {
            g.members_.put_back();
        }
    }

    bool arrive(Entity& e, arrival how) noexcept {
        group* const g = group_of(e);
        level& to = home_of(e);
        to.enqueue(e, how, how == arrival::fresh ? slice_of(e) : 0);
        if (g == nullptr) {
            ++runnable_;
            return switches_to(top_, e);
        }
        ++g->runnable_;
        if (g->spent() && g->where != fair_entity::place::running) {
            throttle(*g);
        }
        if (g->throttled_) {
            return false;
        }
        ++runnable_;
        if (g->where == fair_entity::place::running) {
            return switches_to(to, e);
        }
        return enter(*g, arrival::woken);
    }

    /// A group has somebody who may run; it may have had before. Whether it should run at once.
    bool enter(group& g, arrival how) noexcept {
        if (g.where != fair_entity::place::queued) {
            top_.enqueue(g, how, 0);
        }
        return switches_to(top_, g);
    }

    bool thaw(group& g) noexcept {
        if (!g.throttled_ || g.spent()) {
            return false;
        }
        g.throttled_ = false;
        runnable_ += g.runnable_;
        return g.runnable_ != 0 && enter(g, arrival::thawed);
    }

    /// check_preempt_curr(): whether `n`, which has come, should run instead of the current one of
    /// its level.
    bool switches_to(level& at, fair_entity& n) noexcept {
        const bool yes = current_ != nullptr && at.current() != nullptr && at.preempts(n);
        should_switch_ = should_switch_ || yes;
        return yes;
    }

    void depart(Entity& e, bool sleeps) noexcept {
        group* const g = group_of(e);
        const bool counted = e.where != fair_entity::place::delayed;
        home_of(e).dequeue(e, sleeps);
        if (current_ == &e) {
            current_ = nullptr;
        }
        if (g == nullptr) {
            runnable_ -= counted ? 1 : 0;
            return;
        }
        g->runnable_ -= counted ? 1 : 0;
        if (!g->throttled_) {
            runnable_ -= counted ? 1 : 0;
            if (g->members_.count() == 0 && g->where != fair_entity::place::outside) {
                top_.dequeue(*g, true);
            }
        }
    }

    void throttle_if_spent() noexcept {
        if (fair_entity* const now = top_.current(); now != nullptr && now->is_group) {
            group& g = as_group(*now);
            if (g.spent()) {
                current_ = nullptr;
                runnable_ -= g.runnable_;
                put_member_back(g);
                throttle(g);
            }
        }
    }

    /// throttle_cfs_rq(). It leaves at once and owes later what it owes now.
    void throttle(group& g) noexcept {
        g.throttled_ = true;
        if (g.where != fair_entity::place::outside) {
            top_.dequeue_at_once(g);
        }
    }

    parameters settings_;
    level top_;
    Entity* current_ = nullptr;
    std::uint64_t runnable_ = 0;
    bool should_switch_ = false;
};

}  // namespace weft
