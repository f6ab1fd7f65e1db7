// SPDX-License-Identifier: Apache-2.0
//
// Real runs. How long who ran is the machine's business, and that of whatever else runs on it; what
// is judged is that what came out fits together.
#include "runner.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <unistd.h>

#include "live_fixture.h"
#include "thread_facts.h"

namespace weft::live {
namespace {

using sim::ms;

/// A descriptor that is readable from the start, or never.
class stop_pipe {
public:
    explicit stop_pipe(bool stops) {
        EXPECT_EQ(::pipe(ends_), 0);
        if (stops) {
            EXPECT_EQ(::write(ends_[1], "x", 1), 1);
        }
    }
    ~stop_pipe() {
        ::close(ends_[0]);
        ::close(ends_[1]);
    }
    [[nodiscard]] int fd() const { return ends_[0]; }

private:
    int ends_[2] = {-1, -1};
};

live_plan plan_for(nanoseconds duration) {
    live_plan plan = plan_of_two();
    plan.cpus = {allowed_cpus().back()};
    plan.work.duration = duration;
    plan.work.tasks[0].nice = std::max(nice_of_thread(), 0);
    plan.work.tasks[1].nice = plan.work.tasks[0].nice;
    return plan;
}

void expect_sound(const live_plan& plan, const live_run& run) {
    for (const task_log& task : run.tasks) {
        nanoseconds free_from = 0;
        for (const turn& one : task.turns) {
            EXPECT_LE(free_from, one.from);
            EXPECT_LT(one.from, one.to);
            EXPECT_LE(one.to, plan.work.duration);
            EXPECT_EQ(one.cpu, plan.cpus.front());
            free_from = one.to;
        }
        EXPECT_TRUE(std::ranges::is_sorted(task.wakeups, {}, &wakeup::due));
    }
}

class runner : public testing::TestWithParam<task_kind> {};

TEST_P(runner, hogs_have_the_cpu_in_turns) {
    const live_plan plan = plan_for(300 * ms);
    const stop_pipe stop(false);
    const auto run = run_live(GetParam(), plan, stop.fd());
    ASSERT_TRUE(run.has_value()) << run.error();
    EXPECT_FALSE(run->interrupted);
    ASSERT_EQ(run->tasks.size(), 2U);
    EXPECT_EQ(run->tasks[1].name, "light");
    expect_sound(plan, *run);
    EXPECT_EQ(run->runtime.has_value(), GetParam() == task_kind::fibers);
    EXPECT_FALSE(run->kernel.source.empty() && run->kernel.refused.empty());
    for (const kernel_turn& one : run->kernel.turns) {
        EXPECT_LE(one.from, one.to);
        EXPECT_LE(one.to, plan.work.duration);
    }
}

TEST_P(runner, tasks_sleep_and_end) {
    live_plan plan = plan_for(200 * ms);
    plan.work.tasks[0].run = sim::length{.low = 100 * sim::us};
    plan.work.tasks[0].sleep = sim::length{.low = ms};
    plan.work.tasks[0].count = 2;
    plan.work.tasks[1].run = sim::length{.low = ms};  // and ends
    plan.work.tasks[1].arrival = 2 * ms;
    const stop_pipe stop(false);
    const auto run = run_live(GetParam(), plan, stop.fd());
    ASSERT_TRUE(run.has_value()) << run.error();
    ASSERT_EQ(run->tasks.size(), 3U);
    EXPECT_EQ(run->tasks[1].name, "heavy-2");
    expect_sound(plan, *run);
    for (const wakeup& one : run->tasks[0].wakeups) {
        EXPECT_GE(one.at, one.due) << "never early";
    }
    for (const turn& one : run->tasks[2].turns) {
        EXPECT_GE(one.from, 2 * ms);
    }
    if (run->tasks[2].ended) {
        EXPECT_GE(run->tasks[2].cpu_time, ms / 2);
    }
}

TEST_P(runner, stops_when_asked_to) {
    live_plan plan = plan_for(sim::longest_duration);
    sim::task_spec sleeper = plan.work.tasks[0];
    sleeper.name = "sleeper";
    sleeper.arrival = 300 * sim::second;
    plan.work.tasks.push_back(sleeper);
    const stop_pipe stop(true);
    const auto run = run_live(GetParam(), plan, stop.fd());
    ASSERT_TRUE(run.has_value()) << run.error();
    EXPECT_TRUE(run->interrupted);
}

TEST_P(runner, a_cpu_that_is_not_there_is_an_error) {
    live_plan plan = plan_for(ms);
    plan.cpus = {1023};
    const stop_pipe stop(false);
    const auto run = run_live(GetParam(), plan, stop.fd());
    ASSERT_FALSE(run.has_value());
    EXPECT_NE(run.error().find("pinning"), std::string::npos) << run.error();
}

INSTANTIATE_TEST_SUITE_P(kinds, runner,
                         testing::Values(task_kind::kernel_threads, task_kind::fibers),
                         [](const auto& kind) { return std::string(name_of(kind.param)); });

}  // namespace
}  // namespace weft::live
