// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "bundled.h"
#include "report_html.h"
#include "report_json.h"
#include "report_terminal.h"
#include "report_trace.h"
#include "sched_fixture.h"

namespace weft::sim {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;

const outcome& interactive() {
    static const outcome all =
        outcome_of(find_bundled("interactive")->text, {policy::cfs, policy::eevdf, policy::fifo});
    return all;
}

std::size_t columns_of(std::string_view line) {
    return static_cast<std::size_t>(
        std::ranges::count_if(line, [](char c) { return (c & 0xc0) != 0x80; }));
}

TEST(report_terminal, no_line_is_wider_than_asked_for) {
    for (const bundled_workload& one : bundled_workloads()) {
        const outcome all =
            outcome_of(one.text, {policy::cfs, policy::eevdf, policy::fifo, policy::round_robin});
        for (const std::size_t width : {narrowest_page, std::size_t{80}, std::size_t{133}}) {
            std::istringstream lines(
                report_for_terminal(all, {.colour = false, .unicode = true, .width = width}));
            for (std::string line; std::getline(lines, line);) {
                EXPECT_LE(columns_of(line), width) << one.name << ": " << line;
                EXPECT_FALSE(line.ends_with(' ')) << one.name << ": " << line;
            }
        }
    }
}

TEST(report_terminal, long_names_are_cut) {
    const std::string name(longest_name, 'n');
    const outcome all =
        outcome_of("duration = \"100 ms\"\n[[task]]\nname = \"" + name + "\"\nrun = \"forever\"\n",
                   {policy::cfs});
    std::istringstream lines(report_for_terminal(all, {.width = narrowest_page}));
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), narrowest_page) << line;
    }
}

TEST(report_terminal, is_plain_unless_told_otherwise) {
    const std::string text = report_for_terminal(interactive());
    EXPECT_TRUE(
        std::ranges::all_of(text, [](char c) { return c == '\n' || (c >= ' ' && c < 127); }));
    EXPECT_THAT(text, HasSubstr("never ran"));
    EXPECT_THAT(text, HasSubstr("cfs, 1000 ms to 1080 ms, a column is 1 ms"));
    EXPECT_THAT(report_for_terminal(interactive(), {.colour = true}), HasSubstr("\x1b[32m"));
}

TEST(report_terminal, the_picture_shows_who_ran) {
    const outcome all = outcome_of(
        "duration = \"100 ms\"\nshow = [\"0 ms\", \"10 ms\"]\n[[task]]\nname = \"a\"\nrun = "
        "\"3 ms\"\nsleep = \"2 ms\"\n[[task]]\nname = \"b\"\nrun = \"forever\"\n",
        {policy::fifo});
    const std::string text = report_for_terminal(all);
    EXPECT_THAT(text, HasSubstr("  a             ###  .....\n"));
    EXPECT_THAT(text, HasSubstr("  b             ...#######\n"));
}

TEST(report_terminal, the_list_names_all_and_says_what_to_type) {
    const std::string list = list_of_workloads();
    for (const bundled_workload& one : bundled_workloads()) {
        EXPECT_THAT(list, HasSubstr(std::string(one.name)));
    }
    EXPECT_THAT(list, HasSubstr("weft sched nice-ladder"));
}

TEST(report_json, has_every_figure) {
    const json document = json::parse(report_as_json(interactive()));
    EXPECT_EQ(document.at("schema_version"), json_schema_version);
    EXPECT_EQ(document.at("workload").at("duration_ms"), 10'000);
    ASSERT_EQ(document.at("policies").size(), 3U);
    for (const json& one : document.at("policies")) {
        ASSERT_EQ(one.at("tasks").size(), 8U);
        double share = one.at("idle_percent").get<double>();
        for (const json& task : one.at("tasks")) {
            share += task.at("share_percent").get<double>();
            EXPECT_GT(task.at("ideal_percent").get<double>(), 0);
            EXPECT_LE(task.at("wakeup_latency_us").at("p50"),
                      task.at("wakeup_latency_us").at("max"));
            EXPECT_LE(task.at("lag_ms").at("least"), task.at("lag_ms").at("greatest"));
            EXPECT_EQ(one.at("lag").at("tasks_ms").at(task.at("name").get<std::string>()).size(),
                      one.at("lag").at("at_ms").size());
        }
        EXPECT_NEAR(share, 100, 0.001);
    }
}

TEST(report_trace, events_are_sorted_and_do_not_overlap) {
    const json document = json::parse(report_as_trace(interactive()));
    double last = 0;
    std::map<std::pair<int, int>, double> free_from;
    std::map<std::string, int> kinds;
    for (const json& event : document.at("traceEvents")) {
        const auto kind = event.at("ph").get<std::string>();
        ++kinds[kind];
        if (kind == "M") {
            continue;
        }
        const double at = event.at("ts").get<double>();
        EXPECT_GE(at, last);
        last = at;
        if (kind == "X") {
            double& from = free_from[{event.at("pid").get<int>(), event.at("tid").get<int>()}];
            EXPECT_GE(at, from - 1e-6);
            EXPECT_GT(event.at("dur").get<double>(), 0);
            from = at + event.at("dur").get<double>();
        }
        if (HasFailure()) {
            return;
        }
    }
    EXPECT_EQ(kinds["M"], 3 * (2 + 1 + 8)) << "names of processes, CPUs and tasks";
    EXPECT_GT(kinds["X"], 1000);
    EXPECT_EQ(kinds["C"], 3 * 8 * 50);
}

TEST(report_html, has_a_picture_of_everything) {
    const std::string page = report_as_html(interactive(), "1.2.3");
    EXPECT_THAT(page, HasSubstr("weft 1.2.3"));
    EXPECT_THAT(page, HasSubstr("<td>editor-short</td>"));
    EXPECT_THAT(page, HasSubstr("</html>"));
    for (const char* const id : {"timeline-0", "timeline-2", "shares", "latency", "lag-2"}) {
        EXPECT_THAT(page, HasSubstr("<canvas id=\"" + std::string(id) + "\""));
    }
}

TEST(report_html, what_a_file_says_cannot_become_markup) {
    const outcome all = outcome_of(
        "# </script><script>alert(1)</script>\ntitle = \"</script><script>alert(2)\"\n"
        "duration = \"10 ms\"\n[[task]]\nname = \"a\"\nrun = \"forever\"\n",
        {policy::cfs});
    const std::string page = report_as_html(all, "");
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
}

}  // namespace
}  // namespace weft::sim
