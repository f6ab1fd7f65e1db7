// SPDX-License-Identifier: Apache-2.0
#include "turn_log.h"

#include <gtest/gtest.h>

namespace weft::live {
namespace {

using sim::ms;
using sim::us;

constexpr nanoseconds start = 1000 * ms;
constexpr switch_counts before{.voluntary = 7, .involuntary = 40};

/// Looks at the clock each microsecond.
void run_for(turn_log& log, nanoseconds& now, nanoseconds time) {
    for (const nanoseconds end = now + time; now < end;) {
        now += us;
        ASSERT_FALSE(log.is_gap(now));
        log.go_on(now);
    }
}

TEST(turn_log, a_gap_is_longer_than_the_threshold) {
    turn_log log;
    log.begin(start, 0, before);
    EXPECT_FALSE(log.is_gap(start + gap_threshold));
    EXPECT_TRUE(log.is_gap(start + gap_threshold + 1));
}

TEST(turn_log, a_turn_ends_at_the_last_look_before_it_was_switched_away) {
    turn_log log;
    nanoseconds now = start;
    log.begin(now, 1, before);
    run_for(log, now, 4 * ms);
    const nanoseconds left = now;
    now += 8 * ms;
    ASSERT_TRUE(log.is_gap(now));
    log.after_gap(now, 2, {.voluntary = 7, .involuntary = 41});
    run_for(log, now, 2 * ms);
    log.end(turn_end::ended);
    ASSERT_EQ(log.turns().size(), 2U);
    EXPECT_EQ(log.turns()[0].from, start);
    EXPECT_EQ(log.turns()[0].to, left);
    EXPECT_EQ(log.turns()[0].cpu, 1U);
    EXPECT_EQ(log.turns()[0].end, turn_end::preempted);
    EXPECT_EQ(log.turns()[1].from, left + 8 * ms);
    EXPECT_EQ(log.turns()[1].to, now);
    EXPECT_EQ(log.turns()[1].cpu, 2U);
    EXPECT_EQ(log.ran(), 6 * ms) << "without the gap";
    EXPECT_EQ(log.switches(), (switch_counts{.voluntary = 0, .involuntary = 1}));
    EXPECT_EQ(log.stalls(), 0U);
}

TEST(turn_log, a_gap_without_a_switch_is_a_stall_and_ends_no_turn) {
    turn_log log;
    nanoseconds now = start;
    log.begin(now, 0, before);
    run_for(log, now, ms);
    now += 3 * ms;
    log.after_gap(now, 0, before);
    run_for(log, now, ms);
    log.end(turn_end::slept);
    ASSERT_EQ(log.turns().size(), 1U);
    EXPECT_EQ(log.turns()[0].from, start);
    EXPECT_EQ(log.turns()[0].to, now);
    EXPECT_EQ(log.stalls(), 1U);
    EXPECT_EQ(log.stalled(), 3 * ms);
    EXPECT_EQ(log.ran(), 2 * ms);
}

TEST(turn_log, a_thread_that_waited_was_suspended_whatever_else_it_was) {
    turn_log log;
    log.begin(start, 0, before);
    log.after_gap(start + 5 * ms, 0, {.voluntary = 8, .involuntary = 43});
    ASSERT_EQ(log.turns().size(), 1U);
    EXPECT_EQ(log.turns()[0].end, turn_end::suspended);
    EXPECT_EQ(log.switches(), (switch_counts{.voluntary = 1, .involuntary = 3}));
}

TEST(turn_log, what_another_thread_counted_is_not_a_switch) {
    turn_log log;
    log.begin(start, 0, before);
    log.end(turn_end::slept);
    // It wakes on another kernel thread.
    log.begin(start + 10 * ms, 0, {.voluntary = 1000, .involuntary = 2000});
    log.after_gap(start + 11 * ms, 0, {.voluntary = 1000, .involuntary = 2000});
    EXPECT_EQ(log.switches(), switch_counts{});
    EXPECT_EQ(log.stalls(), 1U);
    EXPECT_EQ(log.turns().size(), 1U);
}

}  // namespace
}  // namespace weft::live
