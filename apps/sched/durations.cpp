// SPDX-License-Identifier: Apache-2.0
#include "durations.h"

#include <array>
#include <charconv>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace weft::sim {

namespace {

struct time_unit {
    std::string_view name;
    nanoseconds length;
};

constexpr std::array<time_unit, 4> units{{{"s", second}, {"ms", ms}, {"us", us}, {"ns", 1}}};
constexpr double longest = 3600.0 * static_cast<double>(second);

}  // namespace

std::optional<nanoseconds> parse_duration(std::string_view text) {
    double number = 0;
    const auto [end, error] =
        std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
    if (error != std::errc() || !std::isfinite(number) || number < 0) {
        return std::nullopt;
    }
    std::string_view rest = text.substr(static_cast<std::size_t>(end - text.data()));
    if (rest.starts_with(' ')) {
        rest.remove_prefix(1);
    }
    for (const time_unit& unit : units) {
        if (rest == unit.name) {
            const double length = number * static_cast<double>(unit.length);
            return length > longest ? std::nullopt
                                    : std::optional(static_cast<nanoseconds>(std::llround(length)));
        }
    }
    return std::nullopt;
}

std::string text_of(nanoseconds duration) {
    if (duration == 0) {
        return "0 ms";
    }
    for (const time_unit& unit : units) {
        if (duration >= unit.length) {
            return fmt::format("{:.4g} {}",
                               static_cast<double>(duration) / static_cast<double>(unit.length),
                               unit.name);
        }
    }
    std::unreachable();
}

}  // namespace weft::sim
