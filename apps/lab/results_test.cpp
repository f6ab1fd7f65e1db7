// SPDX-License-Identifier: Apache-2.0
#include "results.h"

#include "report_json.h"
#include "results_fixture.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include <nlohmann/json.hpp>

namespace weft::lab {
namespace {

TEST(results, survive_the_round_trip_through_json) {
    const results run = invented_results();
    const auto copy = results_from_text(to_json(run).dump());
    ASSERT_TRUE(copy.has_value()) << copy.error();
    EXPECT_EQ(to_json(*copy), to_json(run));
}

TEST(results, the_report_is_read_back_without_what_it_computed) {
    const results run = invented_results();
    const auto copy = results_from_text(report_as_json(run));
    ASSERT_TRUE(copy.has_value()) << copy.error();
    EXPECT_EQ(to_json(*copy), to_json(run));
}

TEST(results, what_is_no_number_becomes_null_and_stays_absent) {
    results run = invented_results();
    run.models[0].repeats[0].closed->cpu_us_per_request = std::numeric_limits<double>::infinity();
    run.models[0].repeats[1].idle.reset();
    const auto copy = results_from_text(to_json(run).dump());
    ASSERT_TRUE(copy.has_value());
    EXPECT_FALSE(copy->models[0].repeats[0].closed->cpu_us_per_request.has_value());
    EXPECT_FALSE(copy->models[0].repeats[1].idle.has_value());
}

TEST(results, a_wrong_file_is_an_error_that_names_the_place) {
    EXPECT_EQ(results_from_text("{").error(), "not JSON");
    EXPECT_NE(results_from_text("{}").error().find("schema_version"), std::string::npos);
    EXPECT_NE(results_from_text(R"({"schema_version": 99})").error().find("99"), std::string::npos);
    const auto wrong =
        results_from_text(R"({"schema_version": 1, "models": [{"model": "goroutine"}]})");
    ASSERT_FALSE(wrong.has_value());
    EXPECT_NE(wrong.error().find("/models/0/model"), std::string::npos) << wrong.error();
    const auto negative = results_from_text(R"({"schema_version": 1, "run": {"seed": -1}})");
    ASSERT_FALSE(negative.has_value());
    EXPECT_NE(negative.error().find("/run/seed"), std::string::npos) << negative.error();
}

}  // namespace
}  // namespace weft::lab
