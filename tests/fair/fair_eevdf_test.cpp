// SPDX-License-Identifier: Apache-2.0
//
// What EEVDF promises: bounded lag, debts that are paid, requests that are kept.
#include <gtest/gtest.h>

#include "fair_fixture.h"

namespace weft {
namespace {

using queue_type = fair_queue<task, eevdf>;

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

}  // namespace
}  // namespace weft
