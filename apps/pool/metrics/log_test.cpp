// SPDX-License-Identifier: Apache-2.0
#include "metrics/log.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>

#include <nlohmann/json.hpp>

namespace weft::pool {
namespace {

/// A file of its own, which goes with it.
class log_lines : public ::testing::Test {
protected:
    log_lines() {
        std::string path = ::testing::TempDir() + "weft_log_XXXXXX";
        const int made = ::mkstemp(path.data());
        EXPECT_GE(made, 0);
        ::close(made);
        path_ = path;
    }
    ~log_lines() override { std::remove(path_.c_str()); }

    std::string text_of(log_format format, std::string_view text, const log_fields& fields = {}) {
        log to(path_, format);
        to.write(log_level::debug, "less than what is logged", fields);
        to.write(log_level::warning, text, fields);
        std::ifstream file(path_);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::string path_;
};

TEST_F(log_lines, of_text_are_one_line_without_fields) {
    const std::string line =
        text_of(log_format::text, "a\nb\x1b[1m", {{"event", "slow_wait"}, {"waited_ms", 5}});
    EXPECT_TRUE(std::regex_match(
        line,
        std::regex(R"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} UTC \[\d+\] WARNING a b \[1m\n)")))
        << line;
}

TEST_F(log_lines, of_json_are_objects_with_fields) {
    const std::string line =
        text_of(log_format::json, "a\nb\xff", {{"event", "slow_wait"}, {"waited_ms", 5}});
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    const auto read = nlohmann::json::parse(line);
    EXPECT_EQ(read.at("level"), "WARNING");
    EXPECT_EQ(read.at("message"), "a\nb\ufffd");
    EXPECT_EQ(read.at("event"), "slow_wait");
    EXPECT_EQ(read.at("waited_ms"), 5);
    EXPECT_TRUE(std::regex_match(read.at("time").get<std::string>(),
                                 std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)")));
}

}  // namespace
}  // namespace weft::pool
