// SPDX-License-Identifier: Apache-2.0
//
// How a probe takes samples: until the median is known well enough, or the time is over. One
// thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

namespace weft::measure {

/// Of the monotonic clock, in nanoseconds.
std::int64_t now_ns() noexcept;

/// When to stop.
struct sampling_goal {
    double seconds = 0.1;  ///< at most so long, but for the least number of samples
    std::size_t least = 5;
    std::size_t most = 50;     ///< more would say nothing new about one round
    double half_width = 0.01;  ///< of the median's interval, relative to the median
};

/// The first sample warms up and is thrown away. `sample` returns one figure.
std::vector<double> take_samples(const sampling_goal& goal, const std::function<double()>& sample);

/// Several figures that are taken together; the first one decides when to stop.
template <std::size_t Count>
std::array<std::vector<double>, Count> take_samples_of(
    const sampling_goal& goal, const std::function<std::array<double, Count>()>& sample) {
    std::array<std::vector<double>, Count> all;
    bool warm = false;
    all[0] = take_samples(goal, [&] {
        const std::array<double, Count> taken = sample();
        for (std::size_t i = 1; warm && i < Count; ++i) {
            all[i].push_back(taken[i]);
        }
        warm = true;
        return taken[0];
    });
    return all;
}

/// Nanoseconds for one of `pieces` that `batch` does in one call.
template <class Batch>
std::vector<double> time_batches(const sampling_goal& goal, double pieces, Batch batch) {
    return take_samples(goal, [&] {
        const std::int64_t began = now_ns();
        batch();
        return static_cast<double>(now_ns() - began) / pieces;
    });
}

}  // namespace weft::measure
