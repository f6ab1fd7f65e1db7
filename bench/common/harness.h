// SPDX-License-Identifier: Apache-2.0
//
// What the C++ programs of the benchmarks share: the command line `PROGRAM WORKLOAD [--size N]
// [--repeat R] [--workers W]`, time, memory, and the one line of JSON that the driver
// (bench/bars.py) reads. The programs in Go print the same line. Called from the main thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

/// A figure beside the main one; in the line of JSON its name is the key.
struct figure {
    std::string name;
    double value = 0;
    /// That of the workload unless given.
    std::string unit = {};
};

/// One measurement: the figure, and the time on the clock per operation where it is a time.
struct cost {
    double value = 0;
    double wall = 0;
    /// The same ones in each measurement.
    std::vector<figure> others = {};
};

struct workload {
    std::string_view name;
    std::string_view unit;
    std::size_t default_size = 0;
    /// Only the first measurement of a process counts (memory: the second reuses the first's).
    bool once = false;
    /// Measurements, of which the median counts, unless the command line says how many.
    std::size_t default_repeat = 3;
    /// What it throws goes to standard error.
    std::function<cost(std::size_t size)> run = {};
    /// Instead of run: one that can be had with several workers; one unless the command line says
    /// otherwise.
    std::function<cost(std::size_t size, unsigned workers)> run_on = {};
};

/// Runs `what`, which does `count` operations. The figure is the CPU time of the whole process in
/// nanoseconds per operation: on a quiet machine it is the time on the clock, on a busy one it
/// leaves out what others took.
cost timed(std::size_t count, const std::function<void()>& what);

/// CPU time of this process so far, user and system, all threads; nanoseconds.
std::int64_t cpu_nanoseconds();

/// CPU time of the calling kernel thread so far.
std::int64_t thread_cpu_nanoseconds();

/// What stands at `percent` of `values` in order, none of which is larger at 0 and all at 100.
/// `values` must not be empty.
double percentile(std::vector<double> values, double percent);

/// Bytes that this process has resident, and its page tables.
std::int64_t memory_bytes();

/// Writes a figure's line: {"program": ..., "metric": ..., "value": ..., "unit": ...}, and where
/// others have a unit of their own "units": {name: unit}.
/// Returns the exit status of the program: 1 if a workload failed, 2 for a bad command line.
int run_main(std::string_view program, std::span<const workload> workloads, int argc,
             const char* const* argv);

}  // namespace bench
