// SPDX-License-Identifier: Apache-2.0
//
// Moving between queues: nobody gains by it and nobody loses.
#include <gtest/gtest.h>

#include "fair_fixture.h"

namespace weft {
namespace {

template <class Policy>
class fair_move : public ::testing::Test {};
using policies = ::testing::Types<cfs, eevdf>;
TYPED_TEST_SUITE(fair_move, policies);

TYPED_TEST(fair_move, a_sleeper_takes_no_more_along_than_it_would_get_where_it_was) {
    fair_queue<task, TypeParam> old_queue;
    fair_queue<task, TypeParam> young_queue;
    task sleeper;
    task hog;
    task other_hog;
    old_queue.start(sleeper);
    old_queue.pick_next();
    old_queue.block();
    old_queue.start(hog);
    run(old_queue, 10'000 * ms);
    young_queue.start(other_hog);
    run(young_queue, 10 * ms);

    old_queue.leave(sleeper);
    young_queue.join(sleeper);
    run(young_queue, 100 * ms);
    EXPECT_GE(sleeper.ran, 49 * ms);
    EXPECT_LE(sleeper.ran, 50 * ms + cfs::parameters().latency / 2);
}

TYPED_TEST(fair_move, who_has_left_a_group_wakes_elsewhere_in_none) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type old_queue;
    queue_type young_queue;
    typename queue_type::group group(old_queue);
    task mover;
    old_queue.start(mover, &group);
    ASSERT_EQ(old_queue.pick_next(), &mover);
    old_queue.block();
    old_queue.leave(mover);
    young_queue.wake(mover);
    EXPECT_EQ(group.runnable(), 0U);
    EXPECT_EQ(old_queue.pick_next(), nullptr);
    EXPECT_EQ(young_queue.runnable(), 1U);
    EXPECT_EQ(young_queue.pick_next(), &mover);
    EXPECT_EQ(young_queue.level_of(mover).count(), 1U);
}

}  // namespace
}  // namespace weft
