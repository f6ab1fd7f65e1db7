// SPDX-License-Identifier: Apache-2.0
//
// `weft sched`: the schedulers made visible, on a simulated machine or on this one.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sched/simulator.h"

namespace CLI {
class App;
}

namespace weft::cli {

struct sched_options {
    std::string workload;  ///< the name of a bundled one, a file, or "-"; empty: list them
    bool list = false;
    std::string print;  ///< the bundled one to print
    std::vector<sim::policy> policies{sim::policy::cfs, sim::policy::eevdf};
    // Instead of what the workload says.
    std::optional<sim::nanoseconds> duration;
    std::optional<unsigned> cpus;
    std::optional<sim::nanoseconds> tick;
    std::optional<std::uint64_t> seed;
    std::optional<sim::window> shown;
    // On this machine instead of a simulated one.
    bool live = false;
    std::optional<sim::nanoseconds> slice;
    std::uint64_t repeat = 1;
    std::string json_path;
    std::string html_path;
    std::string trace_path;
};

/// Adds the subcommand; parsing fills `into`.
CLI::App* add_sched_command(CLI::App& program, sched_options& into);

/// Runs it. The exit status: 0; 1 the workload cannot be read or is wrong, or cannot be run live,
/// or a report could not be written; 2 two reports for standard output; 130 a live run was
/// interrupted.
int run_sched_command(const sched_options& options);

}  // namespace weft::cli
