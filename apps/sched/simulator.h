// SPDX-License-Identifier: Apache-2.0
//
// Runs a workload under a policy, on a clock of its own, with one weft::fair_queue for each CPU.
// Deterministic: the same workload and seed give the same recording. Pure function; any thread.
//
// What is modelled: a periodic tick at which the policy may end a turn; wake-ups that preempt;
// the cost of a switch; groups with weights and quotas; with several CPUs, placing who wakes on an
// idle one, an idle CPU that pulls who has waited longest, and now and then a move from the most
// loaded to the least loaded one.
//
// What is not: caches, NUMA and SMT, interrupts, locks, priority classes, the kernel's load
// tracking (PELT), and its thresholds against too many moves.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include "recording.h"
#include "workload.h"

namespace weft::sim {

enum class policy : std::uint8_t { cfs, eevdf, fifo, round_robin };

inline constexpr std::array all_policies{policy::cfs, policy::eevdf, policy::fifo,
                                         policy::round_robin};

[[nodiscard]] std::string_view name_of(policy which) noexcept;
std::optional<policy> policy_of(std::string_view name) noexcept;

/// A run that takes more steps than this is refused: what it records must fit into memory.
inline constexpr std::uint64_t most_steps = 2'000'000;

/// The error is a sentence.
std::expected<recording, std::string> simulate(const workload& work, policy under,
                                               std::uint64_t step_limit = most_steps);

}  // namespace weft::sim
