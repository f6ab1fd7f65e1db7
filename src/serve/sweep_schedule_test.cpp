// SPDX-License-Identifier: Apache-2.0
#include "serve/sweep_schedule.h"

#include <gtest/gtest.h>

namespace weft::serving {
namespace {

constexpr base::nanoseconds_t ms = 1'000'000;

TEST(sweep_schedule, comes_now_and_then_without_a_signal) {
    sweep_schedule schedule;
    schedule.begin(1000 * ms);
    EXPECT_EQ(schedule.due(), 6000 * ms);
    schedule.swept(6001 * ms, 0);
    EXPECT_EQ(schedule.due(), 11'001 * ms);
    EXPECT_FALSE(schedule.wanted());
}

TEST(sweep_schedule, comes_at_once_after_a_signal) {
    sweep_schedule schedule;
    schedule.begin(1000 * ms);
    schedule.want();
    EXPECT_TRUE(schedule.wanted());
    EXPECT_LE(schedule.due(), 1000 * ms);
}

TEST(sweep_schedule, asks_in_vain_for_a_fiftieth_of_the_time) {
    sweep_schedule schedule;
    schedule.swept(1000 * ms, 10 * ms);
    schedule.want();
    EXPECT_EQ(schedule.due(), 1500 * ms);
}

TEST(sweep_schedule, goes_on_soon_after_many_had_ended) {
    sweep_schedule schedule;
    // 275 children had ended, each of which took a millisecond to release; the others took 2 in
    // all.
    schedule.swept(1277 * ms, 2 * ms);
    schedule.want();
    EXPECT_EQ(schedule.due(), 1377 * ms);
}

TEST(sweep_schedule, leaves_pauses) {
    sweep_schedule schedule;
    schedule.swept(1000 * ms, 0);
    schedule.want();
    EXPECT_EQ(schedule.due(), 1002 * ms);
}

}  // namespace
}  // namespace weft::serving
