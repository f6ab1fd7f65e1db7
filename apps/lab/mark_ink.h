// SPDX-License-Identifier: Apache-2.0
//
// The colour of a verdict. Pure function.
#pragma once

#include <array>
#include <cstddef>

#include "report/ink.h"
#include "verdicts.h"

namespace weft::lab {

inline report::ink ink_of(mark mark) noexcept {
    using report::ink;
    constexpr std::array inks{ink::green, ink::yellow, ink::red, ink::dim};  // as in `mark`
    return inks[static_cast<std::size_t>(mark)];
}

}  // namespace weft::lab
