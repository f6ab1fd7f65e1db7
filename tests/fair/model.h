// SPDX-License-Identifier: Apache-2.0
//
// Two fair queues and their naive twins: whatever is done to the ones is done to the others, at
// random, and after each step all that can be seen of them must be the same.
#pragma once

#include <weft/fair_queue.h>

#include <array>
#include <deque>
#include <memory>
#include <sstream>
#include <string>

#include "naive_queue.h"
#include "random_run.h"

namespace weft {

template <class Policy>
struct twin_of;
template <>
struct twin_of<cfs> {
    using type = naive::cfs_level;
};
template <>
struct twin_of<eevdf> {
    using type = naive::eevdf_level;
};

struct model_options {
    std::uint64_t operations = 0;
    std::uint64_t start = 0;  // where virtual time begins
    bool groups = false;
    std::size_t members = 24;
};

template <class Policy>
class model {
public:
    explicit model(const model_options& options)
        : options_(options), dice_(seed_of_run() + options.start) {
        for (auto& each : sides_) {
            each = std::make_unique<side>(options);
            if (options.groups) {
                add_groups(*each);
            }
        }
        for (std::size_t i = 0; i < options.members; ++i) {
            members_.emplace_back();
        }
    }

    /// Empty, or what went wrong and after what.
    std::string run() {
        for (done_ = 0; done_ < options_.operations && error_.empty(); ++done_) {
            step();
        }
        return error_.empty() ? "" : error_ + history();
    }

private:
    using level = typename twin_of<Policy>::type;
    using twin = naive::queue<level>;
    using node = typename twin::node;
    using kind = typename twin::kind;

    struct task : fair_entity {};
    using queue_type = fair_queue<task, Policy>;
    using group_type = typename queue_type::group;
    using naive_group = typename twin::group;

    enum class home : std::uint8_t { none, left, right, between };

    struct member {
        task real;
        node naive;
        home at = home::none;
    };
    struct group_pair {
        group_pair(queue_type& queue, twin& naive_queue, const typename level::parameters& p,
                   std::uint32_t weight, const fair_quota& limit)
            : real(queue, weight, limit), naive(naive_queue, p, weight) {
            naive.quota = limit.quota_ns;
            naive.left = limit.quota_ns;
            naive.length = limit.period_ns;
            naive.burst = limit.burst_ns;
        }
        group_type real;
        naive_group naive;
    };
    /// How often what is done, each one in so many.
    struct mood {
        std::uint64_t block, come, go, change, obey;
        std::uint64_t nices;      // so many different ones
        unsigned time_bits;       // no charge is longer than 2^time_bits ns
        std::uint64_t left;       // of ten, done in the first queue
        std::uint64_t in_groups;  // of ten, come to a group
    };
    struct side {
        explicit side(const model_options& o)
            : real({.first_vruntime = o.start}), naive({.start = o.start}) {}
        queue_type real;
        twin naive;
        std::deque<group_pair> groups;
        std::uint64_t now = 1;
    };

    // Operations ---------------------------------------------------------------------------------

    void add_groups(side& to) {
        constexpr std::array limits{
            fair_quota{}, fair_quota{.quota_ns = 5'000'000, .period_ns = 20'000'000},
            fair_quota{.quota_ns = 2'000'000, .period_ns = 10'000'000, .burst_ns = 3'000'000}};
        constexpr std::array<std::uint32_t, 3> weights{1024, 3000, 100};
        for (std::size_t i = 0; i < limits.size(); ++i) {
            to.groups.emplace_back(to.real, to.naive,
                                   typename level::parameters{.start = options_.start}, weights[i],
                                   limits[i]);
        }
    }

    /// For a while much of the same is done, so that rare states arise and not only the average:
    /// crowds and emptiness, equals and extremes, long turns and short ones.
    void change_mood() {
        mood_.block = 2 + dice_.below(30);
        mood_.come = 2 + dice_.below(12);
        mood_.go = 8 + dice_.below(200);
        mood_.change = 8 + dice_.below(200);
        mood_.obey = 2 + dice_.below(16);
        mood_.nices = dice_.one_in(3) ? 1 : 1 + dice_.below(40);
        mood_.time_bits = 14 + static_cast<unsigned>(dice_.below(10));
        mood_.left = 1 + dice_.below(9);
        mood_.in_groups = 1 + dice_.below(9);
    }

    void step() {
        if (done_ % 1024 == 0) {
            change_mood();
        }
        const std::size_t at = dice_.below(10) < mood_.left ? 0 : 1;
        side& s = *sides_[at];
        if (dice_.one_in(mood_.go)) {
            go(s, at);
        } else if (dice_.one_in(mood_.change)) {
            change(s, at);
        } else if (dice_.one_in(mood_.come)) {
            come(s, at);
        } else {
            turn(s);
        }
        compare(s);
        if (done_ % 64 == 0) {
            compare_members();
        }
    }

    /// What somebody who runs does.
    void turn(side& s) {
        // Also when the turn is over: who owes time and sleeps is a case of its own.
        if (s.naive.current != nullptr && dice_.one_in(s.naive.should_switch ? 3 : mood_.block)) {
            block(s);
        } else if (s.naive.current == nullptr && dice_.one_in(mood_.obey)) {
            pass_time(s, dice_.up_to_bits(24));
        } else if (s.naive.current == nullptr || dice_.one_in(8) ||
                   (s.naive.should_switch && !dice_.one_in(mood_.obey))) {
            pick(s);
        } else if (dice_.one_in(16)) {
            note("yield", s.naive.current, 0);
            s.real.yield();
            s.naive.yield();
        } else if (dice_.one_in(6)) {
            note("tick", s.naive.current, 0);
            same(s.real.tick(), s.naive.tick(), "tick()");
        } else {
            charge(s, dice_.up_to_bits(dice_.one_in(1000) ? 30 : mood_.time_bits));
        }
    }

    void pick(side& s) {
        const task* const real = s.real.pick_next();
        const node* const naive = s.naive.pick_next();
        note("pick_next", naive, 0);
        same_one(real, naive, "pick_next()");
    }

    void block(side& s) {
        note("block", s.naive.current, 0);
        s.real.block();
        s.naive.block();
    }

    void charge(side& s, std::uint64_t ns) {
        note("charge", s.naive.current, ns);
        s.real.charge(ns);
        s.naive.charge(ns);
        pass_time(s, ns);
    }

    /// Quotas are refilled when it is time, and sometimes late.
    void pass_time(side& s, std::uint64_t ns) {
        s.now += ns;
        for (group_pair& g : s.groups) {
            if (!dice_.one_in(4)) {
                note("refill", &g.naive, s.now);
                same(s.real.refill(g.real, s.now), s.naive.refill(g.naive, s.now), "refill()");
                same_number(s.real.refill_time(g.real), g.naive.period_end.value_or(0),
                            "refill_time()");
            }
        }
    }

    void come(side& s, std::size_t at) {
        const std::size_t from = dice_.below(members_.size());
        for (std::size_t i = 0; i < members_.size(); ++i) {
            member& m = members_[(from + i) % members_.size()];
            if (m.at == home::none) {
                start(s, m);
            } else if (m.at == home::between && dice_.one_in(2)) {
                join(s, m);
            } else if (m.at == home::between || (m.at == home_of(at) && sleeps(m))) {
                wake(s, m);
            } else {
                continue;
            }
            m.at = home_of(at);
            return;
        }
    }

    void start(side& s, member& m) {
        group_pair* const g = any_group(s);
        note("start", &m.naive, g != nullptr);
        m.real.lag = 12'345;  // what start() must not trust
        m.real.relative = true;
        same(s.real.start(m.real, g != nullptr ? &g->real : nullptr),
             s.naive.arrive(m.naive, g != nullptr ? &g->naive : nullptr, kind::fresh), "start()");
    }

    void join(side& s, member& m) {
        group_pair* const g = any_group(s);
        note("join", &m.naive, g != nullptr);
        same(s.real.join(m.real, g != nullptr ? &g->real : nullptr),
             s.naive.arrive(m.naive, g != nullptr ? &g->naive : nullptr, kind::moved), "join()");
    }

    /// Who comes from another queue may wake in a group of this one.
    void wake(side& s, member& m) {
        if (m.at == home::between && dice_.one_in(2)) {
            group_pair* const g = any_group(s);
            note("wake", &m.naive, g != nullptr);
            same(s.real.wake(m.real, g != nullptr ? &g->real : nullptr),
                 s.naive.arrive(m.naive, g != nullptr ? &g->naive : nullptr, kind::woken),
                 "wake()");
            return;
        }
        note("wake", &m.naive, 0);
        node* const g = m.naive.parent;
        same(s.real.wake(m.real),
             s.naive.arrive(m.naive, g != nullptr ? &twin::as_group(*g) : nullptr, kind::woken),
             "wake()");
    }

    void go(side& s, std::size_t at) {
        member& m = dice_.any_of(members_);
        if (m.at != home_of(at)) {
            return;
        }
        if (dice_.one_in(4)) {
            note("remove", &m.naive, 0);
            s.real.remove(m.real);
            if (m.naive.where != naive::state::outside) {
                s.naive.leave(m.naive);
            }
            m.at = home::none;
        } else {
            note("leave", &m.naive, 0);
            s.real.leave(m.real);
            s.naive.leave(m.naive);
            m.at = home::between;
        }
    }

    /// A part of a common quota, and another weight.
    void change_group(side& s) {
        group_pair& g = dice_.any_of(s.groups);
        if (dice_.one_in(2)) {
            const std::uint64_t ns = dice_.up_to_bits(21);
            note("grant", &g.naive, ns);
            same(s.real.grant(g.real, ns), s.naive.grant(g.naive, ns), "grant()");
            return;
        }
        const std::uint64_t weight = 1 + dice_.up_to_bits(19);  // 2 at least; may be too much
        note("set_weight", &g.naive, weight);
        s.real.set_weight(g.real, static_cast<std::uint32_t>(weight));
        g.naive.level->reweight(
            g.naive, static_cast<std::uint32_t>(std::min<std::uint64_t>(weight, greatest_weight)));
    }

    void change(side& s, std::size_t at) {
        member& m = dice_.any_of(members_);
        if (m.at != home_of(at) && m.at != home::between) {
            return;
        }
        if (!s.groups.empty() && dice_.one_in(4)) {
            change_group(s);
        } else if (dice_.one_in(2)) {
            const int nice =
                static_cast<int>(dice_.below(mood_.nices)) - static_cast<int>(mood_.nices) / 2;
            note("set_nice", &m.naive, static_cast<std::uint64_t>(nice));
            s.real.set_nice(m.real, nice);
            (m.naive.parent != nullptr ? *m.naive.level : s.naive.top)
                .reweight(m.naive, naive::weight_of(nice));
        } else {
            const std::uint64_t slice = dice_.one_in(4) ? 0 : 100'000 + dice_.below(4'000'000);
            note("set_slice", &m.naive, slice);
            m.real.set_slice(slice);
            m.naive.slice = slice;
        }
    }

    group_pair* any_group(side& s) {
        const bool in_group = !s.groups.empty() && dice_.below(10) < mood_.in_groups;
        return in_group ? &dice_.any_of(s.groups) : nullptr;
    }
    static home home_of(std::size_t at) { return at == 0 ? home::left : home::right; }
    static bool sleeps(const member& m) {
        return m.naive.where == naive::state::outside || m.naive.where == naive::state::delayed;
    }

    // Comparisons --------------------------------------------------------------------------------

    void compare(side& s) {
        same_one(s.real.current(), s.naive.current, "current()");
        same(s.real.should_switch(), s.naive.should_switch, "should_switch()");
        same_number(s.real.runnable(), s.naive.runnable(), "runnable()");
        same(s.real.empty(), s.naive.runnable() == 0, "empty()");
        for (group_pair& g : s.groups) {
            same(g.real.throttled(), g.naive.throttled, "throttled()");
            same_number(g.real.runnable(), g.naive.runnable(), "group::runnable()");
            same(g.real.left_ns() == g.naive.left, true, "left_ns() is right");
        }
    }

    /// Where each stands, and how far from the others.
    void compare_members() {
        for (member& m : members_) {
            const auto where = static_cast<int>(m.real.where);
            same_number(static_cast<std::uint64_t>(where),
                        static_cast<std::uint64_t>(m.naive.where), "where");
            same_number(m.real.weight.value, m.naive.weight, "weight");
            if (m.naive.where == naive::state::outside) {
                continue;
            }
            const member* const other = rival_of(m);
            same_number(m.real.vruntime - other->real.vruntime, m.naive.v - other->naive.v,
                        "distance");
            if constexpr (twin::is_cfs) {
                same_number(m.real.vruntime, m.naive.v, "vruntime");
            } else {
                same_number(m.real.deadline - m.real.vruntime, m.naive.deadline - m.naive.v,
                            "deadline");
            }
            const side& s = *sides_[m.at == home::left ? 0 : 1];
            same_number(s.real.slice_of(m.real), s.naive.slice_of(m.naive), "slice_of()");
        }
    }

    /// The first one in the same level.
    const member* rival_of(const member& m) const {
        for (const member& each : members_) {
            if (each.naive.where != naive::state::outside && each.naive.level == m.naive.level) {
                return &each;
            }
        }
        return &m;
    }

    void same(bool real, bool naive, const char* what) { same_number(real, naive, what); }

    void same_number(std::uint64_t real, std::uint64_t naive, const char* what) {
        if (real != naive && error_.empty()) {
            std::ostringstream text;
            text << "step " << done_ << ": " << what << " is " << real << " and should be " << naive
                 << '\n';
            error_ = text.str();
        }
    }

    void same_one(const task* real, const node* naive, const char* what) {
        const std::size_t found = index([&](const member& m) { return &m.real == real; });
        const std::size_t wanted = index([&](const member& m) { return &m.naive == naive; });
        same_number(found, wanted, what);
    }

    /// Of the one that fits; how many there are: none.
    template <class Fits>
    std::size_t index(Fits fits) const {
        std::size_t i = 0;
        while (i < members_.size() && !fits(members_[i])) {
            ++i;
        }
        return i;
    }

    struct event {
        const char* what;
        const node* who;
        std::uint64_t amount;
    };

    void note(const char* what, const node* who, std::uint64_t amount) {
        events_[noted_++ % events_.size()] = {what, who, amount};
    }

    std::string history() const {
        std::ostringstream text;
        text << "seed " << seed_of_run() << "; before that:\n";
        const std::size_t from = noted_ > events_.size() ? noted_ - events_.size() : 0;
        for (std::size_t i = from; i < noted_; ++i) {
            const event& e = events_[i % events_.size()];
            text << "  " << e.what << (e.who != nullptr && e.who->is_group ? " group " : " ")
                 << index([&](const member& m) { return &m.naive == e.who; }) << ' ' << e.amount
                 << '\n';
        }
        return text.str();
    }

    model_options options_;
    dice dice_;
    mood mood_{};
    std::array<std::unique_ptr<side>, 2> sides_;
    std::deque<member> members_;
    std::array<event, 40> events_{};
    std::size_t noted_ = 0;
    std::uint64_t done_ = 0;
    std::string error_;
};

}  // namespace weft
