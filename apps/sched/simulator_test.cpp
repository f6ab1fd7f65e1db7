// SPDX-License-Identifier: Apache-2.0
#include "simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include <fmt/format.h>

#include "bundled.h"
#include "sched_fixture.h"
#include "timeline.h"

namespace weft::sim {
namespace {

double percent_of(const policy_outcome& of, std::string_view name) {
    const task_measures* const task = find_task(of, name);
    EXPECT_NE(task, nullptr) << name;
    return task == nullptr ? -1 : 100 * task->share;
}

workload bundled(std::string_view name) {
    return workload_of(find_bundled(name)->text);
}

class fair : public testing::TestWithParam<policy> {};
class any : public testing::TestWithParam<policy> {};

std::string name_of_case(const testing::TestParamInfo<policy>& info) {
    return std::string(name_of(info.param));
}
INSTANTIATE_TEST_SUITE_P(policies, fair, testing::Values(policy::cfs, policy::eevdf), name_of_case);
INSTANTIATE_TEST_SUITE_P(policies, any, testing::ValuesIn(all_policies), name_of_case);

TEST_P(fair, equal_hogs_get_equal_parts) {
    const policy_outcome of = outcome_under(bundled("equal-hogs"), GetParam());
    for (const task_measures& task : of.measured.tasks) {
        EXPECT_NEAR(100 * task.share, 25, 0.3);
        EXPECT_NEAR(100 * task.ideal, 25, 1e-6);
    }
    EXPECT_EQ(of.measured.idle, 0);
}

TEST_P(fair, a_ladder_of_nice_values_is_one_of_weights) {
    const policy_outcome of = outcome_under(bundled("nice-ladder"), GetParam());
    EXPECT_NEAR(percent_of(of, "even"), 22.86, 0.5);
    EXPECT_NEAR(percent_of(of, "kind"), 7.48, 0.5);
    EXPECT_NEAR(percent_of(of, "greedy"), 69.66, 0.5);
}

TEST_P(fair, tenants_share_first_and_then_their_tasks) {
    const policy_outcome of = outcome_under(bundled("two-tenants"), GetParam());
    EXPECT_NEAR(percent_of(of, "small"), 40, 0.5);
    for (const char* const name : {"large-1", "large-2", "large-3", "large-4", "large-5"}) {
        EXPECT_NEAR(percent_of(of, name), 8, 0.3);
    }
    EXPECT_NEAR(100 * of.measured.groups[2].share, 20, 0.5) << "its quota";
    EXPECT_NEAR(100 * of.measured.groups[2].ideal, 20, 1e-6);
}

TEST_P(fair, three_hogs_share_two_cpus) {
    const policy_outcome of = outcome_under(bundled("three-on-two"), GetParam());
    for (const task_measures& task : of.measured.tasks) {
        EXPECT_NEAR(100 * task.share, 100.0 / 3, 1);
    }
}

TEST_P(fair, a_fork_bomb_stays_in_its_group) {
    const policy_outcome of = outcome_under(bundled("fork-bomb"), GetParam());
    EXPECT_EQ(of.run.tasks.size(), 42U);
    EXPECT_GT(percent_of(of, "worker"), 17);
    EXPECT_LT(find_task(of, "worker")->longest_wait, 10 * ms);
}

/// The bound that EEVDF guarantees, with the tick as the time between two looks.
TEST(eevdf_simulated, keeps_lag_within_its_bound) {
    const policy_outcome of = outcome_under(bundled("nice-ladder"), policy::eevdf);
    for (const task_measures& task : of.measured.tasks) {
        EXPECT_GT(task.least_lag_ms, -1.7);
        EXPECT_LT(task.greatest_lag_ms, 1.7);
    }
}

TEST(cfs_simulated, lets_who_has_slept_run_at_once) {
    const policy_outcome of = outcome_under(bundled("interactive"), policy::cfs);
    const latency_summary& latency = find_task(of, "editor")->latency;
    EXPECT_GT(latency.count, 1'500U);
    EXPECT_EQ(latency.p50, 0U);
    EXPECT_LT(latency.p99, ms);
}

TEST(eevdf_simulated, a_short_slice_buys_latency) {
    const policy_outcome of = outcome_under(bundled("interactive"), policy::eevdf);
    EXPECT_LT(find_task(of, "editor-short")->latency.p50, find_task(of, "editor")->latency.p50);
    EXPECT_LT(find_task(of, "editor-short")->latency.p99, find_task(of, "editor")->latency.p99);
}

TEST(fifo_simulated, the_first_hog_runs_for_ever) {
    const policy_outcome of = outcome_under(bundled("equal-hogs"), policy::fifo);
    EXPECT_EQ(percent_of(of, "hog-1"), 100);
    EXPECT_EQ(percent_of(of, "hog-2"), 0);
    EXPECT_EQ(find_task(of, "hog-4")->longest_wait, of.run.duration);
    EXPECT_EQ(of.measured.switches, 1U);
}

TEST(round_robin_simulated, knows_no_weights) {
    const policy_outcome of = outcome_under(bundled("nice-ladder"), policy::round_robin);
    for (const char* const name : {"greedy", "even", "kind"}) {
        EXPECT_NEAR(percent_of(of, name), 100.0 / 3, 0.3);
    }
}

TEST_P(any, a_quota_bounds_a_group_that_is_alone) {
    const policy_outcome of = outcome_under(workload_of(R"(
duration = "1 s"
[[group]]
name = "g"
quota = "15 ms"
period = "50 ms"
[[task]]
name = "member"
group = "g"
count = 2
run = "forever"
)"),
                                            GetParam());
    EXPECT_NEAR(100 * of.measured.groups[0].share, 30, 0.5);
    EXPECT_NEAR(100 * of.measured.idle, 70, 0.5);
    EXPECT_NEAR(100 * of.measured.groups[0].ideal, 30, 1e-6);
}

TEST_P(any, a_quota_is_common_to_all_cpus) {
    for (const int members : {1, 2, 7}) {
        const policy_outcome of = outcome_under(workload_of(fmt::format(R"(
duration = "2 s"
cpus = 4
[[group]]
name = "g"
quota = "40 ms"
period = "50 ms"
[[task]]
name = "member"
group = "g"
count = {}
run = "forever"
)",
                                                                        members)),
                                                GetParam());
        EXPECT_NEAR(100 * of.measured.groups[0].share, 20, 0.5) << members;
    }
}

TEST_P(any, a_task_ends_when_it_has_had_all) {
    const policy_outcome of = outcome_under(workload_of(R"(
duration = "1 s"
[[task]]
name = "once"
run = "30 ms"
[[task]]
name = "in-parts"
run = "5 ms"
sleep = "5 ms"
total = "42 ms"
[[task]]
name = "late"
run = "1 ms"
arrival = "2 s"
)"),
                                            GetParam());
    EXPECT_EQ(find_task(of, "once")->ran, 30 * ms);
    EXPECT_EQ(find_task(of, "in-parts")->ran, 42 * ms);
    EXPECT_EQ(find_task(of, "late")->ran, 0U);
    EXPECT_TRUE(of.run.tasks[0].ended && of.run.tasks[1].ended);
    EXPECT_NEAR(100 * find_task(of, "once")->ideal, 3, 0.01);
    EXPECT_NEAR(100 * of.measured.idle, 100 - 7.2, 1e-6);
}

TEST_P(any, a_switch_costs_what_it_costs) {
    workload work = bundled("equal-hogs");
    work.switch_cost = 10 * us;
    const policy_outcome of = outcome_under(work, GetParam());
    EXPECT_NEAR(of.measured.switching * static_cast<double>(work.duration),
                static_cast<double>(of.measured.switches * work.switch_cost), 20.0 * us);
}

TEST_P(any, the_same_seed_gives_the_same_run) {
    workload work = bundled("sleepers");
    const auto spans = [&work] {
        std::vector<std::pair<std::uint32_t, nanoseconds>> all;
        for (const run_span& span : outcome_under(work, GetParam()).run.spans) {
            all.emplace_back(span.task, span.to);
        }
        return all;
    };
    const auto first = spans();
    EXPECT_EQ(first, spans());
    work.seed += 1;
    EXPECT_NE(first, spans());
}

TEST_P(any, a_pinned_task_stays_on_its_cpu) {
    const policy_outcome of = outcome_under(workload_of(R"(
duration = "500 ms"
cpus = 3
[[task]]
name = "pinned"
count = 2
cpu = 1
run = "forever"
[[task]]
name = "free"
count = 3
run = "2 ms"
sleep = "1 ms"
)"),
                                            GetParam());
    for (const run_span& span : of.run.spans) {
        if (of.run.tasks[span.task].name.starts_with("pinned")) {
            EXPECT_EQ(span.cpu, 1U);
        }
    }
}

TEST(simulator, a_run_of_too_many_steps_is_refused) {
    const workload work = workload_of(
        "duration = \"600 s\"\ncpus = 64\n[[task]]\nname = \"a\"\ncount = 200\nrun = \"10 us\"\n"
        "sleep = \"10 us\"\n");
    const auto run = simulate(work, policy::cfs);
    ASSERT_FALSE(run);
    EXPECT_THAT(run.error(), testing::HasSubstr("choose a shorter duration"));
}

/// Everything that must hold of any run, whatever the workload.
void expect_consistent(const workload& work, const policy_outcome& of) {
    nanoseconds accounted = 0;
    for (const cpu_record& cpu : of.run.cpus) {
        accounted += cpu.idle + cpu.switching;
    }
    std::map<std::uint32_t, nanoseconds> free_from;
    std::map<std::uint32_t, nanoseconds> cpu_free_from;
    for (const run_span& span : of.run.spans) {
        accounted += span.to - span.from;
        EXPECT_LT(span.from, span.to);
        EXPECT_GE(span.from, free_from[span.task]) << "in two places at once";
        EXPECT_GE(span.from, cpu_free_from[span.cpu]) << "two at once on a CPU";
        free_from[span.task] = cpu_free_from[span.cpu] = span.to;
    }
    EXPECT_EQ(accounted, work.cpus * work.duration);

    double share = of.measured.idle + of.measured.switching;
    for (std::size_t i = 0; i < of.run.tasks.size(); ++i) {
        share += of.measured.tasks[i].share;
        const auto& total = work.tasks[of.run.tasks[i].spec].total;
        EXPECT_LE(of.measured.tasks[i].unserved, 1U);
        EXPECT_LE(of.measured.tasks[i].ran, total.value_or(work.duration));
    }
    EXPECT_NEAR(share, 1, 1e-9) << "nobody runs but who is runnable";
    double ideal = 0;
    for (const task_measures& task : of.measured.tasks) {
        EXPECT_LE(task.ideal * work.cpus, 1 + 1e-6);
        ideal += task.ideal;
    }
    EXPECT_LE(ideal, 1 + 1e-6);
    for (const lag_sample& sample : of.measured.lag) {
        double sum = 0;
        for (const float lag : sample.lag_ms) {
            sum += lag;
        }
        EXPECT_NEAR(sum, 0, 0.05) << "at " << text_of(sample.at);
    }
}

TEST_P(any, time_is_conserved_whatever_the_workload) {
    for (std::uint64_t seed = 0; seed < 150; ++seed) {
        const workload work = drawn_workload(seed);
        SCOPED_TRACE(work.name);
        expect_consistent(work, outcome_under(work, GetParam()));
        if (HasFailure()) {
            return;
        }
    }
}

TEST_P(any, no_cpu_is_idle_while_a_task_could_run_there) {
    for (std::uint64_t seed = 0; seed < 60; ++seed) {
        workload work = drawn_workload(seed);
        work.groups.clear();
        work.switch_cost = 0;  // during which the task waits
        for (task_spec& task : work.tasks) {
            task.group.reset();
            task.cpu.reset();
        }
        const policy_outcome of = outcome_under(work, GetParam());
        std::map<nanoseconds, int> waiting;  // changes of the number of those that wait
        for (const timeline& row : timelines_of(of.run)) {
            for (const activity_span& span : row) {
                waiting[span.from] += span.what == activity::waits ? 1 : 0;
                waiting[span.to] -= span.what == activity::waits ? 1 : 0;
            }
        }
        nanoseconds idle = 0;
        for (const cpu_record& cpu : of.run.cpus) {
            idle += cpu.idle;
        }
        // While somebody waits, all CPUs run or switch: so idle time fits into the rest.
        nanoseconds nobody_waits = 0;
        nanoseconds last = 0;
        int now = 0;
        for (const auto& [at, change] : waiting) {
            nobody_waits += now == 0 ? at - last : 0;
            now += change;
            last = at;
        }
        nobody_waits += work.duration - last;
        EXPECT_LE(idle, nobody_waits * work.cpus) << work.name;
    }
}

}  // namespace
}  // namespace weft::sim
