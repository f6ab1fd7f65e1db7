// SPDX-License-Identifier: Apache-2.0
//
// Numbers as users type them. Pure functions.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace weft::lab {

/// Whole text as a number; nothing for anything else, also for blanks and signs that do not belong.
template <class Number>
std::optional<Number> number_of(std::string_view text) {
    Number value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || text.empty()) {
        return std::nullopt;
    }
    return value;
}

}  // namespace weft::lab
