// SPDX-License-Identifier: Apache-2.0
#include "ladder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include <weft/fair_entity.h>

#include "live_fixture.h"
#include "thread_facts.h"

namespace weft::live {
namespace {

TEST(ladder, stays_where_it_is_permitted) {
    sim::workload work = plan_of_two().work;
    EXPECT_EQ(shift_ladder(work, -20), 0);
    EXPECT_EQ(shift_ladder(work, -5), 0);
    EXPECT_EQ(work.tasks[0].nice, -5);
    EXPECT_EQ(work.tasks[1].nice, 0);
}

TEST(ladder, is_moved_as_a_whole_where_it_is_not) {
    sim::workload work = plan_of_two().work;
    EXPECT_EQ(shift_ladder(work, 0), 5);
    EXPECT_EQ(work.tasks[0].nice, 0);
    EXPECT_EQ(work.tasks[1].nice, 5);
    EXPECT_EQ(shift_ladder(work, 14), 14);
    EXPECT_EQ(work.tasks[1].nice, greatest_nice);
}

TEST(ladder, that_does_not_fit_is_refused_and_left_alone) {
    sim::workload work = plan_of_two().work;
    const auto shift = shift_ladder(work, 15);
    ASSERT_FALSE(shift.has_value());
    EXPECT_THAT(shift.error(), testing::HasSubstr("nice -5 to 0 does not fit from 15"));
    EXPECT_THAT(shift.error(), testing::HasSubstr("RLIMIT_NICE"));
    EXPECT_EQ(work.tasks[0].nice, -5);
}

TEST(ladder, what_is_permitted_can_be_had_and_nothing_is_changed_by_asking) {
    const int own = nice_of_thread();
    for (const int wanted : {-20, own, greatest_nice}) {
        const int least = least_permitted_nice(wanted);
        EXPECT_GE(least, wanted);
        EXPECT_EQ(nice_of_thread(), own);
        std::thread([least] {
            EXPECT_FALSE(set_nice_of_thread(least));
            EXPECT_EQ(nice_of_thread(), least);
        }).join();
    }
}

}  // namespace
}  // namespace weft::live
