// SPDX-License-Identifier: Apache-2.0
#include "pace.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "sampling.h"

namespace weft::measure {

double pace_ns() {
    constexpr int attempts = 5;
    constexpr int additions = 500'000;
    double least = std::numeric_limits<double>::infinity();
    for (int i = 0; i < attempts; ++i) {
        std::uint64_t sum = 0;
        const std::int64_t began = now_ns();
        for (int n = 0; n < additions; ++n) {
            sum += static_cast<std::uint64_t>(n);
            asm volatile("" : "+r"(sum));  // each addition waits for the one before
        }
        least = std::min(least, static_cast<double>(now_ns() - began) / additions);
    }
    return least;
}

}  // namespace weft::measure
