// SPDX-License-Identifier: Apache-2.0
//
// Figures as people read them: 4.2 KiB, 128 k/s, 1.2 ms, 3.4x. Two or three significant digits,
// because the measurements have no more. One place, so that the table, the verdicts and the HTML
// write the same figure in the same way.
//
// ASCII by default; `symbols::unicode` writes micro and plus-minus signs. Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weft::lab {

enum class unit { bytes, per_second, microseconds, nanoseconds, percent, plain };

enum class symbols { ascii, unicode };

/// "512 B", "4.2 KiB", "8.0 MiB": powers of 1024.
std::string text_of_bytes(double bytes);
/// "950 /s", "128 k/s", "1.3 M/s".
std::string text_of_rate(double per_second);
/// "85 ns", "12 us", "1.2 ms", "3.4 s".
std::string text_of_time(double microseconds, symbols set = symbols::ascii);
/// "10,000".
std::string text_of_count(std::uint64_t count);
/// "3.4x", "680x", "1,200x". For ratios of at least 1.
std::string text_of_factor(double factor);
/// "4.2", "42", "420": no unit.
std::string text_of_number(double value);

std::string text_of(double value, unit unit, symbols set = symbols::ascii);

/// Code points, which is columns for all that is printed here.
std::size_t columns_of(std::string_view text) noexcept;

/// Control characters replaced by '?': what comes from elsewhere (a CPU's name, a reason) must not
/// move a terminal's cursor.
std::string printable(std::string_view text);

/// Breaks at blanks so that no line is longer than `width`, the first line included, which starts
/// with `first`; the others start with `indent` blanks. A word longer than a line is cut.
std::string wrapped(std::string_view first, std::string_view text, std::size_t indent,
                    std::size_t width);

}  // namespace weft::lab
