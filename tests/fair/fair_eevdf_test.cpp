// SPDX-License-Identifier: Apache-2.0
//
// What EEVDF promises: bounded lag, debts that are paid, requests that are kept.
#include <gtest/gtest.h>

#include <array>

#include "fair_fixture.h"

namespace weft {
namespace {

using queue_type = fair_queue<task, eevdf>;

/// The first one of the turns from now on.
void run_until(queue_type& queue, const task& who) {
    for (int i = 0; i < 1'000 && queue.pick_next() != &who; ++i) {
        queue.charge(100 * us);
    }
    ASSERT_EQ(queue.current(), &who);
}

TEST(eevdf_request, is_as_long_in_real_time_after_a_change_of_weight_between_two_queues) {
    queue_type old_queue;
    queue_type young_queue;
    task mover(19);
    task hog;
    old_queue.start(mover);
    old_queue.leave(mover);
    old_queue.set_nice(mover, -20);
    young_queue.start(hog);
    young_queue.join(mover);
    const std::uint64_t request = mover.deadline - mover.vruntime;
    constexpr std::uint64_t slice = eevdf::parameters().slice;
    EXPECT_LE(request, to_virtual(slice, weight_of_nice(-20)));
    EXPECT_NEAR(static_cast<double>(request),
                static_cast<double>(to_virtual(slice / 2, weight_of_nice(-20))), 2);
}

TEST(eevdf_protection, is_not_renewed_by_a_group_that_turns_out_to_sleep) {
    queue_type queue;
    queue_type::group group(queue);
    task hog;
    std::array<task, 2> members;
    queue.start(hog);
    for (task& each : members) {
        queue.start(each, &group);
    }
    run_until(queue, members[0]);
    queue.charge(600 * us);  // it owes, and so stays when it sleeps
    queue.block();
    run_until(queue, members[1]);
    queue.charge(10 * us);
    queue.block();
    ASSERT_EQ(members[0].where, task::place::delayed);
    ASSERT_EQ(members[1].where, task::place::outside);

    ASSERT_EQ(queue.pick_next(), &hog);
    while (!queue.should_switch()) {
        queue.charge(100 * us);
    }
    ASSERT_EQ(queue.pick_next(), &hog) << "the group was to be next, but nobody is in it";
    ASSERT_EQ(members[0].where, task::place::outside);
    task late;  // its first request is a short one
    EXPECT_TRUE(queue.start(late)) << "the hog has had what it was picked for";
}

}  // namespace
}  // namespace weft
