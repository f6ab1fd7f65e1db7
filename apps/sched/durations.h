// SPDX-License-Identifier: Apache-2.0
//
// Lengths of time as people write them: "1.5 ms". In the simulator every time is a whole number of
// nanoseconds since its start. Pure functions.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace weft::sim {

using nanoseconds = std::uint64_t;

inline constexpr nanoseconds us = 1'000;
inline constexpr nanoseconds ms = 1'000'000;
inline constexpr nanoseconds second = 1'000'000'000;

/// A number and one of ns, us, ms, s, with or without a blank between them. Nothing if it is no
/// such text, negative, or more than an hour.
std::optional<nanoseconds> parse_duration(std::string_view text);

/// "0 ms", "250 us", "1.5 ms", "2 s": up to four digits.
std::string text_of(nanoseconds duration);

inline double milliseconds(nanoseconds duration) {
    return static_cast<double>(duration) / static_cast<double>(ms);
}

}  // namespace weft::sim
