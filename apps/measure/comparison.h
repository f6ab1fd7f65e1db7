// SPDX-License-Identifier: Apache-2.0
//
// Two runs of `weft measure` side by side: two machines, kernels or versions. A difference counts
// when the intervals of both figures have nothing in common; where they meet nothing is claimed.
// Pure functions.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "interval.h"
#include "lab/units.h"

namespace weft::measure {

/// A point of a figure that both runs have.
struct compared_point {
    std::string figure;
    std::string what;
    lab::unit unit = lab::unit::nanoseconds;
    double at = 0;
    std::string place;      ///< at, as it is read; empty: the figure has one point
    bool is_named = false;  ///< the place has a name, so this says whether something is so
    summary first;
    summary second;
    bool doubtful = false;

    /// The second's median over the first's; 0 when that is 0.
    [[nodiscard]] double ratio() const noexcept;
    [[nodiscard]] bool differs() const noexcept;
};

struct comparison {
    std::string first_name;  ///< machine and version of each
    std::string second_name;
    std::vector<compared_point> points;
    std::vector<std::string> only_first;  ///< figures that the other does not have
    std::vector<std::string> only_second;
};

/// Of two documents that `weft measure --json` wrote. The error is a sentence.
std::expected<comparison, std::string> compare(const nlohmann::json& first,
                                               const nlohmann::json& second);

/// A table at most 100 columns wide.
std::string report_of(const comparison& both);

nlohmann::json to_json(const comparison& both);

}  // namespace weft::measure
