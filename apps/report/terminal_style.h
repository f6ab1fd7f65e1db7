// SPDX-License-Identifier: Apache-2.0
//
// What a terminal can show. Any thread that may read the environment.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace weft::report {

struct terminal_style {
    bool colour = false;
    bool unicode = false;
    std::size_t width = 100;  ///< columns

    /// Colours only when `descriptor` is a terminal that knows them and NO_COLOR is not set;
    /// Unicode signs when the locale's character set is UTF-8. The width is the default.
    static terminal_style of(int descriptor);
};

/// The columns of a terminal that has at least `least`; nothing when it has fewer, or is none.
std::optional<std::size_t> width_of_terminal(int descriptor, std::size_t least) noexcept;

/// At most so many bytes, and no half of a character.
std::string_view cut(std::string_view text, std::size_t most) noexcept;

}  // namespace weft::report
