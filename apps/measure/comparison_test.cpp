// SPDX-License-Identifier: Apache-2.0
//
// Two runs side by side, and the doctor; both of invented input.
#include "comparison.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "doctor.h"
#include "lab/units.h"

namespace weft::measure {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

json point(double at, double low, double median, double high) {
    return {{"at", at}, {"low", low}, {"median", median}, {"high", high}, {"doubtful", false}};
}

// Vectors: of a list of one json in braces g++ makes an array, clang that json.
json figure(const char* id, const std::vector<json>& points) {
    return {{"id", id}, {"what", "something"}, {"unit", "nanoseconds"}, {"points", points}};
}

json run_with(const std::vector<json>& figures) {
    return {{"schema_version", 1},
            {"machine", {{"cpu_model", "C"}, {"cores", 2}, {"kernel", "6"}}},
            {"run", {{"weft_version", "0"}, {"started_at", "today"}}},
            {"figures", figures}};
}

TEST(comparison, claims_a_difference_only_where_intervals_have_nothing_in_common) {
    const auto both = compare(
        run_with({figure("a", {point(0, 9, 10, 11)}), figure("b", {point(0, 9, 10, 11)}),
                  figure("gone", {point(0, 1, 1, 1)})}),
        run_with({figure("a", {point(0, 10.5, 12, 13)}), figure("b", {point(0, 19, 20, 21)}),
                  figure("new", {point(0, 1, 1, 1)})}));
    ASSERT_TRUE(both) << both.error();
    ASSERT_EQ(both->points.size(), 2u);
    EXPECT_FALSE(both->points[0].differs());
    EXPECT_TRUE(both->points[1].differs());
    EXPECT_EQ(both->points[1].ratio(), 2);
    EXPECT_EQ(both->only_first, std::vector<std::string>{"gone"});
    EXPECT_EQ(both->only_second, std::vector<std::string>{"new"});
    const std::string text = report_of(*both);
    EXPECT_THAT(text, HasSubstr("2.00x"));
    EXPECT_THAT(text, HasSubstr("1 of 2 figures differ"));
    EXPECT_TRUE(to_json(*both).at("points").at(1).at("differs").get<bool>());
}

TEST(comparison, names_the_places_that_have_names) {
    json parts = figure("own.thread", {point(0, 0, 0, 0), point(1, 1, 1, 1)});
    parts["axis"] = "part";
    parts["places"] = {"code", "data"};
    json forks = figure("fork.call", {point(1 << 20, 9, 10, 11)});
    forks["axis"] = "resident memory";
    forks["axis_unit"] = "bytes";
    const json run = run_with({forks, parts});
    const auto both = compare(run, run);
    ASSERT_TRUE(both) << both.error();
    EXPECT_THAT(report_of(*both), HasSubstr("own.thread, data"));
    EXPECT_THAT(report_of(*both), HasSubstr("fork.call, 1.0 MiB"));
    EXPECT_FALSE(both->points.front().is_named);
    EXPECT_TRUE(both->points.back().is_named);
}

TEST(comparison, of_what_is_no_result_is_an_error) {
    const json good = run_with(json::array());
    EXPECT_FALSE(compare(json::object(), good));
    EXPECT_FALSE(compare(good, json::array({1, 2})));
    json later = good;
    later["schema_version"] = 99;
    const auto refused = compare(good, later);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error(), HasSubstr("another version"));
    json wrong = run_with({figure("a", {json{{"at", "x"}}})});
    EXPECT_FALSE(compare(good, wrong));
    EXPECT_TRUE(compare(good, good));
}

TEST(comparison, fits_a_terminal) {
    const auto both = compare(
        run_with({figure("a.very.long.name.of.a.figure.that.goes.on", {point(0, 9, 10, 11)})}),
        run_with({figure("a.very.long.name.of.a.figure.that.goes.on", {point(0, 1, 90, 100)})}));
    ASSERT_TRUE(both);
    std::istringstream lines(report_of(*both));
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("1 of") && !line.starts_with("0 of")) {
            EXPECT_LE(lab::columns_of(line), 100u) << line;
        }
    }
}

const diagnosis& of(const std::vector<diagnosis>& all, std::string_view what) {
    return *std::ranges::find(all, what, &diagnosis::what);
}

TEST(doctor, names_what_is_limited_and_what_lifts_it) {
    const auto poor = examine({.descriptors_soft = 1024,
                               .descriptors_hard = 4096,
                               .tasks = 500,
                               .tasks_reason = "the group allows 500",
                               .maps = 65'530,
                               .clock_source = "hpet"});
    for (const diagnosis& one : poor) {
        if (one.what != "autogroups") {
            EXPECT_EQ(one.health, health::limited) << one.what;
            EXPECT_FALSE(one.means.empty()) << one.what;
            EXPECT_FALSE(one.lift.empty()) << one.what;
        }
    }
    EXPECT_THAT(of(poor, "processes and threads").means, HasSubstr("the group allows 500"));
    EXPECT_THAT(of(poor, "memory areas of a process").means, HasSubstr("32,765 fibers"));
}

TEST(doctor, is_content_with_what_is_fine) {
    const auto rich = examine({.descriptors_soft = 1024,
                               .descriptors_hard = 1 << 20,
                               .tasks = {},
                               .maps = 65'530,
                               .io_uring = true,
                               .userfaultfd = true,
                               .guard_pages = true,
                               .short_slices = true,
                               .huge_pages = "madvise",
                               .perf_paranoid = 1,
                               .tracefs = true,
                               .clock_source = "tsc"});
    for (const diagnosis& one : rich) {
        EXPECT_EQ(one.health, health::fine) << one.what;
        EXPECT_TRUE(one.means.empty() && one.lift.empty()) << one.what;
    }
}

TEST(doctor, finds_this_machine_to_have_something) {
    const system_view here = read_system();
    EXPECT_GT(here.descriptors_hard, 0u);
    EXPECT_GT(here.maps, 0u);
    EXPECT_FALSE(here.clock_source.empty());
}

}  // namespace
}  // namespace weft::measure
