// SPDX-License-Identifier: Apache-2.0
//
// What the simulator runs: tasks, what each does and when, the groups that they belong to, and the
// machine. Plain data; workload_file.h reads it from a file and checks it against the bounds here,
// so that no file can make a simulation grow without bound.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <weft/fair_entity.h>

#include "durations.h"

namespace weft::sim {

/// Tasks in all: those that are listed, their copies and what they may fork.
inline constexpr std::uint64_t most_tasks = 256;
inline constexpr std::uint64_t most_groups = 32;
inline constexpr std::uint64_t most_cpus = 64;
inline constexpr nanoseconds longest_duration = 600 * second;
inline constexpr nanoseconds shortest_duration = ms;
inline constexpr nanoseconds shortest_tick = 100 * us;
inline constexpr nanoseconds longest_tick = 100 * ms;
/// Of a run, a sleep, or the CPU time between two forks.
inline constexpr nanoseconds shortest_step = 10 * us;
inline constexpr nanoseconds longest_switch_cost = ms;
inline constexpr std::uint64_t longest_file = 1U << 20;
inline constexpr std::size_t longest_name = 40;

/// A length of time, fixed or drawn anew each time.
struct length {
    enum class kind : std::uint8_t { fixed, uniform, exponential };
    kind drawn = kind::fixed;
    nanoseconds low = 0;   ///< fixed: the length; exponential: the mean; uniform: the least
    nanoseconds high = 0;  ///< uniform: the greatest

    bool operator==(const length&) const = default;
};

/// Starts a copy of itself each time it has run for `every`, until there are `limit` copies. The
/// copies do the same.
struct forking {
    nanoseconds every = 0;
    std::uint64_t limit = 0;
};

struct task_spec {
    std::string name;
    std::uint64_t count = 1;  ///< how many of them there are from the start
    int nice = 0;
    nanoseconds slice = 0;  ///< eevdf, round_robin: its own; 0: the policy's
    nanoseconds arrival = 0;
    std::optional<std::size_t> group = {};
    std::optional<unsigned> cpu = {};       ///< the only one that it may run on
    std::optional<length> run = {};         ///< CPU time until it sleeps; none: for ever
    std::optional<length> sleep = {};       ///< none: it ends after its run
    std::optional<nanoseconds> total = {};  ///< CPU time after which it ends
    std::optional<forking> fork = {};
};

struct group_spec {
    std::string name;
    std::uint32_t weight = nice_0_weight;
    nanoseconds quota = 0;  ///< of each period, on all CPUs together; 0: no limit
    nanoseconds period = 100 * ms;
    nanoseconds burst = 0;
};

/// The part of a run that pictures show.
struct window {
    nanoseconds from = 0;
    nanoseconds to = 0;
};

struct workload {
    std::string name;   ///< of the file, without folder and ending
    std::string title;  ///< one line
    std::string about;  ///< the comment at the head of the file: what to look for
    nanoseconds duration = 2 * second;
    unsigned cpus = 1;
    nanoseconds tick = ms;
    nanoseconds switch_cost = 0;
    std::uint64_t seed = 1;
    window shown{0, 80 * ms};
    std::vector<group_spec> groups;
    std::vector<task_spec> tasks;
};

}  // namespace weft::sim
