// SPDX-License-Identifier: Apache-2.0
#include "measures.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

#include "division.h"
#include "gantt.h"
#include "lag.h"
#include "pattern.h"
#include "sched_fixture.h"
#include "timeline.h"

namespace weft::sim {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(division, goes_by_weight) {
    const std::vector<claim> claims{{.weight = 1}, {.weight = 3}};
    EXPECT_THAT(divide(1, claims, {}), ElementsAre(DoubleNear(0.25, 1e-9), DoubleNear(0.75, 1e-9)));
}

TEST(division, what_one_does_not_want_goes_to_the_others) {
    const std::vector<claim> claims{{.weight = 1, .most = 0.02}, {.weight = 1}, {.weight = 1}};
    EXPECT_THAT(divide(1, claims, {}), ElementsAre(DoubleNear(0.02, 1e-9), DoubleNear(0.49, 1e-9),
                                                   DoubleNear(0.49, 1e-9)));
}

TEST(division, nobody_can_use_more_than_a_cpu) {
    const std::vector<claim> claims{{.weight = 100}, {.weight = 1}, {.weight = 1}};
    EXPECT_THAT(divide(2, claims, {}),
                ElementsAre(DoubleNear(1, 1e-9), DoubleNear(0.5, 1e-9), DoubleNear(0.5, 1e-9)));
    EXPECT_THAT(divide(8, claims, {}), ElementsAre(1, 1, 1));
}

TEST(division, groups_first_and_quotas) {
    const std::vector<claim> claims{{.group = 0}, {.group = 0}, {.group = 1}, {.weight = 2}};
    const std::vector<group_claim> groups{{.weight = 1}, {.weight = 1, .most = 0.1}};
    EXPECT_THAT(divide(1, claims, groups),
                ElementsAre(DoubleNear(0.15, 1e-9), DoubleNear(0.15, 1e-9), DoubleNear(0.1, 1e-9),
                            DoubleNear(0.6, 1e-9)));
}

TEST(division, of_nothing) {
    EXPECT_THAT(divide(1, {}, {}), ElementsAre());
    const std::vector<claim> claims{{.weight = 1, .most = 0}};
    EXPECT_THAT(divide(1, claims, {}), ElementsAre(0));
}

TEST(latency, percentiles_are_values_that_occurred) {
    std::vector<nanoseconds> values;
    for (nanoseconds i = 100; i > 0; --i) {
        values.push_back(i);
    }
    const latency_summary of = summary_of(values);
    EXPECT_EQ(of.count, 100U);
    EXPECT_EQ(of.p50, 50U);
    EXPECT_EQ(of.p90, 90U);
    EXPECT_EQ(of.p99, 99U);
    EXPECT_EQ(of.longest, 100U);
    EXPECT_EQ(summary_of({7}).p99, 7U);
    EXPECT_EQ(summary_of({}).count, 0U);
}

/// Two equal hogs that run 10 ms each, one after the other, written by hand.
TEST(lag, is_the_ideal_less_what_one_had) {
    const workload work =
        workload_of("duration = \"20 ms\"\n[[task]]\nname = \"a\"\ncount = 2\nrun = \"forever\"\n");
    recording run;
    run.duration = 20 * ms;
    run.tasks.resize(2);
    run.cpus.resize(1);
    run.spans = {{0, 0, 0, 10 * ms}, {1, 0, 10 * ms, 20 * ms}};
    run.transitions = {{0, 0, change::arrived}, {0, 1, change::arrived}};
    const measures of = measure(work, run, 4);
    ASSERT_EQ(of.lag.size(), 4U);
    EXPECT_NEAR(of.lag[0].lag_ms[0], -2.5, 1e-5);
    EXPECT_NEAR(of.lag[1].lag_ms[0], -5, 1e-5);
    EXPECT_NEAR(of.lag[1].lag_ms[1], 5, 1e-5);
    EXPECT_NEAR(of.lag[3].lag_ms[0], 0, 1e-5);
    EXPECT_NEAR(of.tasks[0].least_lag_ms, -5, 1e-5);
    EXPECT_NEAR(of.tasks[1].greatest_lag_ms, 5, 1e-5);
    EXPECT_EQ(of.tasks[1].longest_wait, 10 * ms);
}

TEST(pattern, demand_is_what_a_task_would_use_alone) {
    const workload work = workload_of(
        "[[task]]\nname = \"a\"\nrun = \"1 ms\"\nsleep = \"4 ms\"\n"
        "[[task]]\nname = \"b\"\nrun = { exponential = \"2 ms\" }\nsleep = { uniform = [\"2 ms\", "
        "\"4 ms\"] }\n[[task]]\nname = \"c\"\nrun = \"forever\"\n");
    EXPECT_NEAR(demand_of(work.tasks[0], 1, 0, second), 0.2, 1e-9);
    EXPECT_NEAR(demand_of(work.tasks[1], 1, 1, 100 * second), 0.4, 0.01);
    EXPECT_EQ(demand_of(work.tasks[2], 1, 2, second), 1);
}

TEST(timeline, says_what_a_task_did) {
    recording run;
    run.duration = 10 * ms;
    run.tasks.resize(1);
    run.spans = {{0, 1, 2 * ms, 3 * ms}, {0, 1, 3 * ms, 4 * ms}};
    run.transitions = {{1 * ms, 0, change::arrived},
                       {4 * ms, 0, change::slept},
                       {6 * ms, 0, change::woken},
                       {7 * ms, 0, change::throttled}};
    const timeline row = timelines_of(run)[0];
    ASSERT_EQ(row.size(), 4U);
    EXPECT_EQ(row[0].what, activity::waits);
    EXPECT_EQ(row[1].what, activity::runs);
    EXPECT_EQ(row[1].cpu, 1U);
    EXPECT_EQ(row[1].to, 4 * ms) << "two pieces without a gap are one";
    EXPECT_EQ(row[2].what, activity::waits);
    EXPECT_EQ(row[2].from, 6 * ms);
    EXPECT_EQ(row[3].what, activity::throttled);
    EXPECT_EQ(row[3].to, 10 * ms);
}

TEST(gantt, columns_are_whole_ticks_and_fit) {
    EXPECT_EQ(scale_for({0, 80 * ms}, ms, 100).columns, 80U);
    const gantt_scale scale = scale_for({0, 100 * ms}, ms, 40);
    EXPECT_EQ(scale.column, 3 * ms);
    EXPECT_EQ(scale.columns, 34U);
    EXPECT_EQ(scale_for({0, 10 * us}, ms, 40).columns, 1U);
    const timeline row{{activity::runs, 2, 1 * ms, 4'500 * us},
                       {activity::waits, 0, 5 * ms, 9 * ms}};
    const auto cells = gantt_row(row, 0, {.column = 2 * ms, .columns = 4});
    EXPECT_NEAR(cells[0].runs, 0.5, 1e-9);
    EXPECT_NEAR(cells[1].runs, 1, 1e-9);
    EXPECT_NEAR(cells[2].runs, 0.25, 1e-9);
    EXPECT_NEAR(cells[2].waits, 0.5, 1e-9);
    EXPECT_NEAR(cells[3].waits, 1, 1e-9);
    EXPECT_EQ(cells[2].cpu, 2U);
}

}  // namespace
}  // namespace weft::sim
