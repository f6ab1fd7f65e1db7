// SPDX-License-Identifier: Apache-2.0
//
// Which probes run, how often and for how long. Pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "probe.h"

namespace weft::measure {

struct run_plan {
    std::vector<const probe*> probes;
    unsigned rounds = 0;
    bool all_rounds = false;  ///< however long they take
    bool quick = false;
    std::uint64_t seed = 1;
    bool postgres = true;  ///< false: no server is started, even where there is one
};

/// All rounds of all probes.
inline constexpr double full_seconds = 120;
inline constexpr double quick_seconds = 15;

/// The probes whose name, figure or claim fits one of the words (separated by commas; * and ? fit
/// as in the shell), all for an empty text. The error names a word that fits nothing.
std::expected<std::vector<const probe*>, std::string> choose_probes(std::string_view words);

/// How long a round of the probe may take. Full runs measure the same whether all probes or one is
/// asked for; a quick one divides its time among all probes that there are.
double seconds_of(const run_plan& plan, const probe& probe);

/// Whether it runs again after `rounds` that took `seconds` in all: not if it would take longer
/// than it may by half. Three rounds in any case, two of a quick run.
bool affords_another(const run_plan& plan, const probe& probe, unsigned rounds, double seconds);

/// The probes of a round, shuffled anew for each: what drifts with time (a frequency, a cache of
/// the kernel's) must not meet the same probe each time.
std::vector<const probe*> order_of(const run_plan& plan, unsigned round);

}  // namespace weft::measure
