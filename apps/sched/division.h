// SPDX-License-Identifier: Apache-2.0
//
// The ideal: how CPU time is divided when everybody gets a part by weight and nobody more than it
// wants, what it leaves going to the others, again by weight (max-min fairness, by filling up). Two
// levels: groups count among the tasks that have none, and within a group its members count. Pure
// functions.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace weft::sim {

struct claim {
    double weight = 1;
    double most = 1;  ///< CPUs that it can use
    std::optional<std::size_t> group = {};
};

struct group_claim {
    double weight = 1;
    double most = 1e9;  ///< CPUs that it may use: its quota
};

/// What each of `claims` gets of `capacity` CPUs.
std::vector<double> divide(double capacity, std::span<const claim> claims,
                           std::span<const group_claim> groups);

}  // namespace weft::sim
