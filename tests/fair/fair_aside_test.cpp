// SPDX-License-Identifier: Apache-2.0
//
// charge_aside(): several run at a time, and what one of them has run is known later.
#include <gtest/gtest.h>

#include <array>

#include "fair_fixture.h"

namespace weft {
namespace {

using cfs_queue = fair_queue<task>;

/// Virtual time may begin anywhere.
class charge_aside : public ::testing::TestWithParam<std::uint64_t> {
protected:
    /// Lets whoever is picked begin: it is charged `ns`, and sleeps for the queue.
    task* begin(std::uint64_t ns) {
        task* const who = queue_.pick_next();
        if (who != nullptr) {
            queue_.charge(ns);
            queue_.block();
        }
        return who;
    }

    cfs_queue queue_{{.latency = 2 * ms, .first_vruntime = GetParam()}};
    std::array<task, 3> tasks_;
};

TEST_P(charge_aside, moves_one_that_is_queued) {
    queue_.wake(tasks_[0]);
    queue_.wake(tasks_[1]);
    queue_.wake(tasks_[2]);
    queue_.charge_aside(tasks_[0], 2 * ms);
    queue_.charge_aside(tasks_[1], 1 * ms);
    EXPECT_EQ(tasks_[0].ran, 2 * ms);
    EXPECT_EQ(begin(0), &tasks_[2]);
    EXPECT_EQ(begin(0), &tasks_[1]);
    EXPECT_EQ(begin(0), &tasks_[0]);
    EXPECT_EQ(begin(0), nullptr);
}

TEST_P(charge_aside, takes_back_from_one_that_is_queued) {
    for (task& each : tasks_) {
        queue_.wake(each);
    }
    for (task& each : tasks_) {
        queue_.charge_aside(each, 5 * ms);
    }
    queue_.charge_aside(tasks_[2], -2 * static_cast<std::int64_t>(ms));
    queue_.charge_aside(tasks_[1], -1 * static_cast<std::int64_t>(ms));
    EXPECT_EQ(tasks_[2].ran, 3 * ms);
    EXPECT_EQ(begin(0), &tasks_[2]);
    EXPECT_EQ(begin(0), &tasks_[1]);
    EXPECT_EQ(begin(0), &tasks_[0]);
}

TEST_P(charge_aside, is_remembered_by_one_that_sleeps) {
    queue_.wake(tasks_[0]);
    ASSERT_EQ(begin(1 * ms), &tasks_[0]);
    queue_.charge_aside(tasks_[0], 9 * ms);  // it took ten
    for (task& each : tasks_) {
        queue_.wake(each);
    }
    for (int i = 0; i < 18; ++i) {
        task* const next = begin(1 * ms);
        ASSERT_NE(next, nullptr);
        EXPECT_NE(next, &tasks_[0]) << i;
        queue_.wake(*next);
    }
    bool came = false;
    for (int i = 0; i < 4 && !came; ++i) {
        task* const next = begin(1 * ms);
        came = next == &tasks_[0];
        queue_.wake(*next);
    }
    EXPECT_TRUE(came) << "the others have had as much";
}

TEST_P(charge_aside, what_was_not_used_is_given_back) {
    queue_.wake(tasks_[0]);
    queue_.wake(tasks_[1]);
    ASSERT_EQ(begin(10 * ms), &tasks_[0]);
    queue_.charge_aside(tasks_[0], -9 * static_cast<std::int64_t>(ms));
    queue_.wake(tasks_[0]);
    EXPECT_EQ(begin(2 * ms), &tasks_[1]);
    queue_.wake(tasks_[1]);
    EXPECT_EQ(begin(0), &tasks_[0]) << "it has had one of ten, the other two";
}

TEST_P(charge_aside, the_current_one_is_charged_as_by_charge) {
    queue_.wake(tasks_[0]);
    queue_.wake(tasks_[1]);
    ASSERT_EQ(queue_.pick_next(), &tasks_[0]);
    queue_.charge_aside(tasks_[0], 3 * ms);
    EXPECT_EQ(queue_.current(), &tasks_[0]);
    EXPECT_EQ(queue_.pick_next(), &tasks_[1]);
}

TEST_P(charge_aside, a_group_that_has_spent_its_quota_while_it_waits_is_not_picked) {
    cfs_queue::group bounded(queue_, nice_0_weight, {.quota_ns = 10 * ms});
    tasks_[0].owner = tasks_[1].owner = &bounded;
    queue_.wake(tasks_[0]);
    ASSERT_EQ(begin(0), &tasks_[0]);
    queue_.wake(tasks_[2]);
    ASSERT_EQ(begin(0), &tasks_[2]);
    queue_.wake(tasks_[1]);
    queue_.charge_aside(tasks_[0], 12 * ms);
    EXPECT_TRUE(bounded.throttled());
    EXPECT_EQ(queue_.runnable(), 0U);
    EXPECT_EQ(queue_.pick_next(), nullptr);
    queue_.charge_aside(tasks_[0], -3 * static_cast<std::int64_t>(ms));
    EXPECT_FALSE(bounded.throttled()) << "it has had nine";
    EXPECT_EQ(queue_.runnable(), 1U);
    EXPECT_EQ(begin(0), &tasks_[1]);
}

TEST_P(charge_aside, a_quota_may_change) {
    cfs_queue::group bounded(queue_);
    tasks_[0].owner = &bounded;
    queue_.wake(tasks_[0]);
    queue_.charge_aside(tasks_[0], 50 * ms);
    EXPECT_FALSE(bounded.throttled()) << "it has none";
    queue_.set_quota(bounded, {.quota_ns = 10 * ms, .burst_ns = 5 * ms});
    EXPECT_EQ(bounded.left_ns(), static_cast<std::int64_t>(10 * ms));
    queue_.charge_aside(tasks_[0], 12 * ms);
    ASSERT_TRUE(bounded.throttled());
    queue_.set_quota(bounded, {.quota_ns = 20 * ms});
    EXPECT_TRUE(bounded.throttled()) << "it owes two";
    EXPECT_FALSE(queue_.refill(bounded, 1)) << "the first call begins a period";
    queue_.refill(bounded, 1 + 100 * ms);
    EXPECT_EQ(bounded.left_ns(), static_cast<std::int64_t>(18 * ms));
    queue_.set_quota(bounded, {.quota_ns = 4 * ms, .burst_ns = 1 * ms});
    EXPECT_EQ(bounded.left_ns(), static_cast<std::int64_t>(5 * ms));
    queue_.charge_aside(tasks_[0], 6 * ms);
    ASSERT_TRUE(bounded.throttled());
    queue_.set_quota(bounded, {});
    EXPECT_FALSE(bounded.throttled());
    EXPECT_EQ(begin(0), &tasks_[0]);
}

TEST_P(charge_aside, some_may_be_passed_over) {
    cfs_queue::group big(queue_);
    cfs_queue::group small(queue_);
    tasks_[0].owner = tasks_[1].owner = &big;
    tasks_[2].owner = &small;
    for (task& each : tasks_) {
        queue_.wake(each);
    }
    queue_.charge_aside(tasks_[2], 5 * ms);  // big is the first
    queue_.charge_aside(tasks_[1], 1 * ms);
    const auto is_small = [&](const task& t) { return t.owner == &small; };
    ASSERT_EQ(queue_.pick_next_if(is_small), &tasks_[2]);
    EXPECT_EQ(queue_.current(), &tasks_[2]);
    queue_.charge(1 * ms);
    queue_.block();
    EXPECT_EQ(queue_.pick_next_if(is_small), nullptr);
    EXPECT_EQ(queue_.runnable(), 2U);
    EXPECT_EQ(queue_.pick_next_if([](const task&) { return true; }), &tasks_[0]);
    EXPECT_EQ(queue_.pick_next_if([&](const task& t) { return &t == &tasks_[0]; }), &tasks_[0])
        << "who runs is put back first";
    EXPECT_EQ(begin(0), &tasks_[0]);
    EXPECT_EQ(begin(0), &tasks_[1]);
}

TEST_P(charge_aside, a_group_is_charged_for_its_members) {
    cfs_queue::group big(queue_, 2 * nice_0_weight, {.quota_ns = 100 * ms});
    cfs_queue::group small(queue_);
    tasks_[0].owner = tasks_[1].owner = &big;
    tasks_[2].owner = &small;
    for (task& each : tasks_) {
        queue_.wake(each);
    }
    ASSERT_EQ(begin(0), &tasks_[0]);
    queue_.charge_aside(tasks_[0], 8 * ms);  // asleep; its group is not
    EXPECT_EQ(big.ran_ns(), 8 * ms);
    EXPECT_EQ(big.left_ns(), static_cast<std::int64_t>(92 * ms));
    EXPECT_EQ(tasks_[1].ran, 0U);
    EXPECT_EQ(begin(3 * ms), &tasks_[2]);
    queue_.wake(tasks_[2]);
    EXPECT_EQ(begin(2 * ms), &tasks_[2]) << "big has had 8 of weight 2, small 3";
    queue_.wake(tasks_[2]);
    EXPECT_EQ(begin(0), &tasks_[1]);
    queue_.charge_aside(tasks_[0], -8 * static_cast<std::int64_t>(ms));
    EXPECT_EQ(big.ran_ns(), 0U);
    EXPECT_EQ(big.left_ns(), static_cast<std::int64_t>(100 * ms));
}

TEST_P(charge_aside, a_quota_that_is_used_up_beside_holds_the_group_back) {
    cfs_queue::group bounded(queue_, nice_0_weight, {.quota_ns = 5 * ms, .period_ns = 10 * ms});
    tasks_[0].owner = tasks_[1].owner = &bounded;
    queue_.refill(bounded, 1);
    queue_.wake(tasks_[0]);
    ASSERT_EQ(begin(1 * ms), &tasks_[0]);
    queue_.charge_aside(tasks_[0], 5 * ms);
    queue_.wake(tasks_[1]);
    EXPECT_TRUE(bounded.throttled());
    EXPECT_EQ(begin(0), nullptr);
    queue_.refill(bounded, 1 + 10 * ms);
    EXPECT_EQ(begin(0), &tasks_[1]);
}

// Who wakes is placed near the least that somebody who waits has had, which must not go back.
TEST_P(charge_aside, virtual_time_follows_and_never_goes_back) {
    queue_.wake(tasks_[0]);
    const auto time = [&] { return queue_.level_of(tasks_[0]).virtual_time(); };
    queue_.charge_aside(tasks_[0], 4 * ms);
    const std::uint64_t reached = tasks_[0].vruntime;
    EXPECT_EQ(time(), reached);
    queue_.charge_aside(tasks_[0], -3 * static_cast<std::int64_t>(ms));
    EXPECT_EQ(time(), reached);
    ASSERT_EQ(begin(0), &tasks_[0]);
    queue_.charge_aside(tasks_[0], 50 * ms);
    EXPECT_EQ(time(), reached) << "whoever sleeps moves nobody else";
}

INSTANTIATE_TEST_SUITE_P(beginnings, charge_aside,
                         ::testing::Values(std::uint64_t{0}, shortly_before_the_end));

// Four CPUs' worth of servers, and tasks whose cost is known in the end: each gets its share.
TEST(charge_aside_shares, follow_the_weights_when_several_run_at_a_time) {
    struct served : task {
        std::uint64_t cost = 0;
        std::uint64_t ends_at = 0;
    };
    cfs_queue queue{{.latency = 2 * ms}};
    std::array<cfs_queue::group, 3> groups{cfs_queue::group(queue, 3 * nice_0_weight),
                                           cfs_queue::group(queue, nice_0_weight),
                                           cfs_queue::group(queue, nice_0_weight)};
    std::array<served, 24> all;
    for (std::size_t i = 0; i < all.size(); ++i) {
        all[i].owner = &groups[i % groups.size()];
        all[i].cost = std::array{5 * ms, 20 * ms, 1 * ms}[i % groups.size()];
        queue.wake(all[i]);
    }
    constexpr std::uint64_t advance = 2 * ms;
    std::uint64_t running = 0;
    for (std::uint64_t now = 0; now < 20'000 * ms; now += 100 * us) {
        for (served& each : all) {
            if (each.ends_at != 0 && each.ends_at <= now) {
                each.ends_at = 0;
                --running;
                queue.charge_aside(each, static_cast<std::int64_t>(each.cost) -
                                             static_cast<std::int64_t>(advance));
                queue.wake(each);
            }
        }
        for (; running < 4; ++running) {
            auto* const next = static_cast<served*>(queue.pick_next());
            ASSERT_NE(next, nullptr);
            queue.charge(advance);
            queue.block();
            next->ends_at = now + next->cost;
        }
    }
    const std::uint64_t whole = groups[0].ran_ns() + groups[1].ran_ns() + groups[2].ran_ns();
    EXPECT_NEAR(percent(groups[0].ran_ns(), whole), 60, 1);
    EXPECT_NEAR(percent(groups[1].ran_ns(), whole), 20, 1);
    EXPECT_NEAR(percent(groups[2].ran_ns(), whole), 20, 1);
}

}  // namespace
}  // namespace weft
