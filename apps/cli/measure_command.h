// SPDX-License-Identifier: Apache-2.0
//
// `weft measure`. One thread.
#pragma once

#include <cstdint>
#include <string>

#include <CLI/App.hpp>

namespace weft::cli {

struct measure_options {
    bool quick = false;
    bool list = false;
    std::string only;
    std::string explain;
    std::uint64_t seed = 1;
    bool postgres = true;
    unsigned rounds = 0;  ///< 0: as the plan has it
    std::string json_path;
    std::string csv_path;
    std::string html_path;
    std::string command_line;
};

CLI::App* add_measure_command(CLI::App& program, measure_options& into);

/// The exit status: 0 all measured, 1 a probe failed or something could not be written, 2 a bad
/// option, 130 interrupted.
int run_measure_command(const measure_options& options);

}  // namespace weft::cli
