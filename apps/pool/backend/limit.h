// SPDX-License-Identifier: Apache-2.0
//
// Times of a configuration as deadlines.
#pragma once

#include <chrono>

#include <weft/time.h>

namespace weft::pool {

/// `limit` from now; never, if it is 0.
inline deadline within(std::chrono::microseconds limit) {
    return limit.count() != 0 ? deadline(limit) : deadline();
}

/// Whether `since` is longer ago than `limit`; never, if that is 0.
inline bool older_than(clock::time_point since, std::chrono::microseconds limit,
                       clock::time_point now) {
    return limit.count() != 0 && now - since > limit;
}

}  // namespace weft::pool
