// SPDX-License-Identifier: Apache-2.0
//
// The runs and sleeps of one task, one after the other. What is drawn depends on the seed and on
// the task's number only, never on what the scheduler does: the n-th run of a task is the same
// under every policy, so that policies are compared on the same work.
//
// The distributions are written out here, because those of the standard library may differ between
// implementations, and the same seed shall mean the same run everywhere.
#pragma once

#include <cstdint>
#include <random>

#include "workload.h"

namespace weft::sim {

/// Longer than any simulation.
inline constexpr nanoseconds forever = std::uint64_t{1} << 62;

class pattern {
public:
    /// `spec` must live as long.
    pattern(const task_spec& spec, std::uint64_t seed, std::uint64_t task);

    /// CPU time until it sleeps or ends. Asked for in turn with next_sleep().
    nanoseconds next_run();
    nanoseconds next_sleep();

private:
    nanoseconds draw(const length& from);

    const task_spec* spec_;
    std::mt19937_64 random_;
};

/// The part of one CPU that a task would use for so long after its arrival if it never had to wait:
/// 1 for who never sleeps.
double demand_of(const task_spec& spec, std::uint64_t seed, std::uint64_t task, nanoseconds time);

/// All the CPU time that it will ever want.
nanoseconds total_of(const task_spec& spec, std::uint64_t seed, std::uint64_t task);

}  // namespace weft::sim
