// SPDX-License-Identifier: Apache-2.0
//
// Colours of a terminal, by what they mean here. Pure functions.
#pragma once

#include <string>
#include <string_view>

#include "terminal_style.h"

namespace weft::report {

enum class ink { plain, bold, dim, green, yellow, red };

/// The text in that colour, where the terminal shows colours.
std::string painted(std::string_view text, ink colour, const terminal_style& style);

}  // namespace weft::report
