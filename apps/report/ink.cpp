// SPDX-License-Identifier: Apache-2.0
#include "ink.h"

#include <array>
#include <cstddef>

namespace weft::report {

std::string painted(std::string_view text, ink colour, const terminal_style& style) {
    constexpr std::array<std::string_view, 6> codes{"",         "\x1b[1m",  "\x1b[2m",
                                                    "\x1b[32m", "\x1b[33m", "\x1b[31m"};
    std::string out(text);
    if (style.colour && colour != ink::plain) {
        out.insert(0, codes[static_cast<std::size_t>(colour)]);
        out += "\x1b[0m";
    }
    return out;
}

}  // namespace weft::report
