// SPDX-License-Identifier: Apache-2.0
#include "server_host.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace weft::lab {
namespace {

using nlohmann::json;

json good() {
    return to_json(server_config{.model = model_id::thread,
                                 .what = {.kind = work_kind::sleep, .amount = 5},
                                 .message_size = 128,
                                 .workers = 3,
                                 .thread_stack = 65536,
                                 .fiber_stack = 0,
                                 .drain_ms = 100});
}

TEST(server_config, is_read_as_it_was_written) {
    const auto config = server_config_from(good());
    ASSERT_TRUE(config.has_value()) << config.error();
    EXPECT_EQ(config->model, model_id::thread);
    EXPECT_EQ(to_json(*config), good());
}

TEST(server_config, every_member_must_be_there) {
    const json whole = good();
    for (const auto& [name, value] : whole.items()) {
        json document = whole;
        document.erase(name);
        const auto config = server_config_from(document);
        ASSERT_FALSE(config.has_value()) << name;
        EXPECT_NE(config.error().find(name), std::string::npos) << config.error();
    }
}

TEST(server_config, the_bounds_are_those_of_the_command_line) {
    const auto with = [](const char* name, const json& value) {
        json document = good();
        document[name] = value;
        return server_config_from(document).has_value();
    };
    EXPECT_TRUE(with("fiber_stack", 16384U));
    EXPECT_FALSE(with("fiber_stack", 16383U));
    EXPECT_TRUE(with("thread_stack", 1U << 30));
    EXPECT_FALSE(with("thread_stack", (1U << 30) + 1));
    EXPECT_TRUE(with("workers", 1024U));
    EXPECT_FALSE(with("workers", 1025U));
    EXPECT_FALSE(with("workers", -1));
    EXPECT_FALSE(with("message_size", 15U));
    EXPECT_FALSE(with("message_size", "64"));
    EXPECT_FALSE(with("model", "goroutine"));
    EXPECT_FALSE(with("model", 1));
    EXPECT_FALSE(with("handler", "sing"));
}

TEST(server_counts, are_all_there_or_an_error) {
    const auto counts = server_counts_from({{"refused", 1}, {"failed", 2}, {"crashed", 3}});
    EXPECT_EQ(counts.refused, 1U);
    EXPECT_EQ(counts.failed, 2U);
    EXPECT_EQ(counts.crashed, 3U);
    EXPECT_THROW(server_counts_from({{"refused", 1}, {"failed", 2}}), json::exception);
}

}  // namespace
}  // namespace weft::lab
