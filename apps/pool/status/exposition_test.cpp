// SPDX-License-Identifier: Apache-2.0
#include "status/exposition.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>

namespace weft::pool {
namespace {

using enum exposition::kind;

TEST(exposition, has_a_family_and_its_values) {
    exposition out;
    out.family("clients", gauge, "Those that are there.");
    out.value({{"pool", "shop"}, {"state", "idle"}}, std::uint64_t{3});
    out.value({}, 0.5);
    EXPECT_EQ(out.take(),
              "# HELP clients Those that are there.\n"
              "# TYPE clients gauge\n"
              "clients{pool=\"shop\",state=\"idle\"} 3\n"
              "clients 0.5\n");
}

TEST(exposition, escapes_what_a_label_may_not_have) {
    exposition out;
    out.value({{"user", "a\"b\\c\nd"}, {"database", "sch\u00f6n"}}, std::uint64_t{1});
    EXPECT_EQ(out.take(), "{user=\"a\\\"b\\\\c\\nd\",database=\"sch\u00f6n\"} 1\n");
    out.value({{"user", "\xff\xc3x"}}, std::uint64_t{1});
    EXPECT_EQ(out.take(), "{user=\"\ufffd\ufffdx\"} 1\n") << "no UTF-8";
}

TEST(exposition, of_a_histogram_has_cumulative_buckets_in_seconds) {
    latency_histogram of;
    of.add(10'000);                              // below the first bound
    of.add(64'000);                              // at it
    of.add(64'001);                              // in the next one
    of.add(1'000'000'000);                       // 1 s
    of.add(std::int64_t{1000} * 1'000'000'000);  // beyond the last bound
    exposition out;
    out.family("wait_seconds", histogram, "Waits.");
    out.value({{"tenant", "t"}}, of);
    std::istringstream text(out.take());
    std::string line;
    std::uint64_t before = 0;
    std::map<std::string, std::string> lines;
    int buckets = 0;
    while (std::getline(text, line)) {
        const std::size_t space = line.rfind(' ');
        lines[line.substr(0, space)] = line.substr(space + 1);
        if (line.starts_with("wait_seconds_bucket")) {
            const std::uint64_t count = std::stoull(line.substr(space));
            EXPECT_GE(count, before) << line;
            before = count;
            ++buckets;
        }
    }
    EXPECT_EQ(buckets, 22);
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"6.4e-05\"}"), "2");
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"0.000128\"}"), "3");
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"0.524288\"}"), "3");
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"1.048576\"}"), "4");
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"67.108864\"}"), "4");
    EXPECT_EQ(lines.at("wait_seconds_bucket{tenant=\"t\",le=\"+Inf\"}"), "5");
    EXPECT_EQ(lines.at("wait_seconds_count{tenant=\"t\"}"), "5");
    EXPECT_EQ(lines.at("wait_seconds_sum{tenant=\"t\"}"), "1001.000138001");
}

}  // namespace
}  // namespace weft::pool
