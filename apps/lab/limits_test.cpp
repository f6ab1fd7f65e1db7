// SPDX-License-Identifier: Apache-2.0
#include "limits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include <sys/resource.h>

namespace weft::lab {
namespace {

constexpr std::uint64_t message = 64;

TEST(limits, without_bounds_one_server_and_one_generator_do) {
    for (const model_id model : all_models) {
        const auto plan = plan_model(model, 10'000, message, {});
        EXPECT_EQ(plan.clients, 10'000U);
        EXPECT_EQ(plan.servers, 1U);
        EXPECT_EQ(plan.loads, 1U);
        EXPECT_FALSE(plan.change.has_value());
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
    ASSERT_TRUE(plan.change.has_value());
    EXPECT_EQ(plan.change->what, "4,000 clients instead of 10,000 for process");
    EXPECT_EQ(plan.change->lift, "ulimit -u unlimited");
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

TEST(limits, what_a_process_may_have_is_lifted_beyond_the_hard_limit) {
    machine_limits limits;
    limits.descriptors = 80;
    for (const model_id model : all_models) {
        // Each split server and generator has descriptors, and still they are too few.
        const auto plan = plan_model(model, 100'000, message, limits);
        EXPECT_EQ(plan.outcome.lift, "sudo prlimit --pid $$ --nofile=1000000:1000000");
    }
}

TEST(limits, soft_ones_are_raised) {
    for (const auto which : {RLIMIT_NOFILE, RLIMIT_NPROC}) {
        rlimit before{};
        ASSERT_EQ(::getrlimit(which, &before), 0);
        rlimit low = before;
        low.rlim_cur = std::min<rlim_t>(before.rlim_max, 500);
        ASSERT_EQ(::setrlimit(which, &low), 0);
        raise_soft_limits();
        rlimit after{};
        ASSERT_EQ(::getrlimit(which, &after), 0);
        EXPECT_EQ(after.rlim_cur, before.rlim_max);
        ASSERT_EQ(::setrlimit(which, &before), 0);
    }
}

TEST(limits, a_control_group_is_lifted_in_its_own_words) {
    std::string folder = std::filesystem::temp_directory_path() / "weft-group-XXXXXX";
    ASSERT_NE(::mkdtemp(folder.data()), nullptr);
    for (const auto& [files, lift] :
         {std::pair(memory_files_v1, "echo -1 > "), std::pair(memory_files_v2, "echo max > ")}) {
        const std::string most = folder + "/" + std::string(files.most);
        std::ofstream(most) << "1000000\n";
        std::ofstream(folder + "/" + std::string(files.now)) << "400000\n";
        const bound found = group_bound(folder, files);
        EXPECT_EQ(found.most, 600'000U);
        EXPECT_EQ(found.reason, "the control group's memory limit is 1,000,000");
        EXPECT_EQ(found.lift, lift + most);
        std::ofstream(most) << "9223372036854771712\n";  // what version 1 says for none
        EXPECT_EQ(group_bound(folder, files).most, UINT64_MAX);
    }
    std::filesystem::remove_all(folder);
}

TEST(limits, clients_are_planned_by_what_they_are_measured_to_take) {
    machine_limits limits;
    limits.memory = {.most = std::uint64_t{2} << 30, .reason = "2 GiB", .lift = ""};
    EXPECT_EQ(plan_model(model_id::process, 10'000, message, limits).clients, 10'000U);
    EXPECT_EQ(plan_model(model_id::thread, 30'000, message, limits).clients, 30'000U);
    EXPECT_EQ(plan_model(model_id::fiber, 100'000, message, limits).clients, 100'000U);
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
