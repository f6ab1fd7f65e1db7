// SPDX-License-Identifier: Apache-2.0
//
// Probes find what was put there: a cost of known size, and whether memory is shared. What is not
// known (how fast this machine is) is only looked at for its order. Quick rounds of each probe run,
// here in the test's own process.
#include <gtest/gtest.h>

#include <algorithm>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "lab/statistics.h"
#include "measurement.h"
#include "probes/in_child.h"
#include "probes/memory_block.h"
#include "probes/probes.h"
#include "sampling.h"
#include "scratch_folder.h"

namespace weft::measure {
namespace {

/// The least sample of each point: what other programs on the machine do makes none shorter.
std::map<std::string, std::map<double, double>> least_of(const findings& found) {
    std::map<std::string, std::map<double, double>> least;
    for (const record& one : found.records) {
        least[one.figure][one.at] = std::ranges::min(one.samples);
    }
    return least;
}

auto run_quickly(void (*probe)(probe_round&)) {
    const scratch_folder folder;
    probe_round round(0.2, true, 1, folder.path());
    in_child(round, [probe](probe_round& own) { probe(own); });
    return least_of(round.found());
}

TEST(sampling, finds_a_cost_that_was_put_there) {
    constexpr double cost = 200'000;
    const auto samples = time_batches({.seconds = 0.1}, 1, [] {
        const std::int64_t until = now_ns() + static_cast<std::int64_t>(cost);
        while (now_ns() < until) {
        }
    });
    EXPECT_GE(*lab::median(samples), cost);
}

TEST(probes, in_a_child_tell_what_they_found_and_how_they_fail) {
    probe_round round(1, false, 7);
    in_child(round, [](probe_round& own) {
        own.add("x", 3, {1, 2});
        own.tell("seed", std::to_string(own.seed()));
    });
    ASSERT_EQ(round.found().records.size(), 1u);
    EXPECT_EQ(round.found().records[0].samples, (std::vector<double>{1, 2}));
    EXPECT_EQ(round.found().facts.at(0).text, "7");
    EXPECT_THROW(in_child(round, [](probe_round&) { throw std::runtime_error("no"); }),
                 std::runtime_error);
    EXPECT_THROW(in_child(round, [](probe_round&) { ::_exit(3); }), std::runtime_error);
}

TEST(probes, of_isolation_see_who_dies) {
    const auto found = run_quickly(probe_isolation);
    for (const double bug : {0, 1, 3}) {
        EXPECT_EQ(found.at("isolation.process").at(bug), 3);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
        EXPECT_EQ(found.at("isolation.thread").at(bug), 0);
        EXPECT_EQ(found.at("isolation.fiber").at(bug), 0);
#endif
    }
    EXPECT_EQ(found.at("isolation.process").at(2), 3);
    EXPECT_EQ(found.at("isolation.thread").at(2), 2) << "the neighbour's data were written over";
    EXPECT_EQ(found.at("isolation.fiber").at(2), 2);
}

TEST(probes, of_address_spaces_see_what_is_shared) {
    const std::map<std::string, std::vector<double>> expected{{"own.call", {0, 0, 0, 0, 0, 0}},
                                                              {"own.process", {0, 1, 1, 1, 1, 1}},
                                                              {"own.thread", {0, 0, 0, 0, 1, 1}},
                                                              {"own.fiber", {0, 0, 0, 0, 1, 0}}};
    const auto found = run_quickly(probe_address_space);
    for (const auto& [kind, parts] : expected) {
        for (std::size_t i = 0; i < parts.size(); ++i) {
            EXPECT_EQ(found.at(kind).at(static_cast<double>(i)), parts[i]) << kind << ' ' << i;
        }
    }
}

TEST(probes, draw_a_process_with_its_threads) {
    probe_round round(0.1, true, 1);
    in_child(round, [](probe_round& own) { probe_address_space(own); });
    const auto count = [&](const std::string& kind, const std::string& name) {
        return std::ranges::count_if(round.found().map, [&](const address_part& one) {
            return one.kind == kind && (name.empty() || one.name == name);
        });
    };
    for (const std::string kind : {"text", "data", "heap", "library"}) {
        EXPECT_GE(count(kind, ""), 1) << kind;
    }
    for (const std::string name : {"thread 1", "thread 2", "thread 3", "fibers", "main thread"}) {
        EXPECT_GE(count("stack", name), 1) << name;
    }
}

// A sanitizer's own costs are not what is looked for.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST(probes, of_fork_see_more_memory_cost_more) {
    const auto found = run_quickly(probe_fork);
    const auto& calls = found.at("fork.call");
    ASSERT_GE(calls.size(), 3u);
    EXPECT_GT(calls.rbegin()->second, calls.begin()->second);
    EXPECT_TRUE(found.contains("zygote.first_word"));
    EXPECT_TRUE(found.contains("fork.clone3"));
}

TEST(probes, of_copying_see_that_private_pages_are_copied_and_shared_ones_not) {
    const auto found = run_quickly(probe_copy_on_write);
    EXPECT_GT(found.at("cow.private").at(0), 90);
    EXPECT_LT(found.at("shared.private").at(0), 10);
    EXPECT_GT(found.at("cow.child").at(0), found.at("cow.none").at(0));
}

TEST(probes, of_memory_see_that_a_fiber_takes_less_than_a_thread) {
    const auto found = run_quickly(probe_memory);
    // Kernel stacks are the machine's: other tests that run now have some, too.
    EXPECT_LT(found.at("memory.fiber.resident").at(10'000),
              found.at("memory.thread.resident").at(100));
    EXPECT_LT(found.at("memory.thread.resident").at(100),
              found.at("memory.process.resident").at(100));
    EXPECT_TRUE(found.contains("memory.coroutine"));
    EXPECT_GT(found.at("memory.fiber.by_stack").at(49'152), 49'152);
}

TEST(probes, of_switches_see_work_and_kinds) {
    const auto found = run_quickly(probe_switches);
    const auto& threads = found.at("switch.thread");
    EXPECT_GT(threads.at(mib), threads.at(0)) << "what is touched between switches costs";
    EXPECT_LT(found.at("switch.fiber.working_set").at(0), threads.at(0));
    EXPECT_TRUE(found.contains("switch.process"));
    EXPECT_GT(found.at("switch.pipe").at(0), found.at("switch.fiber.working_set").at(0));
    EXPECT_TRUE(found.contains("switch.thread.runnable"));
}

TEST(probes, of_all_others_find_all_that_they_declare) {
    for (const std::string_view name : {"exec", "thread", "fiber", "steps"}) {
        const probe* const one = find_probe(name);
        ASSERT_NE(one, nullptr);
        const auto found = run_quickly(one->run);
        for (const figure_info& info : one->figures) {
#if !defined(__x86_64__)
            if (info.id.starts_with("step.") && info.id != "step.system_call") {
                continue;
            }
#endif
            EXPECT_TRUE(found.contains(std::string(info.id))) << info.id;
        }
    }
}

TEST(probes, of_postgres_see_a_process_for_each_connection) {
    if (const auto why = why_not_postgres()) {
        GTEST_SKIP() << why->reason;
    }
    const auto found = run_quickly(probe_postgres);
    for (const auto& [count, processes] : found.at("postgres.processes")) {
        EXPECT_EQ(processes, 1) << count;
    }
    EXPECT_GT(found.at("postgres.memory").at(100), 100'000);
    EXPECT_GT(found.at("postgres.memory.by_use").at(0), 100'000);
    EXPECT_GT(found.at("postgres.connect").at(0), found.at("postgres.query").at(0));
}

#endif

}  // namespace
}  // namespace weft::measure
