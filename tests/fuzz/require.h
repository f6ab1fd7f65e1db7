// SPDX-License-Identifier: Apache-2.0
//
// What must hold for any input of a fuzz target: if it does not, the program dies, which libFuzzer
// and ctest take for a fault. Not an assertion of the library: it stands in every build.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include <fmt/format.h>

namespace weft::fuzz {

inline void require(bool holds, std::string_view what, std::string_view about = {}) {
    if (!holds) {
        fmt::print(stderr, "does not hold: {} {}\n", what, about);
        std::abort();
    }
}

}  // namespace weft::fuzz
