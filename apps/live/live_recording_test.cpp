// SPDX-License-Identifier: Apache-2.0
#include "live_recording.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "live_fixture.h"
#include "sched/measures.h"

namespace weft::live {
namespace {

using sim::ms;

TEST(live_recording, holds_turns_as_spans_by_their_ends) {
    const live_plan plan = plan_of_two();
    const sim::recording made = recording_of(plan, run_of_two(task_kind::fibers));
    EXPECT_EQ(made.policy, "fibers");
    EXPECT_EQ(made.duration, 100 * ms);
    ASSERT_EQ(made.spans.size(), 26U + 25U);
    EXPECT_TRUE(std::ranges::is_sorted(made.spans, {}, &sim::run_span::to));
    for (const sim::run_span& span : made.spans) {
        EXPECT_EQ(span.cpu, 0U) << "the first of the plan's CPUs";
    }
    ASSERT_EQ(made.cpus.size(), 1U);
    EXPECT_EQ(made.cpus[0].idle, ms);
    EXPECT_EQ(made.cpus[0].switches, 51U);
    EXPECT_EQ(made.tasks[0].picked, 26U);
    EXPECT_EQ(made.tasks[0].preempted, 26U);
    EXPECT_EQ(made.tasks[1].preempted, 24U) << "the end of the run is none";
    EXPECT_EQ(made.tasks[0].migrated, 0U);
}

TEST(live_recording, is_measured_as_one_of_the_simulator) {
    const live_plan plan = plan_of_two();
    const sim::recording made = recording_of(plan, run_of_two(task_kind::kernel_threads));
    const sim::measures measured = sim::measure(plan.work, made, 10);
    EXPECT_NEAR(measured.tasks[0].share, 0.74, 1e-9);
    EXPECT_NEAR(measured.tasks[1].share, 0.25, 1e-9);
    EXPECT_NEAR(measured.tasks[0].ideal, 3121.0 / (3121 + 1024), 1e-9);
    EXPECT_NEAR(measured.idle, 0.01, 1e-9);
    EXPECT_EQ(measured.tasks[1].longest_wait, 3 * ms);
}

TEST(live_recording, sleeps_and_wake_ups_become_transitions) {
    live_plan plan = plan_of_two();
    plan.work.tasks.resize(1);
    plan.work.tasks[0].run = sim::length{.low = ms};
    plan.work.tasks[0].sleep = sim::length{.low = 10 * ms};
    live_run run{.kind = task_kind::fibers, .duration = 100 * ms};
    task_log log;
    log.name = "heavy";
    log.turns = {{5 * ms, 6 * ms, 3, turn_end::slept}, {18 * ms, 19 * ms, 3, turn_end::slept}};
    log.wakeups = {{.due = 16 * ms, .at = 18 * ms}};
    log.arrived = 5 * ms;
    log.waits_since = 29 * ms;
    run.tasks = {log};
    const sim::recording made = recording_of(plan, run);
    std::vector<sim::change> changes;
    for (const sim::transition& one : made.transitions) {
        changes.push_back(one.what);
    }
    using enum sim::change;
    EXPECT_EQ(changes, (std::vector{arrived, slept, woken, slept, woken}));
    const sim::measures measured = sim::measure(plan.work, made, 10);
    EXPECT_EQ(measured.tasks[0].latency.count, 1U);
    EXPECT_EQ(measured.tasks[0].latency.longest, 2 * ms);
    EXPECT_EQ(measured.tasks[0].unserved, 1U);
    EXPECT_EQ(measured.tasks[0].longest_wait, 71 * ms);
}

TEST(live_recording, a_task_that_went_to_another_cpu_migrated) {
    live_plan plan = plan_of_two();
    plan.cpus = {3, 5};
    plan.work.cpus = 2;
    live_run run = run_of_two(task_kind::kernel_threads);
    for (std::size_t i = 10; i < 20; ++i) {
        run.tasks[0].turns[i].cpu = 5;
    }
    const sim::recording made = recording_of(plan, run);
    EXPECT_EQ(made.tasks[0].migrated, 2U);
    EXPECT_EQ(made.tasks[1].migrated, 0U);
}

}  // namespace
}  // namespace weft::live
