// SPDX-License-Identifier: Apache-2.0
//
// `weft load`: load for any echo server, from one process.
#pragma once

#include "lab/load_run.h"

namespace CLI {
class App;
}

namespace weft::cli {

/// Adds the subcommand; parsing fills `into`.
CLI::App* add_load_command(CLI::App& program, lab::load_run_options& into);

/// Runs it. The exit status: 0; 1 nobody could connect, or requests failed; 130 stopped by the
/// user.
int run_load_command(const lab::load_run_options& options);

}  // namespace weft::cli
