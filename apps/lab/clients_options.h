// SPDX-License-Identifier: Apache-2.0
//
// What `weft clients` was asked to do. Plain data, checked by whoever fills it.
#pragma once

#include "handlers.h"
#include "message.h"
#include "results.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weft::lab {

struct clients_options {
    std::uint64_t clients = 10'000;
    std::vector<model_id> models{all_models.begin(), all_models.end()};
    /// Of each load phase.
    double duration_seconds = 3;
    std::size_t message_size = 64;
    work what;
    /// Requests per second of the open loop; 0: half of what the slowest model reached.
    double rate = 0;
    std::uint64_t seed = 1;
    unsigned repeats = 1;
    poison_kind poison = poison_kind::none;
    unsigned workers = 0;
    std::size_t thread_stack = 0;
    std::size_t fiber_stack = 0;
    /// Empty: none; "-": standard output.
    std::string json_path;
    std::string html_path;
    /// As the user typed it, for the report.
    std::string command_line;
};

inline constexpr std::uint64_t most_clients = 1'000'000;
inline constexpr double longest_duration_seconds = 600;
inline constexpr unsigned most_repeats = 100;
inline constexpr double shortest_duration_seconds = 0.1;
inline constexpr double highest_rate = 1e9;
inline constexpr std::uint64_t smallest_stack = std::uint64_t{16} * 1024;
inline constexpr std::uint64_t largest_stack = std::uint64_t{1} << 30;
inline constexpr std::uint64_t most_workers = 1024;

}  // namespace weft::lab
