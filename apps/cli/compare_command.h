// SPDX-License-Identifier: Apache-2.0
//
// `weft compare` and `weft doctor`: the small companions of `weft measure`. One thread.
#pragma once

#include <string>

#include <CLI/App.hpp>

namespace weft::cli {

struct compare_options {
    std::string first;
    std::string second;
    std::string json_path;
};

CLI::App* add_compare_command(CLI::App& program, compare_options& into);
/// 0, or 1 when a file is none that it can compare.
int run_compare_command(const compare_options& options);

CLI::App* add_doctor_command(CLI::App& program);
/// 0, also where something is limited.
int run_doctor_command();

}  // namespace weft::cli
