// SPDX-License-Identifier: Apache-2.0
//
// What every user of a fair queue relies on, in small examples that can be followed by hand.
#include <weft/fair_queue.h>

#include <gtest/gtest.h>

#include <array>

#include "fair_fixture.h"

namespace weft {
namespace {

template <class Policy>
class fair_policies : public ::testing::Test {};
using policies = ::testing::Types<cfs, eevdf>;
TYPED_TEST_SUITE(fair_policies, policies);

TYPED_TEST(fair_policies, share_by_weight) {
    fair_queue<task, TypeParam> queue;
    task even(0);
    task kind(5);
    task greedy(-5);
    for (task* each : {&even, &kind, &greedy}) {
        queue.start(*each);
    }
    constexpr std::uint64_t total = 10'000 * ms;
    run(queue, total);
    EXPECT_NEAR(percent(even.ran, total), 22.86, 0.1);
    EXPECT_NEAR(percent(kind.ran, total), 7.48, 0.1);
    EXPECT_NEAR(percent(greedy.ran, total), 69.66, 0.1);
}

TYPED_TEST(fair_policies, groups_share_first_and_then_their_members) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type queue;
    typename queue_type::group light(queue, 1024);
    typename queue_type::group heavy(queue, 3072);
    std::array<task, 4> of_light;
    std::array<task, 2> of_heavy{task(0), task(5)};
    for (task& each : of_light) {
        queue.start(each, &light);
    }
    for (task& each : of_heavy) {
        queue.start(each, &heavy);
    }
    constexpr std::uint64_t total = 20'000 * ms;
    run(queue, total);
    EXPECT_NEAR(percent(light.ran_ns(), total), 25, 0.2);
    for (const task& each : of_light) {
        EXPECT_NEAR(percent(each.ran, total), 6.25, 0.2);
    }
    EXPECT_NEAR(percent(of_heavy[0].ran, total), 75.0 * 1024 / 1359, 0.3);
    EXPECT_NEAR(percent(of_heavy[1].ran, total), 75.0 * 335 / 1359, 0.3);
}

TYPED_TEST(fair_policies, a_quota_bounds_a_group) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type queue;
    typename queue_type::group bounded(queue, 1024, {.quota_ns = 20 * ms, .period_ns = 100 * ms});
    task member;
    task other;
    queue.start(member, &bounded);
    queue.start(other);
    queue.refill(bounded, 1);
    constexpr std::uint64_t step = 100 * us;
    std::uint64_t now = 1;
    queue.pick_next();
    for (; now < 10'000 * ms; now += step) {
        queue.charge(step);
        if (!before_in_time(now, queue.refill_time(bounded))) {
            queue.refill(bounded, now);
        }
        if (queue.tick() || queue.should_switch()) {
            ASSERT_NE(queue.pick_next(), nullptr);
        }
    }
    EXPECT_NEAR(percent(member.ran, now), 20, 0.5);
    EXPECT_NEAR(percent(other.ran, now), 80, 0.5);
}

TYPED_TEST(fair_policies, nobody_may_run_while_the_only_group_waits_for_its_quota) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type queue;
    typename queue_type::group bounded(queue, 1024, {.quota_ns = 20 * ms, .period_ns = 100 * ms});
    std::array<task, 2> members;
    queue.refill(bounded, 1);
    for (task& each : members) {
        queue.start(each, &bounded);
    }
    ASSERT_NE(queue.pick_next(), nullptr);
    queue.charge(50 * ms);
    EXPECT_TRUE(queue.should_switch());
    EXPECT_EQ(queue.pick_next(), nullptr);
    EXPECT_TRUE(bounded.throttled());
    EXPECT_EQ(bounded.runnable(), 2U);
    EXPECT_EQ(queue.runnable(), 0U);

    task late;
    EXPECT_FALSE(queue.start(late, &bounded));
    EXPECT_EQ(queue.pick_next(), nullptr);

    queue.refill(bounded, queue.refill_time(bounded));  // 30 ms of debt, 20 ms of quota
    EXPECT_EQ(queue.pick_next(), nullptr);
    queue.refill(bounded, queue.refill_time(bounded));
    EXPECT_NE(queue.pick_next(), nullptr);
    EXPECT_EQ(queue.runnable(), 3U);
}

TYPED_TEST(fair_policies, an_empty_queue_has_nobody) {
    fair_queue<task, TypeParam> queue;
    EXPECT_EQ(queue.pick_next(), nullptr);
    EXPECT_FALSE(queue.tick());
    task one;
    queue.start(one);
    EXPECT_EQ(queue.pick_next(), &one);
    queue.charge(1000 * ms);
    EXPECT_FALSE(queue.should_switch()) << "there is nobody else";
    queue.block();
    EXPECT_EQ(queue.pick_next(), nullptr);
    EXPECT_TRUE(queue.empty());
    queue.wake(one);
    EXPECT_EQ(queue.pick_next(), &one);
    queue.remove(one);
    EXPECT_EQ(queue.pick_next(), nullptr);
}

TYPED_TEST(fair_policies, who_moves_takes_its_place_along) {
    fair_queue<task, TypeParam> old_queue;
    fair_queue<task, TypeParam> young_queue;
    std::array<task, 3> tasks;
    old_queue.start(tasks[0]);
    old_queue.start(tasks[1]);
    young_queue.start(tasks[2]);
    run(old_queue, 100'000 * ms);
    run(young_queue, 10 * ms);
    old_queue.leave(tasks[0]);
    young_queue.join(tasks[0]);
    const std::uint64_t before = tasks[0].ran;
    run(young_queue, 1'000 * ms);
    EXPECT_NEAR(percent(tasks[0].ran - before, 1'000 * ms), 50, 1)
        << "it neither catches up nor waits for the others to";
}

TYPED_TEST(fair_policies, share_by_weight_when_virtual_time_wraps_around) {
    fair_queue<task, TypeParam> queue({.first_vruntime = shortly_before_the_end});
    typename fair_queue<task, TypeParam>::group group(queue, 3072);
    task single;
    std::array<task, 2> members;
    queue.start(single);
    for (task& each : members) {
        queue.start(each, &group);
    }
    constexpr std::uint64_t total = 1'000 * ms;
    run(queue, total);
    EXPECT_LT(single.vruntime, 1'000 * ms);
    EXPECT_NEAR(percent(single.ran, total), 25, 0.5);
    EXPECT_NEAR(percent(members[0].ran, total), 37.5, 0.5);
}

template <class Policy>
class policies_of_own_slices : public ::testing::Test {};
using policies_with_slices = ::testing::Types<eevdf, round_robin>;
TYPED_TEST_SUITE(policies_of_own_slices, policies_with_slices);

TYPED_TEST(policies_of_own_slices, tell_them) {
    fair_queue<task, TypeParam> queue({.slice = 3 * ms});
    typename fair_queue<task, TypeParam>::group group(queue);
    std::array<task, 3> tasks;
    tasks[1].set_slice(1 * ms);
    tasks[2].set_slice(2 * ms);
    queue.start(tasks[0]);
    queue.start(tasks[1]);
    queue.start(tasks[2], &group);
    EXPECT_EQ(queue.slice_of(tasks[0]), 3 * ms);
    EXPECT_EQ(queue.slice_of(tasks[1]), 1 * ms);
    EXPECT_EQ(queue.slice_of(tasks[2]), 2 * ms);
}

TEST(round_robin_policy, gives_equal_slices_in_turn) {
    fair_queue<task, round_robin> queue({.slice = 2 * ms});
    std::array<task, 3> tasks{task(-20), task(0), task(19)};
    for (task& each : tasks) {
        queue.start(each);
    }
    run(queue, 6'000 * ms);
    for (const task& each : tasks) {
        EXPECT_EQ(each.ran, 2'000 * ms);
    }
}

TYPED_TEST(fair_policies, a_quota_may_be_dealt_out_in_parts) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type queue;
    typename queue_type::group bounded(queue, 1024, {.quota_ns = 5 * ms});
    task member;
    queue.start(member, &bounded);
    ASSERT_EQ(queue.pick_next(), &member);
    EXPECT_FALSE(bounded.spent());
    queue.charge(6 * ms);
    EXPECT_EQ(bounded.left_ns(), -1'000'000);
    EXPECT_TRUE(bounded.spent());
    EXPECT_EQ(queue.pick_next(), nullptr);
    queue.grant(bounded, 1 * ms);
    EXPECT_TRUE(bounded.throttled()) << "that pays its debt only";
    queue.grant(bounded, 1 * ms);
    EXPECT_FALSE(bounded.throttled());
    EXPECT_EQ(queue.pick_next(), &member);
    EXPECT_EQ(queue.runnable(), 1U);
}

TYPED_TEST(fair_policies, who_slept_may_wake_in_a_group_of_another_queue) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type here;
    queue_type there;
    typename queue_type::group light(here, 1024);
    typename queue_type::group heavy(there, 3072);
    task sleeper;
    task other;
    here.start(sleeper, &light);
    here.pick_next();
    here.charge(2 * ms);
    here.block();
    EXPECT_EQ(here.pick_next(), nullptr);
    there.start(other);
    run(there, 100 * ms);
    here.leave(sleeper);
    there.wake(sleeper, &heavy);
    EXPECT_EQ(heavy.runnable(), 1U);
    EXPECT_EQ(light.runnable(), 0U);
    const std::uint64_t before = sleeper.ran;
    run(there, 1'000 * ms);
    EXPECT_NEAR(percent(sleeper.ran - before, 1'000 * ms), 75, 1);
}

TEST(fifo_policy, lets_each_run_until_it_blocks) {
    fair_queue<task, fifo> queue;
    std::array<task, 2> tasks;
    queue.start(tasks[0]);
    queue.start(tasks[1]);
    EXPECT_EQ(queue.pick_next(), &tasks[0]);
    queue.charge(1'000 * ms);
    EXPECT_FALSE(queue.tick() || queue.should_switch());
    EXPECT_EQ(queue.pick_next(), &tasks[0]);
    queue.yield();
    EXPECT_EQ(queue.pick_next(), &tasks[1]);
    queue.block();
    EXPECT_EQ(queue.pick_next(), &tasks[0]);
}

TEST(nice_weights, are_the_kernels) {
    EXPECT_EQ(weight_of_nice(-20).value, 88761U);
    EXPECT_EQ(weight_of_nice(0).value, 1024U);
    EXPECT_EQ(weight_of_nice(0).inverse, 4194304U);
    EXPECT_EQ(weight_of_nice(19).value, 15U);
    EXPECT_EQ(weight_of_nice(19).inverse, 286331153U);  // sched_prio_to_wmult
    EXPECT_EQ(to_virtual(1'000'000, weight_of_nice(0)), 1'000'000U);
    EXPECT_EQ(to_virtual(1'000'000, weight_of_nice(5)), 1'000'000ULL * 1024 / 335);
}

}  // namespace
}  // namespace weft
