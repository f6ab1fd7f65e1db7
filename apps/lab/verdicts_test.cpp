// SPDX-License-Identifier: Apache-2.0
#include "verdicts.h"

#include "results_fixture.h"
#include "summary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <string>

namespace weft::lab {
namespace {

std::optional<verdict> verdict_of(const results& run, std::string_view claim) {
    const auto all = verdicts_of(run);
    const auto found = std::ranges::find(all, claim, &verdict::claim);
    return found == all.end() ? std::nullopt : std::optional(*found);
}

poison_phase poisoned(bool server_died) {
    poison_phase phase{.kind = "crash", .clients = 1000, .poisoned = 1};
    phase.died = server_died ? 1000 : 1;
    phase.survived = phase.clients - phase.died;
    phase.server_died = server_died;
    phase.signal = server_died ? 11 : 0;
    phase.went_on = !server_died;
    return phase;
}

TEST(verdicts, come_in_the_order_of_the_claims) {
    const auto all = verdicts_of(invented_results());
    std::vector<std::string> claims;
    for (const verdict& one : all) {
        claims.push_back(one.claim);
    }
    EXPECT_EQ(claims,
              (std::vector<std::string>{"C6", "C9", "C12", "C24", "C25", "C26", "C27", "C28"}));
}

TEST(verdicts, ten_thousand_threads_are_feasible) {
    const auto line = verdict_of(invented_results(), "C24");
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(line->mark, mark::off);
    EXPECT_NE(line->measured.find("8.0 MiB reserved, 40 KiB used per thread"), std::string::npos)
        << line->measured;
    // 10,000 times 40 KiB are 410 MB of the 80 GB that are claimed.
    EXPECT_NE(line->conclusion.find("feasible, 200x less than claimed"), std::string::npos)
        << line->conclusion;
}

TEST(verdicts, threads_that_need_twice_the_cpu_of_fibers_are_waste) {
    const auto line = verdict_of(invented_results(), "C28");
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(line->mark, mark::holds);
    EXPECT_NE(line->conclusion.find("2.0x the CPU of fibers"), std::string::npos);
}

TEST(verdicts, a_model_whose_server_died_has_no_verdict_on_its_size) {
    results run = invented_results();
    run.models[1].outcome = {.state = outcome_state::died, .reason = "", .lift = "", .signal = 11};
    const auto line = verdict_of(run, "C24");
    ASSERT_TRUE(line.has_value());
    EXPECT_EQ(line->mark, mark::undecided);
    EXPECT_NE(line->conclusion.find("SIGSEGV"), std::string::npos);
}

TEST(verdicts, isolation_holds_when_only_processes_contain_the_crash) {
    results run = invented_results();
    run.models[0].repeats[0].poison = poisoned(false);
    run.models[1].repeats[0].poison = poisoned(true);
    EXPECT_EQ(verdict_of(run, "C18")->mark, mark::holds);
    run.models[0].repeats[0].poison = poisoned(true);
    EXPECT_EQ(verdict_of(run, "C18")->mark, mark::off);
    run.models[0].repeats[0].poison.reset();
    EXPECT_EQ(verdict_of(run, "C18")->mark, mark::undecided);
}

TEST(verdicts, a_leak_that_could_not_be_read_is_not_called_contained) {
    results run = invented_results();
    for (model_result& model : run.models) {
        model.repeats[0].poison = poisoned(false);
        model.repeats[0].poison->kind = "leak";
        model.repeats[0].poison->died = 0;
    }
    EXPECT_EQ(verdict_of(run, "C18")->mark, mark::undecided);
    EXPECT_NE(sentence_of(*run.models[0].repeats[0].poison).find("could not be read"),
              std::string::npos);
    for (model_result& model : run.models) {
        const bool process = model.model == model_id::process;
        model.repeats[0].poison->leaked_bytes = process ? 0 : 1 << 20;
    }
    EXPECT_EQ(verdict_of(run, "C18")->mark, mark::holds);
}

TEST(verdicts, nothing_measured_nothing_said) {
    EXPECT_TRUE(verdicts_of(results{}).empty());
}

}  // namespace
}  // namespace weft::lab
