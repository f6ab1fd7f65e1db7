// SPDX-License-Identifier: Apache-2.0
#include "pattern.h"

#include <algorithm>
#include <cmath>

namespace weft::sim {

namespace {

/// Neighbouring numbers become unrelated ones: the finaliser of SplitMix64.
std::uint64_t mixed(std::uint64_t n) {
    n += 0x9e3779b97f4a7c15;
    n = (n ^ (n >> 30)) * 0xbf58476d1ce4e5b9;
    n = (n ^ (n >> 27)) * 0x94d049bb133111eb;
    return n ^ (n >> 31);
}

}  // namespace

pattern::pattern(const task_spec& spec, std::uint64_t seed, std::uint64_t task)
    : spec_(&spec), random_(mixed(mixed(seed) + task)) {}

nanoseconds pattern::next_run() {
    return spec_->run ? draw(*spec_->run) : forever;
}

nanoseconds pattern::next_sleep() {
    return spec_->sleep ? draw(*spec_->sleep) : forever;
}

nanoseconds pattern::draw(const length& from) {
    if (from.drawn == length::kind::fixed) {
        return from.low;
    }
    const double unit = static_cast<double>(random_() >> 11) * 0x1p-53;  // in [0, 1)
    if (from.drawn == length::kind::uniform) {
        const auto width = static_cast<double>(from.high - from.low);
        return from.low + static_cast<nanoseconds>(unit * width);
    }
    const double drawn = -std::log1p(-unit) * static_cast<double>(from.low);
    return std::max(static_cast<nanoseconds>(drawn), us);
}

double demand_of(const task_spec& spec, std::uint64_t seed, std::uint64_t task, nanoseconds time) {
    if (!spec.run || !spec.sleep || time == 0) {
        return 1;
    }
    pattern draws(spec, seed, task);
    constexpr int most_draws = 100'000;  // enough for a mean
    nanoseconds runs = 0;
    nanoseconds all = 0;
    for (int i = 0; i < most_draws && all < time; ++i) {
        const nanoseconds run = std::min(draws.next_run(), time - all);
        runs += run;
        all += run;
        all += std::min(draws.next_sleep(), time - all);
    }
    return static_cast<double>(runs) / static_cast<double>(all);
}

nanoseconds total_of(const task_spec& spec, std::uint64_t seed, std::uint64_t task) {
    const nanoseconds total = spec.total.value_or(forever);
    return spec.sleep ? total : std::min(total, pattern(spec, seed, task).next_run());
}

}  // namespace weft::sim
