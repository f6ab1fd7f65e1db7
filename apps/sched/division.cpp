// SPDX-License-Identifier: Apache-2.0
#include "division.h"

#include <algorithm>

namespace weft::sim {

namespace {

struct vessel {
    double weight;
    double most;
    double gets = 0;
    bool full = false;
};

/// Fills by weight until nothing is left or all are full.
void fill(double capacity, std::vector<vessel>& vessels) {
    for (bool again = true; again;) {
        double weight = 0;
        for (const vessel& one : vessels) {
            weight += one.full ? 0 : one.weight;
        }
        again = false;
        const double for_each = weight > 0 ? capacity / weight : 0;
        for (vessel& one : vessels) {
            if (!one.full && one.most <= for_each * one.weight) {
                one.full = true;
                one.gets = one.most;
                capacity = std::max(capacity - one.most, 0.0);
                again = true;
            }
        }
        if (!again) {
            for (vessel& one : vessels) {
                one.gets = one.full ? one.gets : for_each * one.weight;
            }
        }
    }
}

}  // namespace

std::vector<double> divide(double capacity, std::span<const claim> claims,
                           std::span<const group_claim> groups) {
    std::vector<vessel> top;  // the groups, then the tasks without one
    for (const group_claim& group : groups) {
        top.push_back({.weight = group.weight, .most = 0});
    }
    for (const claim& one : claims) {
        if (one.group) {
            top[*one.group].most += one.most;
        } else {
            top.push_back({.weight = one.weight, .most = one.most});
        }
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        top[g].most = std::min(top[g].most, groups[g].most);
    }
    fill(capacity, top);

    std::vector<double> gets;
    auto next = top.begin() + static_cast<std::ptrdiff_t>(groups.size());
    for (const claim& one : claims) {
        gets.push_back(one.group ? 0 : (next++)->gets);
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
        std::vector<vessel> members;
        std::vector<std::size_t> who;
        for (std::size_t i = 0; i < claims.size(); ++i) {
            if (claims[i].group == g) {
                members.push_back({.weight = claims[i].weight, .most = claims[i].most});
                who.push_back(i);
            }
        }
        fill(top[g].gets, members);
        for (std::size_t i = 0; i < who.size(); ++i) {
            gets[who[i]] = members[i].gets;
        }
    }
    return gets;
}

}  // namespace weft::sim
