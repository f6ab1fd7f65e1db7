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

}  // namespace
}  // namespace weft
