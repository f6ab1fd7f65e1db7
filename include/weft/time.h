// SPDX-License-Identifier: Apache-2.0
//
// deadline: the moment at which a waiting call gives up with std::errc::timed_out. Calls take one
// by value; it converts from a duration ("5s from now") and from a point of the steady clock.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <limits>
#include <ratio>
#include <type_traits>

namespace weft {

/// The clock of all deadlines and sleeps; not moved by changes of the wall clock.
using clock = std::chrono::steady_clock;

class deadline {
public:
    /// Never: the call waits as long as it takes.
    constexpr deadline() noexcept = default;

    /// That moment of the steady clock.
    constexpr deadline(clock::time_point when) noexcept  // NOLINT(google-explicit-constructor)
        : nanoseconds_(saturated(when.time_since_epoch())) {}

    /// `timeout` from now. Reads the clock (about 25 ns); durations beyond 292 years mean never.
    template <class Rep, class Period>
    deadline(std::chrono::duration<Rep, Period> timeout)  // NOLINT(google-explicit-constructor)
        : nanoseconds_(from_now(saturated(timeout))) {}

    /// The same as deadline(): to be said where a call has a form with a deadline and one without.
    static constexpr deadline never() noexcept { return {}; }

    /// That moment of any clock. Of another one than weft::clock it is converted now: when that
    /// clock is set afterwards, the deadline does not follow.
    template <class Clock, class Duration>
    static deadline at(const std::chrono::time_point<Clock, Duration>& when) {
        deadline out;
        out.nanoseconds_ = saturated(when.time_since_epoch());
        if constexpr (!std::is_same_v<Clock, clock>) {
            out.nanoseconds_ =
                from_now(difference(out.nanoseconds_, saturated(Clock::now().time_since_epoch())));
        }
        return out;
    }

    /// Whether there is no such moment.
    [[nodiscard]] constexpr bool is_never() const noexcept { return nanoseconds_ == never_value; }

    /// Nanoseconds since the epoch of the steady clock; the largest value means never.
    [[nodiscard]] constexpr std::int64_t nanoseconds() const noexcept { return nanoseconds_; }

    /// The moment, of weft::clock; never: the last one that it knows.
    [[nodiscard]] constexpr clock::time_point time() const noexcept {
        return clock::time_point(
            std::chrono::duration_cast<clock::duration>(std::chrono::nanoseconds(nanoseconds_)));
    }

    /// The earlier one is less.
    friend constexpr auto operator<=>(deadline, deadline) noexcept = default;

    /// Whether the moment has come. Reads the clock unless it is never.
    [[nodiscard]] bool expired() const noexcept;

private:
    static constexpr std::int64_t never_value = std::numeric_limits<std::int64_t>::max();

    template <class Rep, class Period>
    static constexpr std::int64_t saturated(std::chrono::duration<Rep, Period> d) noexcept {
        if constexpr (std::is_integral_v<Rep>) {
            return saturated_count(d.count(), std::ratio_divide<Period, std::nano>());
        }
        const long double wide = std::chrono::duration<long double, std::nano>(d).count();
        if (wide >= static_cast<long double>(never_value)) {
            return never_value;
        }
        if (!(wide > -static_cast<long double>(never_value))) {
            return -never_value;  // what is no number, too
        }
        return std::chrono::ceil<std::chrono::nanoseconds>(d).count();
    }

    /// `count` times `Factor`, rounded up.
    template <class Rep, class Factor>
    static constexpr std::int64_t saturated_count(Rep count, Factor) noexcept {
        __extension__ using wide = __int128;
        const wide product = static_cast<wide>(count) * Factor::num;
        const wide nanoseconds = product / Factor::den + (product % Factor::den > 0 ? 1 : 0);
        if (nanoseconds >= never_value) {
            return never_value;
        }
        return nanoseconds <= -never_value ? -never_value : static_cast<std::int64_t>(nanoseconds);
    }

    /// From `now` to `when`; the largest value if `when` is that or the difference is too large.
    static constexpr std::int64_t difference(std::int64_t when, std::int64_t now) noexcept {
        std::int64_t out = 0;
        if (when == never_value || __builtin_sub_overflow(when, now, &out)) {
            return when < 0 ? -never_value : never_value;
        }
        return out;
    }

    static std::int64_t from_now(std::int64_t nanoseconds) noexcept;

    std::int64_t nanoseconds_ = never_value;
};

}  // namespace weft
