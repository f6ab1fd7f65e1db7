// SPDX-License-Identifier: Apache-2.0
#include "sched/fair_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <utility>
#include <vector>

#include "sched/fiber_slab.h"

namespace weft::sched {

/// Blocks that look as if they had started, each with a stack of its own for its node.
class fair_policy_test : public ::testing::Test {
protected:
    static constexpr std::uint64_t us = 1'000;
    static constexpr std::uint64_t ms = 1'000'000;

    fiber_block& started(int nice = 0) {
        fiber_block& block = fresh(nice);
        stacks_.push_back(std::make_unique<stack_memory>());
        block.stack_ = {stacks_.back()->bytes.data(), stack_bytes, 0};
        policy_.join(block);
        return block;
    }

    fiber_block& fresh(int nice = 0) {
        blocks_.push_back(std::make_unique<fiber_block>());
        blocks_.back()->reset(blocks_.size());
        blocks_.back()->set_nice(nice);
        return *blocks_.back();
    }

    static std::uint64_t vruntime(const fiber_block& block) { return block.vruntime_; }

    /// The next one runs for `ns` and would go on.
    waiter* turn(std::uint64_t ns) {
        waiter* const w = policy_.pick_next();
        if (w != nullptr) {
            policy_.charge(w->kind() == waiter_kind::fiber ? static_cast<fiber_block*>(w) : nullptr,
                           ns, policy_.weight());
            policy_.enqueue(*w);
        }
        return w;
    }

    fair_policy policy_;

private:
    static constexpr std::uint32_t stack_bytes = 4096;
    struct stack_memory {
        alignas(64) std::array<std::byte, stack_bytes> bytes;
    };
    std::vector<std::unique_ptr<stack_memory>> stacks_;
    std::vector<std::unique_ptr<fiber_block>> blocks_;
};

namespace {

TEST_F(fair_policy_test, is_first_in_first_out_while_nobody_computes_for_long) {
    std::vector<fiber_block*> fibers;
    for (int i = 0; i < 10; ++i) {
        fibers.push_back(&started(i - 5));
        policy_.enqueue(*fibers.back());
    }
    for (int round = 0; round < 5; ++round) {
        for (fiber_block* const each : fibers) {
            EXPECT_EQ(turn(us), each);
        }
    }
}

class fair_policy_turns : public fair_policy_test,
                          public ::testing::WithParamInterface<std::uint64_t> {};

INSTANTIATE_TEST_SUITE_P(of_ns, fair_policy_turns,
                         ::testing::Values(1'000, 70'000, 900'000, 4'000'000));

TEST_P(fair_policy_turns, of_any_length_give_shares_by_weight) {
    const std::uint64_t length = GetParam();
    const std::array<fiber_block*, 3> fibers{&started(0), &started(5), &started(-5)};
    std::array<std::uint64_t, 3> ran{};
    for (fiber_block* const each : fibers) {
        policy_.enqueue(*each);
    }
    const std::uint64_t total = 20'000 * length;
    for (std::uint64_t done = 0; done < total; done += length) {
        const waiter* const now = turn(length);
        for (std::size_t i = 0; i < fibers.size(); ++i) {
            ran[i] += fibers[i] == now ? length : 0;
        }
    }
    // What the lane lets pass, in virtual time, is all that may be missing.
    const double slack = 100 * static_cast<double>(2 * fair_policy::granularity + 4 * length) /
                             static_cast<double>(total) +
                         0.1;
    const auto percent = [&](std::size_t i) {
        return 100 * static_cast<double>(ran[i]) / static_cast<double>(total);
    };
    EXPECT_NEAR(percent(0), 22.86, slack);
    EXPECT_NEAR(percent(1), 7.48, slack);
    EXPECT_NEAR(percent(2), 69.66, slack);
}

// With turns of 4 ms. The ideal divides each moment.
TEST_F(fair_policy_test, nobody_is_ever_far_from_what_the_weights_give) {
    const std::array<fiber_block*, 3> fibers{&started(0), &started(5), &started(-5)};
    const std::array<double, 3> ideal{1024.0 / 4480, 335.0 / 4480, 3121.0 / 4480};
    std::array<double, 3> ran{};
    for (fiber_block* const each : fibers) {
        policy_.enqueue(*each);
    }
    double farthest = 0;
    auto* runs = static_cast<fiber_block*>(policy_.pick_next());
    for (int turns = 1; turns <= 10'000; ++turns) {
        policy_.charge(runs, 4 * ms, policy_.weight());
        for (std::size_t i = 0; i < fibers.size(); ++i) {
            ran[i] += fibers[i] == runs ? 4 : 0;
            if (turns > 10) {  // at first the lane has all of them, in the order of arrival
                farthest = std::max(farthest, std::abs(ran[i] - 4 * turns * ideal[i]));
            }
        }
        if (policy_.should_preempt(runs, true)) {
            auto* const next = static_cast<fiber_block*>(policy_.pick_next());
            policy_.enqueue(*std::exchange(runs, next));
        }
    }
    EXPECT_LT(farthest, 4) << "ms; by virtual time alone it is 5.5";
}

TEST_F(fair_policy_test, who_had_to_wait_for_its_start_begins_like_a_sleeper) {
    fiber_block& runs = started();
    fiber_block& soon = fresh();
    policy_.join(soon);
    policy_.charge(&runs, 2 * ms, 0);
    policy_.begin(soon);
    EXPECT_EQ(vruntime(soon), policy_.virtual_time() - 2 * ms);
    fiber_block& late = fresh();
    policy_.join(late);
    policy_.charge(&runs, 20 * ms, 0);
    policy_.begin(late);
    EXPECT_EQ(vruntime(late), policy_.virtual_time() - fair_policy::sleeper_credit);
}

TEST_F(fair_policy_test, who_has_computed_waits_until_the_others_have_had_as_much) {
    fiber_block& hog = started();
    fiber_block& other = started();
    policy_.enqueue(hog);
    policy_.enqueue(other);
    ASSERT_EQ(turn(20 * ms), &hog);
    int turns = 0;
    while (turn(ms) == &other) {
        ++turns;
    }
    EXPECT_NEAR(turns, 20, 2);
}

TEST_F(fair_policy_test, whoever_is_behind_keeps_the_cpu_when_it_yields) {
    fiber_block& hog = started();
    fiber_block& other = started();
    policy_.enqueue(other);
    policy_.charge(&hog, 20 * ms, policy_.weight());
    policy_.enqueue(hog);
    ASSERT_EQ(policy_.pick_next(), &other);
    EXPECT_FALSE(policy_.should_yield(other));
    EXPECT_FALSE(policy_.can_exchange(other));
    policy_.charge(&other, 21 * ms, policy_.weight());
    EXPECT_TRUE(policy_.should_yield(other));
    fiber_block& third = started();
    policy_.enqueue(third);
    EXPECT_TRUE(policy_.should_yield(other)) << "to one in the lane always";
}

TEST_F(fair_policy_test, a_sleeper_goes_before_hogs_and_gains_no_more_than_its_credit) {
    std::array<fiber_block*, 3> hogs{&started(), &started(), &started()};
    fiber_block& sleeper = started();
    for (fiber_block* const each : hogs) {
        policy_.enqueue(*each);
    }
    for (int i = 0; i < 100; ++i) {
        turn(4 * ms);
    }
    policy_.enqueue(sleeper, arrival::woken);
    EXPECT_EQ(vruntime(sleeper), policy_.virtual_time() - fair_policy::sleeper_credit);
    EXPECT_EQ(policy_.pick_next(), &sleeper);
}

TEST_F(fair_policy_test, nobody_owes_more_than_the_bound) {
    fiber_block& hog = started(19);
    policy_.enqueue(started(-20));
    policy_.charge(&hog, 1'000 * ms, policy_.weight());
    policy_.enqueue(hog);
    EXPECT_EQ(vruntime(hog),
              policy_.virtual_time() + to_virtual(fair_policy::most_owed, weight_of_nice(19)));
}

TEST_F(fair_policy_test, the_lightest_gets_no_more_than_its_share) {
    fiber_block& light = started(19);
    policy_.enqueue(light);
    policy_.enqueue(started());
    int turns = 0;
    for (int i = 0; i < 20'000; ++i) {
        turns += turn(4 * ms) == &light ? 1 : 0;
    }
    EXPECT_NEAR(turns / 200.0, 100.0 * 15 / (15 + 1024), 0.1);
}

TEST_F(fair_policy_test, coroutines_and_new_fibers_do_not_starve_who_is_ahead) {
    fiber_block& hog = started();
    policy_.enqueue(hog);
    turn(10 * ms);
    fiber_block& like_a_coroutine = fresh();  // has no virtual time of its own
    policy_.enqueue(like_a_coroutine);
    std::uint64_t of_hog = 0;
    std::uint64_t of_other = 0;
    while (of_other + of_hog < 10'000 * ms) {
        waiter* const now = policy_.pick_next();
        policy_.charge(now == &hog ? &hog : nullptr, ms, policy_.weight());
        (now == &hog ? of_hog : of_other) += ms;
        policy_.enqueue(*now);
    }
    EXPECT_NEAR(static_cast<double>(of_hog) / static_cast<double>(of_other), 1, 0.05);
}

TEST_F(fair_policy_test, moving_keeps_the_distance) {
    fair_policy elsewhere;
    fiber_block& moved = started();
    policy_.charge(&moved, 5 * ms, policy_.weight());
    const auto distance = vruntime(moved) - policy_.virtual_time();
    elsewhere.charge(&started(), 700 * ms, 0);
    elsewhere.move(moved, policy_.virtual_time());
    EXPECT_EQ(vruntime(moved) - elsewhere.virtual_time(), distance);
}

// Everything comes out again, whatever goes in and out in between, and the weights add up: at the
// end a second of one fiber is a second of the queue.
TEST_F(fair_policy_test, loses_nobody) {
    std::vector<fiber_block*> outside;
    for (int i = 0; i < 200; ++i) {
        const int nice = i % 40 - 20;
        outside.push_back(i % 3 == 0 ? &fresh(nice) : &started(nice));
    }
    std::vector<fiber_block*> inside;
    std::uint64_t random = 42;
    const auto below = [&](std::uint64_t n) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        return (random >> 33) % n;
    };
    for (int i = 0; i < 200'000; ++i) {
        if (!outside.empty() && below(2) == 0) {
            const std::size_t which = below(outside.size());
            inside.push_back(outside[which]);
            policy_.enqueue(*outside[which]);
            outside.erase(outside.begin() + static_cast<std::ptrdiff_t>(which));
        } else if (!inside.empty()) {
            auto* const w = static_cast<fiber_block*>(policy_.pick_next());
            const auto found = std::ranges::find(inside, w);
            ASSERT_NE(found, inside.end());
            inside.erase(found);
            policy_.charge(w, below(20 * ms), policy_.weight());
            outside.push_back(w);
        }
    }
    while (policy_.pick_next() != nullptr) {
        inside.pop_back();
    }
    EXPECT_TRUE(inside.empty());
    const std::uint64_t before = policy_.virtual_time();
    policy_.charge(&started(), 1'000 * ms, policy_.weight());
    EXPECT_EQ(policy_.virtual_time() - before, 1'000 * ms);
}

TEST_F(fair_policy_test, nobody_makes_room_for_nobody) {
    const fiber_block& runs = started();
    EXPECT_FALSE(policy_.should_preempt(&runs, true));
    EXPECT_FALSE(policy_.should_preempt(nullptr, true));
}

TEST_F(fair_policy_test, who_has_had_a_slice_makes_room_for_who_has_had_less) {
    fiber_block& runs = started();
    policy_.enqueue(started());
    policy_.charge(&runs, ms / 2, policy_.weight());
    EXPECT_TRUE(policy_.should_preempt(&runs, true));
    EXPECT_TRUE(policy_.should_preempt(nullptr, true));
    EXPECT_FALSE(policy_.should_preempt(nullptr, false));
}

TEST_F(fair_policy_test, who_has_had_less_than_is_fair_goes_on_after_its_slice) {
    fiber_block& other = started();
    fiber_block& runs = started(-10);
    policy_.charge(&other, 2 * ms, 0);
    policy_.enqueue(other);
    policy_.charge(&runs, ms, policy_.weight());
    EXPECT_LT(vruntime(runs), policy_.virtual_time());
    EXPECT_FALSE(policy_.should_preempt(&runs, true));
}

TEST_F(fair_policy_test, within_its_slice_room_is_made_only_for_who_has_had_less_by_what_matters) {
    fiber_block& runs = started();
    policy_.enqueue(started());
    policy_.charge(&runs, fair_policy::granularity, policy_.weight());
    EXPECT_FALSE(policy_.should_preempt(&runs, false));
    policy_.charge(&runs, us, policy_.weight());
    EXPECT_TRUE(policy_.should_preempt(&runs, false));
}

}  // namespace
}  // namespace weft::sched
