// SPDX-License-Identifier: Apache-2.0
#include "summary.h"

#include "results_fixture.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::lab {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

TEST(summary, every_phase_in_which_the_generator_was_busy_is_named) {
    results run = invented_results();
    EXPECT_THAT(generator_warnings(run), IsEmpty());
    run.models[1].repeats[0].connect->load_cpu_share = 0.6;
    run.models[1].repeats[0].connect->load_waiting_share = 0.35;
    run.models[2].repeats[1].closed->load_cpu_share = 0.95;
    EXPECT_THAT(
        generator_warnings(run),
        ElementsAre(
            StartsWith("connect: the load generator had work for a whole CPU (it got thread 60 %)"),
            StartsWith("closed loop: the load generator had work for a whole CPU (it got fiber")));
}

TEST(summary, servers_and_generators_are_counted) {
    model_result model;
    model.model = model_id::fiber;
    model.workers = 2;
    EXPECT_EQ(processes_of(model), "fiber: 1 server with 2 workers, 1 load generator");
    model.servers = 3;
    model.workers = 1;
    model.loads = 4;
    EXPECT_EQ(processes_of(model), "fiber: 3 servers with 1 worker each, 4 load generators");
    model_result threads;
    threads.model = model_id::thread;
    EXPECT_EQ(processes_of(threads), "thread: 1 server, 1 load generator");
}

}  // namespace
}  // namespace weft::lab
