// SPDX-License-Identifier: Apache-2.0
#include <weft/time.h>

#include "base/clock.h"

namespace weft {

bool deadline::expired() const noexcept {
    return !is_never() && base::now_ns() >= nanoseconds_;
}

std::int64_t deadline::from_now(std::int64_t nanoseconds) noexcept {
    std::int64_t sum = 0;
    if (nanoseconds == never_value || __builtin_add_overflow(base::now_ns(), nanoseconds, &sum)) {
        return never_value;
    }
    return sum;
}

}  // namespace weft
