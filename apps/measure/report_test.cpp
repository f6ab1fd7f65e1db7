// SPDX-License-Identifier: Apache-2.0
//
// Claims, plan and reports, of invented measurements.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "claims.h"
#include "lab/units.h"
#include "plan.h"
#include "report_charts.h"
#include "report_data.h"
#include "report_html.h"
#include "report_terminal.h"

namespace weft::measure {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

/// A figure of the probe that declares it.
measured_figure figure_of(std::string_view id, std::vector<std::pair<double, double>> points) {
    for (const probe& one : all_probes()) {
        for (const figure_info& info : one.figures) {
            if (info.id != id) {
                continue;
            }
            measured_figure figure = measure::figure_of(info, one.name);
            std::vector<curve_point> curve;
            for (const auto& [at, value] : points) {
                figure.points.push_back({.at = at, .value = *summarize({{value}, {value}})});
                curve.push_back({.x = at, .y = value});
            }
            figure.grows = growth_of(curve);
            return figure;
        }
    }
    ADD_FAILURE() << "no probe has " << id;
    return {};
}

constexpr double mebibyte = 1 << 20;

measurement invented() {
    measurement all{.started_at = "2026-11-27T12:00:00+00:00",
                    .weft_version = "0",
                    .command_line = "weft measure",
                    .rounds = 5,
                    .machine = {},
                    .probes = {},
                    .figures = {},
                    .facts = {},
                    .map = {}};
    all.machine.memory_bytes = 24ull << 30;
    all.machine.cpu_model = "a\x1b[31mCPU";
    all.probes = {{.name = "fork", .rounds = 5},
                  {.name = "scheduling", .state = probe_state::failed, .reason = "it died"}};
    all.figures = {figure_of("fork.call", {{mebibyte, 60e3},
                                           {16 * mebibyte, 250e3},
                                           {50 * mebibyte, 700e3},
                                           {512 * mebibyte, 6.6e6}}),
                   figure_of("thread.create_join", {{0, 60e3}}),
                   figure_of("cow.child", {{0, 30e3}}), figure_of("memory.thread", {{1000, 29e3}}),
                   figure_of("memory.fiber", {{10'000, 4353}})};
    return all;
}

const claim_line& line_of(const std::vector<claim_line>& lines, std::string_view id) {
    return *std::ranges::find(lines, id, &claim_line::id);
}

TEST(claims, all_thirty_have_a_line) {
    const auto lines = claims_of({});
    ASSERT_EQ(lines.size(), 30u);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        EXPECT_EQ(lines[i].id, "C" + std::to_string(i + 1));
        EXPECT_FALSE(lines[i].mark);
        EXPECT_FALSE(lines[i].conclusion.empty()) << "why not: " << lines[i].id;
    }
}

TEST(claims, say_what_was_measured) {
    const auto lines = claims_of(invented());
    EXPECT_EQ(line_of(lines, "C2").mark, lab::mark::off) << "0.7 ms of 2";
    EXPECT_THAT(line_of(lines, "C2").conclusion, HasSubstr("less than claimed"));
    EXPECT_EQ(line_of(lines, "C5").mark, lab::mark::holds);
    EXPECT_EQ(line_of(lines, "C16").mark, lab::mark::off);
    EXPECT_THAT(line_of(lines, "C16").conclusion, HasSubstr("30x more"));
    EXPECT_EQ(line_of(lines, "C19").mark, lab::mark::holds) << line_of(lines, "C19").conclusion;
    EXPECT_EQ(line_of(lines, "C24").mark, lab::mark::off);
    EXPECT_THAT(line_of(lines, "C24").conclusion, HasSubstr("feasible"));
    EXPECT_EQ(line_of(lines, "C26").mark, lab::mark::partly) << "trivial, but twice as much";
}

TEST(claims, of_what_is_not_known_are_undecided) {
    measurement all = invented();
    figure_point& point = all.figures[1].points[0];
    point.value.low = 5e3;
    point.value.high = 400e3;
    const auto lines = claims_of(all);
    EXPECT_EQ(line_of(lines, "C5").mark, lab::mark::undecided);
    EXPECT_THAT(line_of(lines, "C5").conclusion, HasSubstr("differ too much"));
}

TEST(claims, tell_what_is_shared) {
    measurement all = invented();
    all.figures = {figure_of("own.process", {{0, 0}, {1, 1}, {2, 1}, {3, 1}, {4, 1}, {5, 1}}),
                   figure_of("own.thread", {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 1}, {5, 1}}),
                   figure_of("own.fiber", {{0, 0}, {1, 0}, {2, 0}, {3, 0}, {4, 1}, {5, 0}})};
    all.map = {{.kind = "stack", .name = "thread 1", .reserved = 8 << 20, .resident = 16384}};
    const auto lines = claims_of(all);
    EXPECT_EQ(line_of(lines, "C11").mark, lab::mark::holds);
    EXPECT_THAT(line_of(lines, "C11").measured, HasSubstr("stacks 16 KiB of 8.0 MiB"));
    EXPECT_EQ(line_of(lines, "C12").mark, lab::mark::holds);
    EXPECT_THAT(line_of(lines, "C12").measured, HasSubstr("own: stack, thread-locals"));
    all.figures[1].points[2].value.median = 1;
    EXPECT_EQ(line_of(claims_of(all), "C12").mark, lab::mark::off);
}

TEST(report, draws_the_map_of_a_process) {
    measurement all = invented();
    all.map = {{.kind = "library", .name = "<a>.so", .reserved = 4096, .resident = 4096},
               {.kind = "guard", .name = "", .reserved = 4096},
               {.kind = "heap", .name = "", .reserved = 1 << 20, .resident = 8192}};
    const std::string page = report_as_html(all);
    EXPECT_THAT(page, HasSubstr("library, &lt;a&gt;.so"));
    EXPECT_THAT(page, HasSubstr("--reserved: 100.0%"));
    EXPECT_THAT(page, testing::Not(HasSubstr(">guard")));
    EXPECT_EQ(nlohmann::json::parse(report_as_json(all)).at("map").size(), 3u);
}

TEST(claims, say_why_there_is_no_measurement) {
    const auto lines = claims_of(invented());
    EXPECT_THAT(line_of(lines, "C14").conclusion, HasSubstr("it died"));
    EXPECT_EQ(line_of(lines, "C18").conclusion, "not asked for");
}

TEST(probes, are_well_formed) {
    std::set<std::string_view> names;
    std::set<std::string_view> figures;
    std::set<std::string_view> claims;
    for (const probe& one : all_probes()) {
        EXPECT_TRUE(names.insert(one.name).second) << one.name;
        EXPECT_FALSE(one.how.empty()) << one.name;
        EXPECT_GT(one.seconds, 0) << one.name;
        EXPECT_FALSE(one.figures.empty()) << one.name;
        for (const figure_info& info : one.figures) {
            EXPECT_TRUE(figures.insert(info.id).second) << info.id;
        }
        claims.insert(one.claims.begin(), one.claims.end());
    }
    EXPECT_EQ(claims.size(), 29u) << "C30 has no probe yet";
}

TEST(plan, chooses_by_probe_figure_and_claim) {
    const auto names = [](std::string_view words) {
        std::string text;
        const auto chosen = choose_probes(words);
        for (const probe* const one : *chosen) {
            text += std::string(one->name) + " ";
        }
        return text;
    };
    EXPECT_EQ(names("fork"), "fork ");
    EXPECT_EQ(names("c16,steps"), "copy_on_write steps ");
    EXPECT_EQ(names("step.*"), "steps ");
    EXPECT_EQ(choose_probes("")->size(), all_probes().size());
    const auto unknown = choose_probes("fork,spoon");
    ASSERT_FALSE(unknown);
    EXPECT_THAT(unknown.error(), HasSubstr("'spoon'"));
}

TEST(plan, shuffles_by_the_seed_and_keeps_to_its_time) {
    const run_plan plan{.probes = *choose_probes(""), .rounds = 5, .seed = 3};
    EXPECT_EQ(order_of(plan, 1), order_of(plan, 1));
    EXPECT_NE(order_of(plan, 1), order_of(plan, 2));
    double all = 0;
    for (const probe* const one : plan.probes) {
        all += plan.rounds * seconds_of(plan, *one);
    }
    EXPECT_NEAR(all, full_seconds, 1);
}

TEST(plan, ends_a_probe_that_takes_longer_than_it_may_after_three_rounds) {
    run_plan plan{.probes = *choose_probes("fork"), .rounds = 5};
    const probe& fork = *plan.probes.front();
    const double share = plan.rounds * seconds_of(plan, fork);
    EXPECT_TRUE(affords_another(plan, fork, 4, 0.8 * share));
    EXPECT_TRUE(affords_another(plan, fork, 4, 1.15 * share));
    EXPECT_FALSE(affords_another(plan, fork, 4, 1.25 * share));
    EXPECT_TRUE(affords_another(plan, fork, 2, 100 * share)) << "two say little of rounds";
    EXPECT_FALSE(affords_another(plan, fork, 3, 100 * share));
    plan.quick = true;
    EXPECT_FALSE(affords_another(plan, fork, 2, 100 * share));
    plan.all_rounds = true;
    EXPECT_TRUE(affords_another(plan, fork, 3, 100 * share));
}

TEST(report, of_a_terminal_fits_and_moves_no_cursor) {
    const std::string text = report_for_terminal(invented(), {});
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(lab::columns_of(line), 100u) << line;
    }
    EXPECT_THAT(text, HasSubstr("C19"));
    EXPECT_THAT(text, HasSubstr("scheduling failed: it died"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(report, as_json_and_csv) {
    const auto document = nlohmann::json::parse(report_as_json(invented()));
    EXPECT_EQ(document.at("schema_version"), schema_version);
    EXPECT_EQ(document.at("claims").size(), 30u);
    EXPECT_EQ(document.at("figures").at(0).at("growth").at("law"), "linear");
    EXPECT_EQ(document.at("figures").at(0).at("points").size(), 4u);
    const std::string csv = report_as_csv(invented());
    EXPECT_EQ(std::ranges::count(csv, '\n'), 9);
    EXPECT_THAT(csv, HasSubstr("fork.call,\"fork(), until it returns in the parent\",nanoseconds"));
}

TEST(report, as_html_is_one_file_with_its_data_and_escapes_what_comes_from_elsewhere) {
    measurement all = invented();
    all.machine.cpu_model = "<script>alert(1)</script>";
    const std::string page = report_as_html(all);
    EXPECT_THAT(page, Not(HasSubstr("<script>alert(1)")));
    EXPECT_THAT(page, HasSubstr("&lt;script&gt;alert(1)"));
    EXPECT_THAT(page, HasSubstr("id=\"chart-costs\""));
    EXPECT_THAT(page, HasSubstr("id=\"chart-memory\""));
    EXPECT_THAT(page, Not(HasSubstr("src=\"http")));
    EXPECT_LT(page.size(), 1u << 20);
    const auto charts = charts_of(all);
    EXPECT_THAT(description_of(charts.front()), HasSubstr("create and join a thread 60 us"));
    EXPECT_TRUE(charts_of({}).empty());
}

TEST(report, explains_and_lists) {
    EXPECT_THAT(explanation_of("C16", {}), HasSubstr("copy_on_write"));
    EXPECT_THAT(explanation_of("cow.child", {}), HasSubstr("after fork()"));
    EXPECT_TRUE(explanation_of("C99", {}).empty());
    EXPECT_THAT(list_for_terminal({}), HasSubstr("step.simd"));
}

}  // namespace
}  // namespace weft::measure
