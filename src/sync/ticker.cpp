// SPDX-License-Identifier: Apache-2.0
#include <weft/ticker.h>

#include <algorithm>
#include <limits>
#include <stdexcept>

#include <weft/fiber.h>

#include "base/clock.h"
#include "base/error.h"

namespace weft {

namespace {

/// Beyond the end of time is never.
std::int64_t later(std::int64_t time, std::int64_t by) noexcept {
    std::int64_t sum = 0;
    return __builtin_add_overflow(time, by, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

std::int64_t checked(clock::duration period) {
    const auto ns = std::chrono::duration_cast<std::chrono::nanoseconds>(period).count();
    if (ns <= 0) {
        throw std::invalid_argument("weft::ticker: a period must be longer than 0");
    }
    return ns;
}

}  // namespace

ticker::ticker(clock::duration period)
    : period_(checked(period)), next_(later(base::now_ns(), period_)) {}

ticker::ticker(clock::duration period, clock::time_point first)
    : period_(checked(period)), next_(deadline(first).nanoseconds()) {}

void ticker::reset(clock::duration period) {
    period_ = checked(period);
    next_ = later(base::now_ns(), period_);
}

std::uint64_t ticker::take() noexcept {
    // Not their difference alone: the first tick may lie before the beginning of time.
    __extension__ using wide = __int128;
    const wide late = static_cast<wide>(base::now_ns()) - next_;
    const wide missed = std::max<wide>(late, 0) / period_;
    const wide next = next_ + (missed + 1) * period_;
    constexpr wide never = std::numeric_limits<std::int64_t>::max();
    next_ = static_cast<std::int64_t>(std::min(next, never));
    return static_cast<std::uint64_t>(
        std::min<wide>(missed, std::numeric_limits<std::uint64_t>::max()));
}

result<std::uint64_t> ticker::wait(deadline until) {
    if (!is_due()) {
        const deadline at = next_at();
        if (const auto slept = this_fiber::sleep_until(std::min(at, until)); !slept) {
            return base::fail(slept.error(), "wait for a tick");
        }
        if (until < at) {
            return base::fail(std::errc::timed_out, "wait for a tick");
        }
    }
    return take();
}

}  // namespace weft
