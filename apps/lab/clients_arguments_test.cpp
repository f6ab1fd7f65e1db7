// SPDX-License-Identifier: Apache-2.0
#include "clients_arguments.h"

#include <gtest/gtest.h>

#include <string>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

namespace weft::lab {
namespace {

clients_options parsed(const std::string& line) {
    clients_options options;
    CLI::App command("test", "test");
    add_clients_options(command, options);
    command.parse(line);
    return options;
}

TEST(clients_arguments, defaults) {
    const auto options = parsed("");
    EXPECT_EQ(options.clients, 10'000U);
    EXPECT_EQ(options.models.size(), 4U);
    EXPECT_EQ(options.message_size, 64U);
    EXPECT_EQ(options.what, work{});
    EXPECT_EQ(options.rate, 0.0);
    EXPECT_EQ(options.poison, poison_kind::none);
}

TEST(clients_arguments, every_option_reaches_its_place) {
    const auto options = parsed(
        "--clients 5 --models fiber,process --duration 0.5 --message-size 1K --handler alloc:8 "
        "--rate 100 --seed 9 --repeat 3 --poison leak --workers 4 --thread-stack 64k "
        "--fiber-stack 32768 --json - --html /dev/null");
    EXPECT_EQ(options.clients, 5U);
    EXPECT_EQ(options.models, (std::vector{model_id::fiber, model_id::process}));
    EXPECT_DOUBLE_EQ(options.duration_seconds, 0.5);
    EXPECT_EQ(options.message_size, 1024U);
    EXPECT_EQ(options.what, (work{.kind = work_kind::alloc, .amount = 8}));
    EXPECT_DOUBLE_EQ(options.rate, 100);
    EXPECT_EQ(options.seed, 9U);
    EXPECT_EQ(options.repeats, 3U);
    EXPECT_EQ(options.poison, poison_kind::leak);
    EXPECT_EQ(options.workers, 4U);
    EXPECT_EQ(options.thread_stack, 65536U);
    EXPECT_EQ(options.fiber_stack, 32768U);
    EXPECT_EQ(options.json_path, "-");
    EXPECT_EQ(options.html_path, "/dev/null");
}

TEST(clients_arguments, what_is_wrong_is_thrown_with_its_option) {
    try {
        parsed("--clients 1000001");
        FAIL() << "accepted";
    } catch (const CLI::ValidationError& error) {
        EXPECT_STREQ(error.what(), "--clients: '1000001' is no whole number from 1 to 1000000");
    }
}

TEST(clients_arguments, a_page_does_not_go_where_the_table_goes) {
    EXPECT_THROW(parsed("--html -"), CLI::ValidationError);
}

TEST(parse_models, in_any_order_each_once) {
    EXPECT_EQ(parse_models("all")->size(), 4U);
    EXPECT_EQ(parse_models("thread").value(), std::vector{model_id::thread});
    EXPECT_FALSE(parse_models(""));
    EXPECT_FALSE(parse_models("thread,"));
    EXPECT_FALSE(parse_models("thread,thread"));
}

}  // namespace
}  // namespace weft::lab
