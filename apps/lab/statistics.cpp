// SPDX-License-Identifier: Apache-2.0
#include "statistics.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numeric>
#include <vector>

namespace weft::lab {

namespace {

/// Makes a normal distribution's median absolute deviation equal to its standard deviation.
constexpr double normal_scale = 1.4826;

std::vector<double> sorted_finite(std::span<const double> values) {
    std::vector<double> kept;
    kept.reserve(values.size());
    std::ranges::copy_if(values, std::back_inserter(kept),
                         [](double value) { return std::isfinite(value); });
    std::ranges::sort(kept);
    return kept;
}

double median_of_sorted(const std::vector<double>& sorted) {
    const std::size_t middle = sorted.size() / 2;
    if (sorted.size() % 2 == 1) {
        return sorted[middle];
    }
    return std::midpoint(sorted[middle - 1], sorted[middle]);
}

}  // namespace

std::optional<double> median(std::span<const double> values) {
    const auto sorted = sorted_finite(values);
    if (sorted.empty()) {
        return std::nullopt;
    }
    return median_of_sorted(sorted);
}

std::optional<estimate> estimate_of(std::span<const double> values) {
    auto sorted = sorted_finite(values);
    if (sorted.empty()) {
        return std::nullopt;
    }
    estimate result;
    result.count = sorted.size();
    result.min = sorted.front();
    result.max = sorted.back();
    result.median = median_of_sorted(sorted);
    for (double& value : sorted) {
        value = std::abs(value - result.median);
    }
    std::ranges::sort(sorted);
    result.deviation = normal_scale * median_of_sorted(sorted);
    return result;
}

double relative_spread(const estimate& value) noexcept {
    if (value.median == 0) {
        return 0;
    }
    return std::max(value.max - value.median, value.median - value.min) / std::abs(value.median);
}

std::optional<ratio> ratio_of(const estimate& over, const estimate& under) noexcept {
    if (under.min <= 0 || over.min < 0) {
        return std::nullopt;
    }
    return ratio{.median = over.median / under.median,
                 .low = over.min / under.max,
                 .high = over.max / under.min};
}

bool overlap(const estimate& a, const estimate& b) noexcept {
    return a.min <= b.max && b.min <= a.max;
}

}  // namespace weft::lab
