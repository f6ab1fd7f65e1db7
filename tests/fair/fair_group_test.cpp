// SPDX-License-Identifier: Apache-2.0
//
// Two levels: turns of groups, quotas, and what is counted.
#include <gtest/gtest.h>

#include <array>

#include "fair_fixture.h"

namespace weft {
namespace {

template <class Policy>
class lone_members : public ::testing::Test {};
using yielding_policies = ::testing::Types<cfs, fifo, round_robin>;
TYPED_TEST_SUITE(lone_members, yielding_policies);

// Not of eevdf: there a yield gives up the rest of one's own request, and never the group's.
TYPED_TEST(lone_members, let_others_run_when_they_yield) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type queue;
    typename queue_type::group one(queue);
    typename queue_type::group other(queue);
    std::array<task, 2> tasks;
    queue.start(tasks[0], &one);
    queue.start(tasks[1], &other);
    ASSERT_EQ(queue.pick_next(), &tasks[0]);
    queue.charge(500 * us);
    queue.yield();
    ASSERT_EQ(queue.pick_next(), &tasks[1]);
    queue.charge(900 * us);
    queue.yield();
    ASSERT_EQ(queue.pick_next(), &tasks[0]);
    queue.yield();
    EXPECT_EQ(queue.pick_next(), &tasks[1]) << "although it has had more";
}

TEST(cfs_groups, do_not_cut_short_the_turns_of_their_members) {
    fair_queue<task, cfs> queue;
    fair_queue<task, cfs>::group heavy(queue, 10'240);
    std::array<task, 3> members;
    task rival;
    for (task& each : members) {
        queue.start(each, &heavy);
    }
    queue.start(rival);
    const std::uint64_t slice = queue.slice_of(members[0]);
    EXPECT_NEAR(static_cast<double>(slice), 6e6 * 10 / 11 / 3, 2);
    // The rival starts at the end of the period, and a turn ends with the step that exceeds 1.82
    // ms.
    constexpr std::uint64_t slice_of_group = 6 * ms * 10 / 11;
    std::uint64_t turns = 0;
    for (std::uint64_t done = 0; done < slice_of_group; done += 100 * us) {
        const task* const before = queue.current();
        if (before == nullptr || queue.should_switch()) {
            turns += queue.pick_next() != before ? 1 : 0;
        }
        queue.charge(100 * us);
        queue.tick();
    }
    EXPECT_EQ(turns, 3U);
}

TEST(eevdf_groups, still_owe_what_they_owed_when_their_quota_comes_back) {
    using queue_type = fair_queue<task, eevdf>;
    queue_type queue;
    queue_type::group bounded(queue, 1024, {.quota_ns = 10 * ms, .period_ns = 100 * ms});
    task member;
    task hog;
    queue.start(member, &bounded);
    queue.start(hog);
    queue.refill(bounded, 1);
    while (queue.pick_next() != &member) {
        queue.charge(1 * ms);
    }
    queue.charge(20 * ms);
    ASSERT_EQ(queue.pick_next(), &hog);
    ASSERT_TRUE(bounded.throttled());
    run(queue, 200 * ms);
    ASSERT_EQ(member.ran, 20 * ms);

    queue.refill(bounded, queue.refill_time(bounded) + 100 * ms);
    ASSERT_FALSE(bounded.throttled());
    const std::uint64_t before = hog.ran;
    while (queue.current() == &hog) {
        queue.charge(100 * us);
        if (queue.should_switch()) {
            queue.pick_next();
        }
    }
    EXPECT_GE(hog.ran - before, eevdf::parameters().tick) << "as much as a lag may be kept";
}

}  // namespace
}  // namespace weft
