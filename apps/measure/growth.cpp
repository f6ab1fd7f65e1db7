// SPDX-License-Identifier: Apache-2.0
#include "growth.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>

#include <fmt/format.h>

#include "interval.h"
#include "lab/units.h"

namespace weft::measure {

namespace {

constexpr std::array all_laws{law::constant, law::logarithmic, law::linear, law::linearithmic};
constexpr std::size_t least_points = 4;
/// Growth of less over the whole range is called none.
constexpr double least_growth = 1.10;
/// Difference of the criterion below which two laws cannot be told apart (Kass and Raftery 1995).
constexpr double undecided = 2;
/// Errors below this relative size are no evidence for any law: no clock is that good.
constexpr double finest_error = 0.005;
constexpr double least_exponent = 0.05;
constexpr double most_exponent = 2.5;
constexpr double exponent_step = 0.01;

double shape_of(law law, double x) {
    switch (law) {
        case law::constant:
            return 0;
        case law::logarithmic:
            return std::log2(1 + x);
        case law::linear:
            return x;
        case law::linearithmic:
            return x * std::log2(1 + x);
    }
    return 0;
}

struct fit {
    double a = 0;
    double b = 0;
    double squares = 0;  ///< of the relative errors
};

/// Least squares of (y - a - b g) / y with a, b >= 0.
fit fit_shape(std::span<const curve_point> points, const std::function<double(double)>& g) {
    double w = 0, wg = 0, wgg = 0, wy = 0, wgy = 0;
    for (const auto& [x, y] : points) {
        const double weight = 1 / (y * y);
        const double shape = g(x);
        w += weight;
        wg += weight * shape;
        wgg += weight * shape * shape;
        wy += weight * y;
        wgy += weight * shape * y;
    }
    fit best{.a = wy / w};
    const double determinant = w * wgg - wg * wg;
    if (determinant > 1e-12 * w * wgg) {
        const double b = (w * wgy - wg * wy) / determinant;
        const double a = (wy - b * wg) / w;
        if (b > 0 && a >= 0) {
            best = {.a = a, .b = b};
        } else if (b > 0) {
            best = {.a = 0, .b = wgy / wgg};
        }
    }
    for (const auto& [x, y] : points) {
        const double error = (y - best.a - best.b * g(x)) / y;
        best.squares += error * error;
    }
    return best;
}

fit fit_law(std::span<const curve_point> points, law law) {
    return fit_shape(points, [law](double x) { return shape_of(law, x); });
}

double criterion(const fit& fitted, std::size_t count, double parameters) {
    const auto n = static_cast<double>(count);
    const double variance = std::max(fitted.squares / n, finest_error * finest_error);
    return n * std::log(variance) + parameters * std::log(n);
}

/// The exponent that fits best, and those that fit about as well: by the F-test of the profile.
void fit_exponent(std::span<const curve_point> points, growth& into) {
    if (points.size() < least_points + 1) {
        return;
    }
    struct tried {
        double exponent;
        double squares;
    };
    std::vector<tried> profile;
    for (double p = least_exponent; p <= most_exponent; p += exponent_step) {
        profile.push_back({p, fit_shape(points, [p](double x) { return std::pow(x, p); }).squares});
    }
    const auto best = std::ranges::min_element(profile, {}, &tried::squares);
    const auto freedom = static_cast<double>(points.size() - 3);
    const double t = student_975(points.size() - 3);
    const double floor = finest_error * finest_error * static_cast<double>(points.size());
    const double limit = std::max(best->squares, floor) * (1 + t * t / freedom);
    into.exponent = best->exponent;
    into.exponent_low = into.exponent_high = best->exponent;
    for (const tried& one : profile) {
        if (one.squares <= limit) {
            into.exponent_low = std::min(into.exponent_low, one.exponent);
            into.exponent_high = std::max(into.exponent_high, one.exponent);
        }
    }
}

std::string reason_for(const growth& found) {
    const std::string range = lab::text_of_factor(found.range);
    const double percent = 100 * found.scatter;
    if (found.law == law::constant) {
        return fmt::format(
            "constant: over {} the axis its points scatter by {:.0f} % and it does not grow "
            "beyond that",
            range, percent);
    }
    std::string text =
        fmt::format("{}: {} over {} the axis, {:.0f} % off on average", name_of(found.law),
                    lab::text_of_factor(found.times), range, percent);
    if (found.exponent) {
        text += fmt::format("; exponent {:.2f} ({:.2f} to {:.2f})", *found.exponent,
                            found.exponent_low, found.exponent_high);
    }
    if (found.or_else) {
        text += fmt::format("; {} fits as well", name_of(*found.or_else));
    }
    return text;
}

bool is_usable(std::span<const curve_point> points) {
    const auto good = [](const curve_point& p) {
        return std::isfinite(p.x) && std::isfinite(p.y) && p.x >= 0 && p.y > 0;
    };
    const auto above_zero = std::ranges::count_if(points, [](const auto& p) { return p.x > 0; });
    return points.size() >= least_points && above_zero >= 2 && std::ranges::all_of(points, good) &&
           points.front().x < points.back().x;
}

}  // namespace

std::string_view name_of(law law) noexcept {
    constexpr std::array<std::string_view, 4> names{"constant", "log n", "linear", "n log n"};
    return names[static_cast<std::size_t>(law)];
}

std::string_view order_of(law law) noexcept {
    constexpr std::array<std::string_view, 4> names{"O(1)", "O(log n)", "O(n)", "O(n log n)"};
    return names[static_cast<std::size_t>(law)];
}

std::optional<growth> growth_of(std::span<const curve_point> points) {
    if (!is_usable(points)) {
        return std::nullopt;
    }
    std::array<fit, all_laws.size()> fits;
    std::array<double, all_laws.size()> criteria;
    for (std::size_t i = 0; i < all_laws.size(); ++i) {
        fits[i] = fit_law(points, all_laws[i]);
        criteria[i] = criterion(fits[i], points.size(), i == 0 ? 1 : 2);
    }
    auto best = static_cast<std::size_t>(std::ranges::min_element(criteria) - criteria.begin());
    const auto times_of = [&](std::size_t i) {
        const auto at = [&](double x) { return fits[i].a + fits[i].b * shape_of(all_laws[i], x); };
        return at(points.back().x) / at(points.front().x);
    };
    const auto n = static_cast<double>(points.size());
    const double scatter = std::sqrt(fits[best].squares / n);
    if (best != 0 && times_of(best) < std::max(least_growth, 1 + 2 * scatter)) {
        best = 0;
    }
    growth found{.law = all_laws[best],
                 .at_zero = fits[best].a,
                 .factor = fits[best].b,
                 .scatter = std::sqrt(fits[best].squares / n),
                 .times = times_of(best)};
    const auto first = std::ranges::find_if(points, [](const auto& p) { return p.x > 0; });
    found.range = points.back().x / first->x;
    if (found.law != law::constant) {
        fit_exponent(points, found);
        for (std::size_t i = 1; i < all_laws.size(); ++i) {
            if (i != best && criteria[i] - criteria[best] < undecided) {
                found.or_else = all_laws[i];
            }
        }
    }
    found.reason = reason_for(found);
    return found;
}

}  // namespace weft::measure
