// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include <gtest/gtest.h>

#include <string>

namespace weft::lab {
namespace {

constexpr std::uint64_t message = 64;

TEST(limits, without_bounds_one_server_and_one_generator_do) {
    for (const model_id model : all_models) {
        const auto plan = plan_model(model, 10'000, message, {});
        EXPECT_EQ(plan.clients, 10'000U);
        EXPECT_EQ(plan.servers, 1U);
        EXPECT_EQ(plan.loads, 1U);
        EXPECT_TRUE(plan.adjustments.empty());
    }
}

TEST(limits, few_descriptors_split_servers_and_generators) {
    machine_limits limits;
    limits.descriptors = 20'000;
    const auto plan = plan_model(model_id::fiber, 100'000, message, limits);
    EXPECT_EQ(plan.clients, 100'000U);
    EXPECT_EQ(plan.servers, 6U);
    EXPECT_EQ(plan.loads, 6U);
    // Each process of a client has descriptors of its own.
    EXPECT_EQ(plan_model(model_id::process, 30'000, message, limits).servers, 1U);
}

TEST(limits, memory_areas_split_the_thread_server_only) {
    machine_limits limits;
    limits.maps = 11'024;
    EXPECT_EQ(plan_model(model_id::thread, 10'000, message, limits).servers, 2U);
    EXPECT_EQ(plan_model(model_id::coroutine, 10'000, message, limits).servers, 1U);
}

TEST(limits, what_does_not_fit_is_scaled_down_with_the_way_out) {
    machine_limits limits;
    limits.tasks = {.most = 4'000, .reason = "few processes", .lift = "ulimit -u unlimited"};
    const auto plan = plan_model(model_id::process, 10'000, message, limits);
    EXPECT_EQ(plan.clients, 4'000U);
    ASSERT_EQ(plan.adjustments.size(), 1U);
    EXPECT_EQ(plan.adjustments[0].what, "4,000 clients instead of 10,000 for process");
    EXPECT_EQ(plan.adjustments[0].lift, "ulimit -u unlimited");
    EXPECT_EQ(plan_model(model_id::fiber, 10'000, message, limits).clients, 10'000U);
}

TEST(limits, less_than_a_tenth_is_left_out) {
    machine_limits limits;
    limits.tasks = {.most = 999, .reason = "few processes", .lift = "more"};
    const auto plan = plan_model(model_id::thread, 10'000, message, limits);
    EXPECT_EQ(plan.clients, 0U);
    EXPECT_EQ(plan.outcome.state, outcome_state::left_out);
    EXPECT_NE(plan.outcome.reason.find("few processes"), std::string::npos);
    EXPECT_EQ(plan.outcome.lift, "more");
}

TEST(limits, large_messages_count_as_memory) {
    machine_limits limits;
    limits.memory = {.most = std::uint64_t{1} << 30, .reason = "1 GiB", .lift = ""};
    EXPECT_EQ(plan_model(model_id::fiber, 10'000, message, limits).clients, 10'000U);
    EXPECT_LT(plan_model(model_id::fiber, 10'000, 64 * 1024, limits).clients, 10'000U);
}

TEST(limits, this_machine_has_some) {
    const machine_limits here = read_limits();
    EXPECT_GT(here.descriptors, 0U);
    EXPECT_GT(here.tasks.most, 0U);
    EXPECT_GT(here.memory.most, 0U);
    EXPECT_GE(here.cpus, 1U);
    EXPECT_GE(here.ports, 1U);
    EXPECT_FALSE(here.listed.empty());
    EXPECT_GE(connects_in_flight(here), 16U);
}

}  // namespace
}  // namespace weft::lab
