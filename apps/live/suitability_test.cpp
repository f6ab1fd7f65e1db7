// SPDX-License-Identifier: Apache-2.0
#include "suitability.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "sched/bundled.h"
#include "sched/workload_file.h"

namespace weft::live {
namespace {

using testing::HasSubstr;

std::string refusal_of(std::string_view text, std::size_t cpus = 2) {
    const auto work = sim::parse_workload(text, "test.toml");
    if (!work) {
        ADD_FAILURE() << work.error();
        return {};
    }
    return why_not_live(*work, cpus).value_or("");
}

TEST(suitability, of_the_bundled_workloads) {
    for (const sim::bundled_workload& one : sim::bundled_workloads()) {
        const bool can_be_run = one.name == "equal-hogs" || one.name == "nice-ladder" ||
                                one.name == "sleepers" || one.name == "three-on-two";
        EXPECT_EQ(refusal_of(one.text).empty(), can_be_run) << one.name << refusal_of(one.text);
    }
}

TEST(suitability, says_what_stands_in_the_way) {
    const std::string hog = "[[task]]\nname = \"hog\"\nrun = \"forever\"\n";
    EXPECT_EQ(refusal_of(hog), "");
    EXPECT_THAT(refusal_of("cpus = 3\n" + hog), HasSubstr("needs 3 CPUs"));
    EXPECT_THAT(refusal_of(hog + "cpu = 0\n"), HasSubstr("hog must run on CPU 0"));
    EXPECT_THAT(refusal_of(hog + "slice = \"1 ms\"\n"), HasSubstr("slice of its own"));
    EXPECT_THAT(refusal_of(hog + "fork = { every = \"5 ms\", limit = 4 }\n"),
                HasSubstr("hog forks"));
    EXPECT_THAT(refusal_of("[[group]]\nname = \"g\"\n" + hog + "group = \"g\"\n"),
                HasSubstr("groups"));
}

}  // namespace
}  // namespace weft::live
