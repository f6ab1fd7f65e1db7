// SPDX-License-Identifier: Apache-2.0
#include "results.h"

#include "report_json.h"
#include "results_fixture.h"

#include <gtest/gtest.h>

#include <limits>

#include <nlohmann/json.hpp>

namespace weft::lab {
namespace {

using nlohmann::json;

TEST(results, are_written_under_their_names) {
    const json document = to_json(invented_results());
    EXPECT_EQ(document["schema_version"], results_schema_version);
    EXPECT_EQ(document["run"]["handler"], "echo");
    ASSERT_EQ(document["models"].size(), 4U);
    const json& model = document["models"][2];
    EXPECT_EQ(model["model"], "fiber");
    EXPECT_EQ(model["outcome"]["state"], "ok");
    EXPECT_EQ(model["servers"], 1);
    EXPECT_EQ(model["workers"], 2);
    ASSERT_EQ(model["repeats"].size(), 2U);
    EXPECT_EQ(model["repeats"][1]["index"], 2);
    EXPECT_EQ(model["repeats"][0]["open"]["rate_asked_per_s"], 25'000.0);
    EXPECT_EQ(model["repeats"][0]["closed"]["histogram"].size(), 2U);
    EXPECT_TRUE(model["repeats"][0]["noise"]["flags"].is_array());
}

TEST(results, the_report_has_them_beside_what_it_computed) {
    json report = json::parse(report_as_json(invented_results()));
    EXPECT_TRUE(report.contains("summary"));
    EXPECT_TRUE(report.contains("verdicts"));
    report.erase("summary");
    report.erase("verdicts");
    EXPECT_EQ(report, to_json(invented_results()));
}

TEST(results, what_is_no_number_or_was_not_measured_is_null) {
    results run = invented_results();
    run.models[0].repeats[0].closed->cpu_us_per_request = std::numeric_limits<double>::infinity();
    run.models[0].repeats[0].closed->seconds = std::numeric_limits<double>::quiet_NaN();
    run.models[0].repeats[1].idle.reset();
    const json repeats = to_json(run)["models"][0]["repeats"];
    EXPECT_TRUE(repeats[0]["closed"]["cpu_us_per_request"].is_null());
    EXPECT_TRUE(repeats[0]["closed"]["seconds"].is_null());
    EXPECT_TRUE(repeats[1]["idle"].is_null());
}

}  // namespace
}  // namespace weft::lab
