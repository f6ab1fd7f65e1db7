// SPDX-License-Identifier: Apache-2.0
//
// How a figure grows along its axis: the law that fits best, and why that one.
//
// Each law is y = a + b * g(x) with a, b >= 0. It is fitted by least squares of the relative
// errors: a curve from 1 MB to 1 GB spans three decades, and the large end must not decide alone.
// Which law: the one with the smallest Bayesian information criterion (Schwarz
// 1978), which asks more of a law that has one more parameter; but constant, unless the best other
// law says that the figure grows over the measured range by more than its points scatter and by a
// tenth at least. A law that no other one differs from by 2 is named together with it.
//
// The exponent p of y = a + b * x^p is fitted apart, with an interval: it is what "O(n)" claims to
// be 1. Pure functions: any thread.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::measure {

enum class law { constant, logarithmic, linear, linearithmic };

/// "constant", "log n", "linear", "n log n".
std::string_view name_of(law law) noexcept;
/// "O(1)", "O(log n)", "O(n)", "O(n log n)".
std::string_view order_of(law law) noexcept;

struct curve_point {
    double x = 0;
    double y = 0;
};

struct growth {
    measure::law law = law::constant;
    double at_zero = 0;  ///< a
    double factor = 0;   ///< b, for one more of g(x)
    double scatter = 0;  ///< root mean square of the relative errors
    double times = 1;    ///< y at the last point by the law, over y at the first one
    double range = 1;    ///< the last x over the first one that is above 0
    std::optional<measure::law> or_else = {};  ///< another law that fits as well
    std::optional<double> exponent = {};       ///< p; only when it grows
    double exponent_low = 0;
    double exponent_high = 0;
    std::string reason = {};  ///< one sentence
};

/// Of points with x >= 0 in ascending order and y > 0. Nothing for fewer than four, or less than
/// two places on the axis above 0.
std::optional<growth> growth_of(std::span<const curve_point> points);

}  // namespace weft::measure
