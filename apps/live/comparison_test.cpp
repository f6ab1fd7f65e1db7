// SPDX-License-Identifier: Apache-2.0
#include "comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "live_fixture.h"

namespace weft::live {
namespace {

using sim::ms;
using testing::ElementsAre;
using testing::HasSubstr;

std::uint64_t count(const loss_counts& of, turn_loss why) {
    return of[static_cast<std::size_t>(why)];
}

comparison compared(int shift = 0) {
    return compare(plan_of_two(), shift, 4 * ms,
                   {run_of_two(task_kind::kernel_threads), run_of_two(task_kind::fibers)});
}

TEST(comparison, lengths_are_summed_up) {
    EXPECT_EQ(lengths_of({}).count, 0U);
    const length_summary of = lengths_of({5, 1, 3});
    EXPECT_EQ(of.count, 3U);
    EXPECT_EQ(of.least, 1U);
    EXPECT_EQ(of.median, 3U);
    EXPECT_EQ(of.greatest, 5U);
}

TEST(comparison, slices_of_whole_ticks_are_told_from_others) {
    const std::array<nanoseconds, 6> lengths{4 * ms,  12 * ms - ms / 5, 4 * ms + ms / 5,
                                             ms / 10, 6 * ms,           4 * ms + ms / 4};
    EXPECT_DOUBLE_EQ(part_of_whole_ticks(lengths, 4 * ms), 0.5);
    EXPECT_EQ(part_of_whole_ticks({}, 4 * ms), 0);
}

TEST(comparison, who_ran_next_on_the_cpu_tells_why_a_turn_ended) {
    const auto losses = losses_of(run_of_two(task_kind::kernel_threads));
    EXPECT_EQ(std::ranges::count(losses[0], turn_loss::to_task), 25);
    EXPECT_EQ(losses[0][2], turn_loss::to_other) << "the one that was cut at 9 ms";
    EXPECT_EQ(std::ranges::count(losses[1], turn_loss::to_task), 24);
    EXPECT_EQ(losses[1].back(), turn_loss::ended);
}

TEST(comparison, on_another_cpu_it_tells_nothing) {
    live_run run = run_of_two(task_kind::kernel_threads);
    for (turn& one : run.tasks[1].turns) {
        one.cpu = 4;
    }
    const auto losses = losses_of(run);
    EXPECT_EQ(std::ranges::count(losses[0], turn_loss::to_other), 25);
}

TEST(comparison, a_slice_is_the_sum_of_turns_that_something_else_cut) {
    const comparison all = compared();
    const task_figures& heavy = all.sides[0].tasks[0];
    EXPECT_EQ(heavy.turns.count, 26U);
    EXPECT_EQ(heavy.turns.least, ms);
    EXPECT_EQ(heavy.slices.count, 25U);
    EXPECT_EQ(heavy.slices.least, 2 * ms);
    EXPECT_EQ(heavy.slices.median, 3 * ms);
    EXPECT_EQ(all.sides[0].tasks[1].slices.count, 24U) << "not what the end of the run cut off";
    EXPECT_EQ(count(all.sides[0].lost, turn_loss::to_other), 1U);
    EXPECT_DOUBLE_EQ(all.sides[0].turns_per_second, 510);
    EXPECT_DOUBLE_EQ(all.sides[0].slices_per_second, 490);
}

TEST(comparison, shares_are_of_the_time_that_the_tasks_had_together) {
    const comparison all = compared();
    ASSERT_EQ(all.sides.size(), 2U);
    EXPECT_EQ(all.sides[0].kind, task_kind::kernel_threads);
    EXPECT_EQ(all.sides[1].kind, task_kind::fibers);
    EXPECT_THAT(all.names, ElementsAre("heavy", "light"));
    EXPECT_NEAR(all.ideal[0], 3121.0 / 4145, 1e-6);
    for (const side& one : all.sides) {
        EXPECT_NEAR(one.tasks[0].share, 74.0 / 99, 1e-9);
        EXPECT_NEAR(one.tasks[0].error_points, 100 * (74.0 / 99 - 3121.0 / 4145), 1e-6);
        EXPECT_NEAR(one.worst_error, 100 * (3121.0 / 4145 - 74.0 / 99), 1e-6);
        EXPECT_NEAR(one.occupied, 0.99, 1e-9);
    }
}

TEST(comparison, rounds_are_added_up_and_their_range_is_kept) {
    std::vector<live_run> runs;
    for (const task_kind kind : {task_kind::kernel_threads, task_kind::fibers, task_kind::fibers,
                                 task_kind::kernel_threads}) {
        runs.push_back(run_of_two(kind));
    }
    runs[0].tasks[0].cpu_time = 26 * ms;  // and 25 of the other
    const comparison all = compare(plan_of_two(), 0, 4 * ms, std::move(runs));
    EXPECT_EQ(all.rounds, 2U);
    const task_figures& heavy = all.sides[0].tasks[0];
    EXPECT_NEAR(heavy.share, 100.0 / 150, 1e-9);
    EXPECT_NEAR(heavy.least_share, 26.0 / 51, 1e-9);
    EXPECT_NEAR(heavy.greatest_share, 74.0 / 99, 1e-9);
    EXPECT_EQ(heavy.turns.count, 52U);
    EXPECT_EQ(all.first.policies.size(), 2U);
}

TEST(comparison, latencies_are_of_wake_ups) {
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    runs[1].tasks[0].wakeups = {{.due = 5 * ms, .at = 6 * ms}, {.due = 8 * ms, .at = 11 * ms}};
    const comparison all = compare(plan_of_two(), 0, 4 * ms, std::move(runs));
    EXPECT_EQ(all.sides[0].latencies.count, 0U);
    EXPECT_EQ(all.sides[1].latencies.count, 2U);
    EXPECT_EQ(all.sides[1].tasks[0].latencies.greatest, 3 * ms);
}

TEST(comparison, tasks_that_never_ran_have_no_share) {
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    for (live_run& run : runs) {
        for (task_log& task : run.tasks) {
            task.turns.clear();
            task.cpu_time = 0;
        }
    }
    const comparison all = compare(plan_of_two(), 0, 4 * ms, std::move(runs));
    EXPECT_EQ(all.sides[0].tasks[0].share, 0);
    EXPECT_EQ(all.sides[0].slices.count, 0U);
}

TEST(comparison, records_count_for_threads_that_ran_tasks) {
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    runs[0].kernel.source = "records";
    runs[0].kernel.turns = {
        {.thread = 100, .cpu = 3, .from = 0, .to = 3 * ms, .preempted = true, .next = 101},
        {.thread = 101, .cpu = 3, .from = 3 * ms, .to = 4 * ms, .preempted = true, .next = 99},
        {.thread = 99, .cpu = 3, .from = 4 * ms, .to = 5 * ms, .preempted = false, .next = 100},
        {.thread = 100, .cpu = 3, .from = 5 * ms, .to = 8 * ms, .preempted = true, .next = 5},
        {.thread = 101, .cpu = 3, .from = 8 * ms, .to = 9 * ms, .preempted = false, .next = 0}};
    const comparison all = compare(plan_of_two(), 0, 4 * ms, std::move(runs));
    const side& kernel = all.sides[0];
    EXPECT_EQ(kernel.kernel_turns.count, 4U);
    EXPECT_EQ(kernel.tasks[0].kernel_turns.median, 3 * ms);
    EXPECT_EQ(kernel.kernel.preempted, 3U);
    EXPECT_EQ(kernel.kernel.waited, 1U);
    EXPECT_EQ(kernel.kernel.to_task, 1U);
    EXPECT_EQ(kernel.kernel.to_program, 1U);
    EXPECT_EQ(kernel.kernel.to_other, 1U);
    EXPECT_EQ(kernel.kernel.to_idle, 1U);
}

TEST(comparison, threads_that_ran_several_tasks_are_nobody_in_particulars) {
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    runs[1].tasks[0].threads = {100, 101};
    runs[1].kernel.turns = {
        {.thread = 101, .cpu = 3, .from = 0, .to = ms, .preempted = true, .next = {}}};
    const comparison all = compare(plan_of_two(), 0, 4 * ms, std::move(runs));
    EXPECT_EQ(all.sides[1].kernel_turns.count, 1U);
    EXPECT_EQ(all.sides[1].tasks[0].kernel_turns.count, 0U);
    EXPECT_EQ(all.sides[1].tasks[1].kernel_turns.count, 0U);
}

TEST(comparison, says_what_was_not_as_asked_for) {
    EXPECT_TRUE(compared().notes.empty());
    EXPECT_THAT(compared(5).notes, ElementsAre(HasSubstr("5 higher than the workload says")));
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    runs[0].tasks[1].has_slice = false;
    runs[0].kernel.refused = "the trace point (why)";
    live_plan plan = plan_of_two();
    plan.slice = 2 * ms;
    EXPECT_THAT(compare(plan, 0, 4 * ms, std::move(runs)).notes,
                ElementsAre(HasSubstr("2 ms holds for fibers only"),
                            "Not permitted: the trace point (why)."));
}

}  // namespace
}  // namespace weft::live
