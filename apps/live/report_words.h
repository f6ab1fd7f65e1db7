// SPDX-License-Identifier: Apache-2.0
//
// What the terminal's report of a live run and the HTML one say in the same words. Pure functions.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "comparison.h"

namespace weft::live {

/// By turn_loss.
inline constexpr std::array<std::string_view, turn_losses> words_for_loss{
    "ended for another task", "cut by something else", "ended by its sleep", "ended by its end"};

/// On what, how long, how often.
std::string how_it_was_run(const comparison& all);

/// Whether anybody woke.
bool has_latencies(const comparison& all);
/// Whether the kernel recorded turns of the tasks.
bool has_records(const comparison& all);

/// What the runtime and the kernel counted.
std::vector<std::string> sentences_on(const side& one);

}  // namespace weft::live
