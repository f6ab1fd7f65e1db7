// SPDX-License-Identifier: Apache-2.0
//
// Counts out of JSON from another process. nlohmann's get<std::uint64_t>() takes any number and
// converts it: what is negative becomes huge, and what is beyond the range is undefined. These
// throw nlohmann::json::exception for all that is no whole number from 0 on. Pure functions.
#pragma once

#include <cstdint>
#include <vector>

#include <nlohmann/json.hpp>

namespace weft::lab {

inline std::uint64_t count_of(const nlohmann::json& value) {
    const bool whole =
        value.is_number_unsigned() || (value.is_number_integer() && value.get<std::int64_t>() >= 0);
    if (!whole) {
        throw nlohmann::json::other_error::create(501, "not a count", &value);
    }
    return value.get<std::uint64_t>();
}

inline std::uint64_t count_at(const nlohmann::json& document, const char* name) {
    return count_of(document.at(name));
}

inline std::vector<std::uint64_t> counts_of(const nlohmann::json& list) {
    std::vector<std::uint64_t> counts;
    for (const nlohmann::json& one : list.get_ref<const nlohmann::json::array_t&>()) {
        counts.push_back(count_of(one));
    }
    return counts;
}

}  // namespace weft::lab
