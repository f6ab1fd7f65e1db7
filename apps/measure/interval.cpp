// SPDX-License-Identifier: Apache-2.0
#include "interval.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>

#include "lab/statistics.h"

namespace weft::measure {

namespace {

constexpr int resamples = 500;
constexpr double tail = 0.025;

rounds_of_samples finite(const rounds_of_samples& rounds) {
    rounds_of_samples kept;
    for (const auto& round : rounds) {
        std::vector<double> samples;
        std::ranges::copy_if(round, std::back_inserter(samples),
                             [](double value) { return std::isfinite(value); });
        if (!samples.empty()) {
            kept.push_back(std::move(samples));
        }
    }
    return kept;
}

/// Of sorted values, by linear interpolation.
double quantile(const std::vector<double>& sorted, double part) {
    const double rank = part * static_cast<double>(sorted.size() - 1);
    const auto below = static_cast<std::size_t>(rank);
    const std::size_t above = std::min(below + 1, sorted.size() - 1);
    return std::lerp(sorted[below], sorted[above], rank - std::floor(rank));
}

std::vector<double> sorted_samples(const rounds_of_samples& rounds) {
    std::vector<double> all;
    for (const auto& round : rounds) {
        all.insert(all.end(), round.begin(), round.end());
    }
    std::ranges::sort(all);
    return all;
}

/// An interval around what `all` has as its median.
void bootstrap(const rounds_of_samples& rounds, summary& into) {
    std::mt19937_64 random(rounds.size() * 1'000'003 + rounds.front().size());
    const auto below = [&random](std::size_t bound) {
        return static_cast<std::size_t>(random() %
                                        bound);  // the bounds are tiny: no bias to speak of
    };
    std::vector<double> medians;
    std::vector<double> drawn;
    for (int i = 0; i < resamples; ++i) {
        drawn.clear();
        for (std::size_t r = 0; r < rounds.size(); ++r) {
            const auto& round = rounds[below(rounds.size())];
            for (std::size_t s = 0; s < round.size(); ++s) {
                drawn.push_back(round[below(round.size())]);
            }
        }
        const auto middle = drawn.begin() + static_cast<std::ptrdiff_t>(drawn.size() / 2);
        std::ranges::nth_element(drawn, middle);
        medians.push_back(*middle);
    }
    std::ranges::sort(medians);
    into.low = std::min(into.median, quantile(medians, tail));
    into.high = std::max(into.median, quantile(medians, 1 - tail));
}

/// Widens the interval to that of the rounds' medians.
void between_rounds(const rounds_of_samples& rounds, summary& into) {
    if (rounds.size() < 2) {
        return;
    }
    std::vector<double> medians;
    for (const auto& round : rounds) {
        medians.push_back(lab::median(round).value_or(0));
    }
    const auto count = static_cast<double>(medians.size());
    const double mean = std::accumulate(medians.begin(), medians.end(), 0.0) / count;
    double squares = 0;
    for (const double one : medians) {
        squares += (one - mean) * (one - mean);
    }
    const double half =
        student_975(medians.size() - 1) * std::sqrt(squares / (count - 1)) / std::sqrt(count);
    into.low = std::min(into.low, into.median - half);
    into.high = std::max(into.high, into.median + half);
}

void count_outliers(const std::vector<double>& sorted, summary& into) {
    const double first = quantile(sorted, 0.25);
    const double third = quantile(sorted, 0.75);
    const double apart = third - first;
    for (const double value : sorted) {
        const double beyond = std::max(first - value, value - third);
        into.severe_outliers += beyond > 3 * apart && beyond > 0 ? 1 : 0;
        into.mild_outliers += beyond > 1.5 * apart && beyond <= 3 * apart ? 1 : 0;
    }
}

}  // namespace

std::optional<summary> summarize(const rounds_of_samples& rounds) {
    const auto kept = finite(rounds);
    if (kept.empty()) {
        return std::nullopt;
    }
    const auto sorted = sorted_samples(kept);
    summary all;
    all.median = quantile(sorted, 0.5);
    all.p99 = quantile(sorted, 0.99);
    all.samples = sorted.size();
    all.rounds = kept.size();
    bootstrap(kept, all);
    between_rounds(kept, all);
    if (sorted.front() >= 0) {
        all.low = std::max(all.low, 0.0);  // what cannot be negative is not
    }
    count_outliers(sorted, all);
    return all;
}

double relative_half_width(const summary& value) noexcept {
    const double half = (value.high - value.low) / 2;
    if (half == 0) {
        return 0;
    }
    return value.median == 0 ? std::numeric_limits<double>::infinity()
                             : half / std::abs(value.median);
}

bool is_known_within(std::span<const double> samples, double half_width) {
    // The count of samples below the median is binomial with p = 1/2.
    const auto count = static_cast<double>(samples.size());
    const double reach = 0.98 * std::sqrt(count);
    const double low_rank = std::floor(count / 2 - reach);
    if (low_rank < 1) {
        return false;
    }
    std::vector<double> sorted(samples.begin(), samples.end());
    std::ranges::sort(sorted);
    const auto low = static_cast<std::size_t>(low_rank) - 1;
    const std::size_t high = sorted.size() - 1 - low;
    const double median = quantile(sorted, 0.5);
    return sorted[high] - sorted[low] <= 2 * half_width * std::abs(median);
}

double student_975(std::size_t degrees_of_freedom) noexcept {
    // Tables of the distribution; beyond, the normal one's.
    constexpr std::array table{12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365,
                               2.306,  2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
                               2.131,  2.120, 2.110, 2.101, 2.093, 2.086};
    if (degrees_of_freedom == 0) {
        return std::numeric_limits<double>::infinity();
    }
    return degrees_of_freedom <= table.size() ? table[degrees_of_freedom - 1] : 1.96;
}

}  // namespace weft::measure
