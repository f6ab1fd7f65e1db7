// SPDX-License-Identifier: Apache-2.0
#include "report_charts.h"
#include "report_file.h"
#include "report_html.h"
#include "report_terminal.h"
#include "results_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>

#include <sys/stat.h>

namespace weft::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

/// A folder that is gone with its test.
class temporary_folder {
public:
    temporary_folder() {
        std::string name = std::filesystem::temp_directory_path() / "weft-report-XXXXXX";
        path_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
    }
    ~temporary_folder() { std::filesystem::remove_all(path_); }
    temporary_folder(const temporary_folder&) = delete;
    temporary_folder& operator=(const temporary_folder&) = delete;

    [[nodiscard]] std::string file(const char* name) const { return path_ / name; }
    [[nodiscard]] auto entries() const {
        return std::distance(std::filesystem::directory_iterator(path_), {});
    }

private:
    std::filesystem::path path_;
};

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(report_terminal, shows_medians_spread_and_the_best) {
    const std::string text = report_for_terminal(invented_results());
    EXPECT_THAT(text, HasSubstr("10,000 clients, 64 bytes, echo, 2 repeats, seed 1"));
    EXPECT_THAT(text, HasSubstr("*9.0 KiB +-0%"));
    EXPECT_THAT(text, HasSubstr("52 k/s +-5%"));
    EXPECT_THAT(text, HasSubstr("open loop: 25 k/s asked of every model"));
    EXPECT_THAT(text, HasSubstr("idle majority: 100 of 10,000 clients active"));
    EXPECT_THAT(text, Not(HasSubstr("\x1b")));
}

TEST(report_terminal, no_line_is_wider_than_the_page) {
    results run = invented_results();
    run.run.warnings.emplace_back(300, 'x');
    run.run.adjustments.push_back(
        {.what = "fewer clients", .reason = std::string(200, 'y'), .lift = "ulimit -n 5"});
    std::istringstream lines(report_for_terminal(run));
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(columns_of(line), 100U) << line;
    }
}

TEST(report_terminal, says_why_a_model_is_missing) {
    results run = invented_results();
    run.models[0].repeats.clear();
    run.models[0].outcome = {.state = outcome_state::left_out,
                             .reason = "too few processes",
                             .lift = "ulimit -u unlimited",
                             .signal = 0};
    EXPECT_THAT(report_for_terminal(run),
                HasSubstr("process: left out: too few processes; to lift it: ulimit -u unlimited"));
}

TEST(reports, say_the_same_about_what_is_missing) {
    results run = invented_results();
    run.run.interrupted = true;
    run.models[3].repeats[1].outcome = {
        .state = outcome_state::failed, .reason = "no luck", .lift = "", .signal = 0};
    run.run.adjustments.push_back({.what = "fewer clients", .reason = "small", .lift = "more"});
    for (const std::string& text : {report_for_terminal(run), report_as_html(run)}) {
        EXPECT_THAT(text, HasSubstr("seed 1; interrupted: what follows is what was measured"));
        EXPECT_THAT(text, HasSubstr("coroutine, repeat 2: failed: no luck"));
        EXPECT_THAT(text, HasSubstr("fewer clients: small; to lift it: more"));
    }
}

TEST(report_terminal, nothing_measured_is_said) {
    EXPECT_THAT(report_for_terminal(results{}), HasSubstr("Nothing was measured."));
}

TEST(report_html, what_others_wrote_cannot_become_markup) {
    results run = invented_results();
    run.run.command_line = "weft </script><script>alert(1)</script>";
    const std::string page = report_as_html(run);
    EXPECT_THAT(page, HasSubstr("A &lt;CPU&gt; &amp; more"));
    EXPECT_THAT(page, Not(HasSubstr("<script>alert")));
}

TEST(report_html, says_what_was_found) {
    const std::string page = report_as_html(invented_results());
    EXPECT_THAT(page, HasSubstr("An idle client costs 120 KiB per process"));
}

TEST(report_html, a_run_without_figures_is_a_page_too) {
    EXPECT_THAT(report_as_html(results{}), HasSubstr("</html>"));
}

TEST(report_charts, one_long_bar_gets_a_magnified_chart) {
    const auto charts = charts_of(invented_results());
    ASSERT_GE(charts.size(), 2U);
    EXPECT_EQ(charts[0].id, "memory");
    EXPECT_EQ(charts[1].id, "memory-magnified");
    EXPECT_GT(charts[1].axis_end, 0);
    EXPECT_THAT(description_of(charts[0]), HasSubstr("process 120 KiB"));
}

TEST(report_charts, curves_rise_and_end_before_the_last_sample) {
    const auto points = percentile_curve(invented_results().models[0], &repeat::closed);
    ASSERT_GT(points.size(), 2U);
    for (std::size_t i = 1; i < points.size(); ++i) {
        EXPECT_GT(points[i].fraction, points[i - 1].fraction);
        EXPECT_GE(points[i].us, points[i - 1].us);
    }
    EXPECT_LT(points.back().fraction, 1);
}

TEST(report_file, replaces_the_whole_file_and_leaves_no_other) {
    const temporary_folder folder;
    const std::string path = folder.file("report.json");
    ASSERT_TRUE(write_report(path, "a long first text"));
    ASSERT_TRUE(write_report(path, "short"));
    EXPECT_EQ(content_of(path), "short");
    EXPECT_EQ(folder.entries(), 1);
}

TEST(report_file, a_folder_that_is_not_there_is_an_error_and_leaves_nothing) {
    const temporary_folder folder;
    const auto written = write_report(folder.file("none/report.json"), "text");
    ASSERT_FALSE(written.has_value());
    EXPECT_EQ(written.error(), std::errc::no_such_file_or_directory);
    EXPECT_EQ(folder.entries(), 0);
}

TEST(report_file, a_device_is_written_and_not_replaced) {
    ASSERT_TRUE(write_report("/dev/null", "text"));
    struct stat status{};
    ASSERT_EQ(::stat("/dev/null", &status), 0);
    EXPECT_TRUE(S_ISCHR(status.st_mode));
}

}  // namespace
}  // namespace weft::lab
