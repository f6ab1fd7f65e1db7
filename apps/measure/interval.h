// SPDX-License-Identifier: Apache-2.0
//
// From the samples of several rounds to one figure and the interval in which it lies.
//
// The samples of one round are alike because the machine was in one state (its frequency, its
// neighbours, where its pages lie); the next round finds it in another. An interval from all
// samples together would therefore be far too narrow, and a second run would fall outside of it. So
// the interval is the wider of two:
//   - a bootstrap in two steps (Davison and Hinkley, Bootstrap Methods and their Application,
//   1997, 3.8):
//     rounds are drawn with replacement, then samples of each drawn round; the 2.5th and 97.5th
//     percentile of the medians;
//   - Student's interval of the rounds' medians, which three or five rounds are too few to
//   bootstrap.
//
// The median, since a shared machine disturbs to one side only. Samples beyond Tukey's fences are
// named, not removed: they happened. Pure functions, the same for the same input: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weft::measure {

struct summary {
    double median = 0;
    double low = 0;  ///< of the interval of 95 %
    double high = 0;
    double p99 = 0;  ///< of the samples of all rounds
    std::size_t samples = 0;
    std::size_t rounds = 0;
    std::size_t mild_outliers = 0;    ///< beyond 1.5 times the distance of the quartiles
    std::size_t severe_outliers = 0;  ///< beyond 3 times
};

using rounds_of_samples = std::vector<std::vector<double>>;

/// Nothing when there is no finite sample.
std::optional<summary> summarize(const rounds_of_samples& rounds);

/// Half of the interval's width relative to the median; infinite when that is 0 and the interval is
/// not.
double relative_half_width(const summary& value) noexcept;

/// Whether the samples of one round give their median within this relative half width. By the ranks
/// that hold it with a probability of 95 %, whatever the distribution is.
bool is_known_within(std::span<const double> samples, double half_width);

/// The quantile of Student's distribution that 97.5 % lie below.
double student_975(std::size_t degrees_of_freedom) noexcept;

}  // namespace weft::measure
