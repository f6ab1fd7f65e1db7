// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "live_fixture.h"
#include "report_html.h"
#include "report_json.h"
#include "report_terminal.h"
#include "sched/report_terminal.h"

namespace weft::live {
namespace {

using nlohmann::json;
using sim::ms;
using testing::HasSubstr;
using testing::Not;

comparison small_comparison(bool with_records = true) {
    std::vector<live_run> runs{run_of_two(task_kind::kernel_threads),
                               run_of_two(task_kind::fibers)};
    runs[1].runtime =
        runtime_counts{.dispatched = 60, .preempted = 50, .blocked = 7, .finished = 2};
    if (with_records) {
        runs[0].kernel.source = "trace point sched:sched_switch";
        runs[0].kernel.lost = 1;
        runs[0].kernel.turns = {
            {.thread = 100, .cpu = 3, .from = 0, .to = 3 * ms, .preempted = true, .next = 101}};
    }
    return compare(plan_of_two(), 5, 4 * ms, std::move(runs));
}

TEST(live_report_terminal, no_line_is_wider_than_asked_for) {
    comparison all = small_comparison();
    all.names[0] = std::string(sim::longest_name, 'n');
    all.plan.work.title = std::string(100, 't');
    for (const std::size_t width : {sim::narrowest_page, std::size_t{80}, std::size_t{133}}) {
        std::istringstream lines(
            report_for_terminal(all, {.colour = false, .unicode = false, .width = width}));
        for (std::string line; std::getline(lines, line);) {
            EXPECT_LE(line.size(), width) << line;
            EXPECT_FALSE(line.ends_with(' ')) << line;
        }
    }
}

TEST(live_report_terminal, has_both_sides_beside_each_other) {
    const std::string text = report_for_terminal(small_comparison(), {.width = 120});
    EXPECT_THAT(text, HasSubstr("on CPU 3, 100 ms each; the kernel's tick is 4 ms (HZ=250)"));
    EXPECT_THAT(text, HasSubstr("  heavy           -5  75.30   74.75   -0.55   74.75   -0.55\n"));
    EXPECT_THAT(text, HasSubstr("Nice values are 5 higher"));
    EXPECT_THAT(text, HasSubstr("Turns in the kernel's records"));
    EXPECT_THAT(text, HasSubstr("50 times it preempted a fiber at a"));
    EXPECT_THAT(text, HasSubstr("1 records were lost"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
    EXPECT_THAT(report_for_terminal(small_comparison(), {.colour = true}), HasSubstr("\x1b[1m"));
    EXPECT_THAT(report_for_terminal(small_comparison(false), {}),
                Not(HasSubstr("the kernel's records")));
}

TEST(live_report_json, has_every_figure) {
    const json document = json::parse(report_as_json(small_comparison()));
    EXPECT_EQ(document.at("schema_version"), json_schema_version);
    EXPECT_EQ(document.at("live"), true);
    EXPECT_EQ(document.at("cpus"), json({3}));
    EXPECT_EQ(document.at("nice_shift"), 5);
    ASSERT_EQ(document.at("systems").size(), 2U);
    for (const json& one : document.at("systems")) {
        double share = 0;
        double ideal = 0;
        for (const json& task : one.at("tasks")) {
            share += task.at("share_percent").get<double>();
            ideal += task.at("ideal_percent").get<double>();
            EXPECT_LE(task.at("slices_ms").at("min"), task.at("slices_ms").at("max"));
            EXPECT_LE(task.at("turns_ms").at("p50"), task.at("turns_ms").at("p99"));
        }
        EXPECT_NEAR(share, 100, 1e-3);
        EXPECT_NEAR(ideal, 100, 1e-3);
    }
    const json& kernel = document.at("systems")[0];
    EXPECT_EQ(kernel.at("kind"), "kernel");
    EXPECT_TRUE(kernel.at("runtime").is_null());
    EXPECT_EQ(kernel.at("kernel_records").at("to_task"), 1);
    EXPECT_EQ(kernel.at("turns_ended").at("to_other"), 1);
    EXPECT_EQ(document.at("systems")[1].at("runtime").at("blocked"), 7);
}

TEST(live_report_html, has_the_tables_and_the_pictures) {
    const std::string page = report_as_html(small_comparison(), "1.2.3");
    EXPECT_THAT(page, HasSubstr("weft 1.2.3"));
    EXPECT_THAT(page, HasSubstr("Kernel threads beside fibers"));
    EXPECT_THAT(page, HasSubstr("<canvas id=\"timeline-1\""));
    EXPECT_THAT(page, HasSubstr("Two &lt;hogs&gt;"));
    EXPECT_THAT(page, Not(HasSubstr("simulated with")));
}

}  // namespace
}  // namespace weft::live
