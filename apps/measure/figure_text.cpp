// SPDX-License-Identifier: Apache-2.0
#include "figure_text.h"

#include <cmath>
#include <cstdint>

#include <fmt/format.h>

namespace weft::measure {

std::string figure_text(double value, lab::unit unit) {
    // lab's times begin at a nanosecond: a step of a switch is less.
    if (unit == lab::unit::nanoseconds && value < 10) {
        return fmt::format("{:.2g} ns", value);
    }
    return lab::text_of(value, unit);
}

std::string with_interval(const summary& value, lab::unit unit) {
    const double half = relative_half_width(value);
    if (half == 0) {
        return figure_text(value.median, unit);
    }
    if (!std::isfinite(half) || half > 9.99) {
        return fmt::format("{} to {}", figure_text(value.low, unit), figure_text(value.high, unit));
    }
    return fmt::format("{} +-{:.0f} %", figure_text(value.median, unit), std::ceil(100 * half));
}

std::string place_of(const measured_figure& figure, const figure_point& point) {
    if (figure.axis.empty()) {
        return {};
    }
    return place_text(point.at, figure.axis_unit, figure.places) +
           (figure.places.empty() ? " " + figure.axis : "");
}

std::string place_text(double at, lab::unit unit, std::span<const std::string> names) {
    if (at >= 0 && at < static_cast<double>(names.size())) {
        return names[static_cast<std::size_t>(at)];
    }
    return unit == lab::unit::bytes ? lab::text_of_bytes(at)
                                    : lab::text_of_count(static_cast<std::uint64_t>(at));
}

}  // namespace weft::measure
