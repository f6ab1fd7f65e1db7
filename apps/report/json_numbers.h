// SPDX-License-Identifier: Apache-2.0
//
// Numbers as JSON reports give them. Pure functions.
#pragma once

#include <cmath>

namespace weft::report {

/// To a millionth: what is beyond is the noise of floating point.
inline double rounded(double value) {
    return std::round(value * 1e6) / 1e6;
}

/// Of a part from 0 to 1.
inline double percent(double part) {
    return rounded(100 * part);
}

}  // namespace weft::report
