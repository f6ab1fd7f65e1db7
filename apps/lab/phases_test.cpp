// SPDX-License-Identifier: Apache-2.0
#include "phases.h"

#include "summary.h"

#include <gtest/gtest.h>

namespace weft::lab {
namespace {

poison_phase phase_of(std::uint64_t answered, bool new_client) {
    poison_phase phase{.kind = "crash", .clients = 50};
    round_report poisoned;
    poisoned.asked = 1;
    round_report others;
    others.asked = 49;
    others.answered = answered;
    count_survivors(phase, poisoned, others, new_client);
    return phase;
}

TEST(phases, a_server_goes_on_if_it_answers_survivors_and_a_new_client) {
    EXPECT_TRUE(phase_of(49, true).went_on);
    EXPECT_FALSE(phase_of(49, false).went_on);
    EXPECT_FALSE(phase_of(48, true).went_on);
    const auto phase = phase_of(48, true);
    EXPECT_EQ(phase.poisoned, 1U);
    EXPECT_EQ(phase.survived, 48U);
    EXPECT_EQ(phase.died, 2U);
}

TEST(phases, what_crashed_is_said_as_it_was_counted) {
    auto phase = phase_of(49, true);
    EXPECT_EQ(sentence_of(phase), "yes");
    phase.crashed = 1;
    EXPECT_EQ(sentence_of(phase), "yes (1 process crashed)");
    phase.crashed = 10;
    EXPECT_EQ(sentence_of(phase), "yes (10 processes crashed)");
}

}  // namespace
}  // namespace weft::lab
