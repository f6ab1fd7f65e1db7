// SPDX-License-Identifier: Apache-2.0
//
// Shares of groups in the order of a queue, where time is only told.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

#include "sched/fair_policy.h"
#include "sched/group_table.h"
#include "sched/run_queue.h"

namespace weft::sched {

/// Blocks that look as if they had started, as in fair_policy_test, in groups.
class fair_policy_group_test : public ::testing::Test {
protected:
    static constexpr std::uint64_t us = 1'000;
    static constexpr std::uint64_t ms = 1'000'000;
    static constexpr base::nanoseconds_t slice = 3'000'000;
    static constexpr std::uint64_t nice_0_parts = std::uint64_t{nice_0_weight}
                                                  << queue_weight::parts_shift;

    group& make_group(std::uint32_t weight = nice_0_weight) {
        return groups_.create({.name = "", .weight = weight});
    }

    fiber_block& fresh(group* in, int nice = 0) {
        blocks_.push_back(std::make_unique<fiber_block>());
        fiber_block& block = *blocks_.back();
        block.set_nice(nice);
        block.set_group(in != nullptr ? in->index() : std::uint8_t{0});
        return block;
    }
    fiber_block& started(group* in, int nice = 0) {
        fiber_block& block = fresh(in, nice);
        stacks_.push_back(std::make_unique<stack_memory>());
        block.stack_ = {stacks_.back()->bytes.data(), stack_bytes, 0};
        policy_.join(block);
        return block;
    }

    /// The next one runs for `ns`, and would go on.
    static fiber_block* turn(fair_policy& policy, std::uint64_t ns) {
        auto* const w = static_cast<fiber_block*>(policy.pick_next());
        if (w != nullptr) {
            policy.charge(w, ns, policy.weight());
            policy.enqueue(*w);
        }
        return w;
    }

    /// Percent of the time that each of `fibers`, all of which compute, gets in `turns` of `ns`.
    std::vector<double> shares(const std::vector<fiber_block*>& fibers, std::uint64_t ns,
                               int turns = 40'000) {
        for (fiber_block* const each : fibers) {
            policy_.enqueue(*each);
        }
        return shares_of_queued(fibers, ns, turns);
    }
    std::vector<double> shares_of_queued(const std::vector<fiber_block*>& fibers, std::uint64_t ns,
                                         int turns = 40'000) {
        std::vector<double> percent(fibers.size());
        for (int i = 0; i < turns; ++i) {
            const auto found = std::ranges::find(fibers, turn(policy_, ns));
            if (found != fibers.end()) {
                percent[static_cast<std::size_t>(found - fibers.begin())] += 100.0 / turns;
            }
        }
        return percent;
    }

    static std::uint64_t vruntime(const fiber_block& block) { return block.vruntime_; }

    group_table groups_{2};
    fair_policy policy_{slice, &groups_, 0};
    fair_policy elsewhere_{slice, &groups_, 1};

private:
    static constexpr std::uint32_t stack_bytes = 4096;
    struct stack_memory {
        alignas(64) std::array<std::byte, stack_bytes> bytes;
    };
    std::vector<std::unique_ptr<stack_memory>> stacks_;
    std::vector<std::unique_ptr<fiber_block>> blocks_;
};

namespace {

class fair_policy_group_turns : public fair_policy_group_test,
                                public ::testing::WithParamInterface<std::uint64_t> {};

INSTANTIATE_TEST_SUITE_P(of_ns, fair_policy_group_turns,
                         ::testing::Values(70'000, 900'000, 4'000'000));

TEST_P(fair_policy_group_turns, two_groups_share_alike_however_many_they_are) {
    group& one = make_group();
    group& five = make_group();
    std::vector<fiber_block*> fibers{&started(&one)};
    for (int i = 0; i < 5; ++i) {
        fibers.push_back(&started(&five));
    }
    const auto percent = shares(fibers, GetParam());
    EXPECT_NEAR(percent[0], 50, 0.5);
    for (std::size_t i = 1; i < fibers.size(); ++i) {
        EXPECT_NEAR(percent[i], 10, 0.3);
    }
}

TEST_P(fair_policy_group_turns, groups_share_by_weight_and_their_members_by_nice) {
    group& heavy = make_group(2048);
    group& light = make_group(1024);
    const auto percent =
        shares({&started(&heavy, 0), &started(&heavy, 5), &started(&heavy, -5), &started(&light)},
               GetParam());
    EXPECT_NEAR(percent[0], 22.86 * 2 / 3, 0.5);
    EXPECT_NEAR(percent[1], 7.48 * 2 / 3, 0.5);
    EXPECT_NEAR(percent[2], 69.66 * 2 / 3, 0.5);
    EXPECT_NEAR(percent[3], 100.0 / 3, 0.5);
}

TEST_P(fair_policy_group_turns, a_group_stands_beside_fibers_that_are_in_none) {
    group& g = make_group();
    const auto percent = shares(
        {&started(&g), &started(&g), &started(&g, 19), &started(nullptr), &started(nullptr, 5)},
        GetParam());
    const double total = 1024 + 1024 + 335;
    EXPECT_NEAR(percent[0] + percent[1] + percent[2], 100 * 1024 / total, 0.5);
    EXPECT_NEAR(percent[2], 100 * 1024 / total * 15 / (2 * 1024 + 15), 0.3);
    EXPECT_NEAR(percent[3], 100 * 1024 / total, 0.5);
    EXPECT_NEAR(percent[4], 100 * 335 / total, 0.5);
}

TEST_F(fair_policy_group_test, a_weight_of_two_is_worth_as_much_beside_another_such) {
    group& one = make_group(least_weight);
    group& many = make_group(least_weight);
    std::vector<fiber_block*> fibers{&started(&one)};
    for (int i = 0; i < 20; ++i) {
        fibers.push_back(&started(&many));
    }
    EXPECT_NEAR(shares(fibers, 4 * ms)[0], 50, 0.5);
}

TEST_F(fair_policy_group_test, a_new_weight_counts) {
    group& changed = make_group(1024);
    group& other = make_group(1024);
    const std::vector<fiber_block*> fibers{&started(&changed), &started(&changed),
                                           &started(&other)};
    const auto before = shares(fibers, ms);
    EXPECT_NEAR(before[0] + before[1], 50, 0.5);
    changed.set_weight(3 * 1024);
    const auto after = shares_of_queued(fibers, ms);
    EXPECT_NEAR(after[0] + after[1], 75, 0.5);
}

TEST_F(fair_policy_group_test, members_elsewhere_count) {
    group& both = make_group();
    for (int i = 0; i < 3; ++i) {
        elsewhere_.enqueue(started(&both));
    }
    const auto percent = shares({&started(&both), &started(nullptr)}, ms);
    EXPECT_NEAR(percent[0], 20, 0.5) << "a fourth of the group's weight is here";
    while (elsewhere_.pick_next() != nullptr) {
    }
}

// With 500 members a turn of 4 ms costs each 2 s of virtual time. Who is left alone in its group
// owes 4 ms of CPU time as before, not two seconds of it.
TEST_F(fair_policy_group_test, who_is_left_alone_owes_cpu_time_and_not_virtual_time) {
    group& g = make_group();
    fiber_block& other = started(nullptr);
    fiber_block& stays = started(&g);
    std::vector<fiber_block*> members;
    for (int i = 0; i < 499; ++i) {
        members.push_back(&fresh(&g));
        policy_.enqueue(*members.back());
    }
    policy_.charge(&stays, 4 * ms, policy_.weight());
    policy_.enqueue(stays);
    ASSERT_GT(vruntime(stays) - policy_.virtual_time(), 1'000 * ms);
    for (int i = 0; i < 499; ++i) {
        ASSERT_NE(policy_.pick_next(), &stays);
    }
    policy_.enqueue(other);
    int turns = 0;
    while (turn(policy_, ms) == &other && turns < 1'000) {
        ++turns;
    }
    EXPECT_LE(turns, 12);
}

// Half of a slice is 750 ms of virtual time beside 499 others, and 1.5 ms alone.
TEST_F(fair_policy_group_test, who_is_left_alone_takes_its_place_by_the_slice_that_it_has_now) {
    group& g = make_group();
    fiber_block& stays = started(&g);
    fiber_block& other = started(nullptr);
    for (int i = 0; i < 499; ++i) {
        policy_.enqueue(fresh(&g));
    }
    policy_.charge(&stays, 4 * ms, policy_.weight());
    policy_.enqueue(stays);
    while (!before_in_time(vruntime(stays), policy_.virtual_time())) {
        policy_.charge(&other, ms, 0);
    }
    for (int i = 0; i < 499; ++i) {
        ASSERT_NE(policy_.pick_next(), &stays);
    }
    fiber_block& even = started(nullptr);
    policy_.enqueue(even);
    int turns = 0;
    while (turn(policy_, ms) == &even && turns < 1'000) {
        ++turns;
    }
    EXPECT_LE(turns, 12);
}

TEST_F(fair_policy_group_test, who_ran_and_comes_back_counts_once) {
    fiber_block& only = started(&make_group());
    policy_.enqueue(only);
    ASSERT_EQ(policy_.pick_next(), &only);
    policy_.charge(&only, ms, policy_.weight());
    policy_.enqueue(only);
    EXPECT_NEAR(static_cast<double>(policy_.next_weight()), nice_0_parts, 1);
    policy_.pick_next();
}

TEST_F(fair_policy_group_test, who_was_taken_out_before_its_start_and_comes_back_counts_once) {
    group& g = make_group();
    fiber_block& new_one = fresh(&g);
    policy_.enqueue(new_one);
    ASSERT_EQ(policy_.pick_next(), &new_one);
    policy_.enqueue(new_one);
    EXPECT_EQ(g.seat(0).total(), nice_0_weight);
    policy_.pick_next();
}

// A thief with nothing to do takes half of eight however light they are.
TEST_F(fair_policy_group_test, members_that_weigh_less_than_one_are_balanced_like_others) {
    group& light = make_group(least_weight);
    run_queue queue(false, slice, &groups_, 0);
    for (int i = 0; i < 8; ++i) {
        queue.push(started(&light));
    }
    queue.charge(static_cast<fiber_block*>(queue.pop()), us, queue.weight());
    waiter_queue loot;
    EXPECT_EQ(queue.steal_into(loot, 100, 0), 4U);
    while (queue.pop() != nullptr) {
    }
}

TEST_F(fair_policy_group_test, a_throttled_group_weighs_nothing) {
    group& limited = groups_.create({.name = "", .quota = 1'000 * ms});
    policy_.enqueue(started(&limited));
    policy_.enqueue(started(&limited));
    policy_.charge(nullptr, ms, policy_.weight());
    EXPECT_GE(policy_.load(), 2 * nice_0_parts);
    ASSERT_TRUE(limited.quota().charge(1'000 * ms, 0));
    policy_.charge(nullptr, ms, policy_.weight());
    EXPECT_EQ(policy_.load(), nice_0_parts) << "of who runs";
    while (policy_.pick_next() != nullptr) {
    }
}

TEST_F(fair_policy_group_test, cpu_time_is_counted) {
    group& g = make_group();
    policy_.charge(&started(&g), 3 * ms, 0);
    policy_.charge(&started(nullptr), 5 * ms, 0);
    elsewhere_.charge(&started(&g), 4 * ms, 0);
    EXPECT_EQ(g.ran(), 7 * ms);
}

// Whatever comes and goes in whatever order, here and elsewhere, nobody is lost, and when all have
// gone nothing is left of their weights.
TEST_F(fair_policy_group_test, weights_add_up_and_nobody_is_lost) {
    std::array<group*, 4> groups{nullptr, &make_group(2), &make_group(), &make_group(262'144)};
    std::vector<fiber_block*> outside;
    std::array<std::vector<fiber_block*>, 2> inside;
    const std::array<fair_policy*, 2> policies{&policy_, &elsewhere_};
    for (int i = 0; i < 200; ++i) {
        group* const in = groups[static_cast<std::size_t>(i) % groups.size()];
        outside.push_back(i % 3 == 0 ? &fresh(in, i % 40 - 20) : &started(in, i % 40 - 20));
    }
    std::uint64_t random = 42;
    const auto below = [&](std::uint64_t n) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        return (random >> 33) % n;
    };
    for (int i = 0; i < 200'000; ++i) {
        const std::size_t at = below(2);
        fair_policy& policy = *policies[at];
        if (!outside.empty() && below(2) == 0) {
            const std::size_t which = below(outside.size());
            inside[at].push_back(outside[which]);
            policy.move(*outside[which], policies[below(2)]->virtual_time());
            policy.enqueue(*outside[which], below(2) == 0 ? arrival::woken : arrival::moved);
            outside.erase(outside.begin() + static_cast<std::ptrdiff_t>(which));
        } else if (!inside[at].empty()) {
            auto* const w =
                static_cast<fiber_block*>(below(4) == 0 ? policy.take_next() : policy.pick_next());
            const auto found = std::ranges::find(inside[at], w);
            ASSERT_NE(found, inside[at].end());
            inside[at].erase(found);
            policy.charge(w, below(20 * ms), policy.weight());
            outside.push_back(w);
        }
        if (i % 1'000 == 0) {
            groups[2]->set_weight(static_cast<std::uint32_t>(2 + below(4'000)));
        }
    }
    for (std::size_t at = 0; at < 2; ++at) {
        while (policies[at]->pick_next() != nullptr) {
            inside[at].pop_back();
        }
        EXPECT_TRUE(inside[at].empty());
        EXPECT_EQ(policies[at]->weight(), 0U);
        for (std::size_t i = 1; i < groups.size(); ++i) {
            EXPECT_EQ(
                groups[i]->seat(at).total() - groups[i]->seat(at).elsewhere.load(base::relaxed),
                0U);
            EXPECT_EQ(groups[i]->seat(at).first_ahead, nullptr);
        }
    }
}

TEST(group_table, uses_what_has_ended_again) {
    group_table table(2);
    const group* const first = &table.create({.name = "first"});
    for (int i = 0; i < 1'000; ++i) {
        group& next = table.create({.name = "next"});
        EXPECT_EQ(next.index(), 2U);
        table.drop_handle(next);
    }
    EXPECT_EQ(table.handles(), 1U);
    EXPECT_EQ(first->name(), "first");
}

TEST_F(fair_policy_group_test, what_members_of_another_group_weighed_elsewhere_is_forgotten) {
    group& before = make_group();
    for (int i = 0; i < 100; ++i) {
        elsewhere_.enqueue(started(&before));
    }
    policy_.charge(&started(&before), ms, 0);  // looks at what is elsewhere
    ASSERT_GT(before.seat(0).total(), 100 * nice_0_weight);
    while (elsewhere_.pick_next() != nullptr) {
    }
    elsewhere_.set_running(nullptr);
    policy_.set_running(nullptr);
    groups_.drop_handle(before);
    group& after = make_group();
    ASSERT_EQ(&after, &before);
    EXPECT_EQ(after.seat(0).total(), 0U);
}

TEST(group_table, keeps_a_group_while_it_has_members) {
    group_table table(1);
    group& g = table.create({.name = "kept"});
    group_table::add_member(g);
    group_table::add_member(g);
    table.drop_handle(g);
    EXPECT_EQ(g.members(), 2U);
    EXPECT_NE(&table.create({.name = "another"}), &g);
    table.drop_member(g);
    table.drop_member(g);
    EXPECT_EQ(&table.create({.name = "again"}), &g);
}

TEST(group_table, refuses_more_than_fit_into_a_byte) {
    group_table table(1);
    for (std::size_t i = 0; i < group_table::most; ++i) {
        table.create({.name = "one"});
    }
    EXPECT_THROW(table.create({.name = "one too many"}), std::length_error);
    table.drop_handle(table.at(255));
    EXPECT_EQ(table.create({.name = "fits"}).index(), 255);
}

}  // namespace
}  // namespace weft::sched
