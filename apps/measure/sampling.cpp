// SPDX-License-Identifier: Apache-2.0
#include "sampling.h"

#include <ctime>

#include "interval.h"

namespace weft::measure {

std::int64_t now_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::vector<double> take_samples(const sampling_goal& goal, const std::function<double()>& sample) {
    sample();
    const std::int64_t until = now_ns() + static_cast<std::int64_t>(goal.seconds * 1e9);
    std::vector<double> samples;
    while (samples.size() < goal.most) {
        samples.push_back(sample());
        if (samples.size() < goal.least) {
            continue;
        }
        if (now_ns() >= until || is_known_within(samples, goal.half_width)) {
            break;
        }
    }
    return samples;
}

}  // namespace weft::measure
