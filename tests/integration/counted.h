// SPDX-License-Identifier: Apache-2.0
//
// For tests of when something ends.
#pragma once

#include <atomic>

#include <weft/fiber.h>

namespace weft::testing {

/// Knows how many there are. Is copied, not moved, and lets others run before it ends: it ends on
/// its fiber.
struct counted {
    static inline std::atomic<int> alive = 0;

    counted() noexcept { ++alive; }
    counted(const counted&) noexcept { ++alive; }
    counted& operator=(const counted&) = default;
    ~counted() {
        for (int i = 0; i < 3; ++i) {
            this_fiber::yield();
        }
        --alive;
    }
};

}  // namespace weft::testing
