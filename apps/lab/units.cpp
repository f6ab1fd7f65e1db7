// SPDX-License-Identifier: Apache-2.0
#include "units.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include <fmt/format.h>

namespace weft::lab {

namespace {

/// Below this a figure is shown with one digit after the point; above it rounds to 10.
constexpr double needs_fraction = 9.95;

/// `value` in the largest unit in which it is at least 1, after rounding.
std::string scaled(double value, double step, std::span<const std::string_view> names) {
    std::size_t at = 0;
    while (at + 1 < names.size() && std::abs(value) >= step - 0.5) {
        value /= step;
        ++at;
    }
    if (at == 0 && value == std::floor(value)) {
        return fmt::format("{:.0f} {}", value, names[at]);
    }
    return fmt::format("{} {}", text_of_number(value), names[at]);
}

std::size_t length_of_character(char first) noexcept {
    const auto byte = static_cast<unsigned char>(first);
    if (byte < 0x80) {
        return 1;
    }
    return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
}

/// The bytes of at most `width` whole characters.
std::size_t bytes_within(std::string_view text, std::size_t width) noexcept {
    std::size_t at = 0;
    for (; width > 0 && at < text.size(); --width) {
        at += length_of_character(text[at]);
    }
    return std::min(at, text.size());
}

}  // namespace

std::string text_of_number(double value) {
    if (value == 0) {
        return "0";
    }
    if (std::abs(value) < 0.095) {
        return fmt::format("{:.2g}", value);
    }
    if (std::abs(value) < needs_fraction) {
        return fmt::format("{:.1f}", value);
    }
    return fmt::format("{:.0f}", value);
}

std::string text_of_bytes(double count) {
    static constexpr std::array<std::string_view, 5> names{"B", "KiB", "MiB", "GiB", "TiB"};
    return scaled(count, 1024, names);
}

std::string text_of_rate(double per_second) {
    static constexpr std::array<std::string_view, 4> names{"/s", "k/s", "M/s", "G/s"};
    return scaled(per_second, 1000, names);
}

std::string text_of_time(double microseconds, symbols set) {
    static constexpr std::array<std::string_view, 4> ascii{"ns", "us", "ms", "s"};
    static constexpr std::array<std::string_view, 4> unicode{"ns", "µs", "ms", "s"};
    return scaled(microseconds * 1000, 1000, set == symbols::ascii ? ascii : unicode);
}

std::string text_of_count(std::uint64_t count) {
    std::string digits = std::to_string(count);
    for (std::size_t at = digits.size(); at > 3;) {
        at -= 3;
        digits.insert(at, 1, ',');
    }
    return digits;
}

std::string text_of_factor(double factor) {
    if (factor < needs_fraction) {
        return fmt::format("{:.1f}x", factor);
    }
    // Two significant digits: a ratio of two medians has no more.
    const double grain = std::max(1.0, std::pow(10, std::floor(std::log10(factor)) - 1));
    return text_of_count(static_cast<std::uint64_t>(std::round(factor / grain) * grain)) + "x";
}

std::string text_of(double value, unit unit, symbols set) {
    switch (unit) {
        case unit::bytes:
            return text_of_bytes(value);
        case unit::per_second:
            return text_of_rate(value);
        case unit::microseconds:
            return text_of_time(value, set);
        case unit::nanoseconds:
            return text_of_time(value / 1000, set);
        case unit::percent:
            return text_of_number(value) + " %";
        case unit::plain:
            break;
    }
    return text_of_number(value);
}

std::size_t columns_of(std::string_view text) noexcept {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string printable(std::string_view text) {
    std::string clean(text);
    unsigned char before = 0;
    for (char& c : clean) {
        const auto byte = static_cast<unsigned char>(c);
        // U+0080 to U+009F, two bytes each, are control characters too.
        const bool second_half = before == 0xC2 && byte >= 0x80 && byte < 0xA0;
        if (byte < 0x20 || byte == 0x7F || second_half) {
            c = '?';
        }
        before = byte;
    }
    return clean;
}

std::string wrapped(std::string_view first, std::string_view text, std::size_t indent,
                    std::size_t width) {
    std::string out(first);
    std::size_t column = columns_of(first);
    bool fresh = true;
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(' '), text.size());
        std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (!fresh && column + 1 + columns_of(word) > width) {
            out += "\n" + std::string(indent, ' ');
            column = indent;
            fresh = true;
        }
        if (!fresh) {
            out += ' ';
            ++column;
        }
        while (width > column && columns_of(word) > width - column) {
            const std::size_t fits = bytes_within(word, width - column);
            out += std::string(word.substr(0, fits)) + "\n" + std::string(indent, ' ');
            word.remove_prefix(fits);
            column = indent;
        }
        out += word;
        column += columns_of(word);
        fresh = false;
    }
    return out;
}

}  // namespace weft::lab
