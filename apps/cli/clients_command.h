// SPDX-License-Identifier: Apache-2.0
//
// `weft clients`: ten thousand clients under four models, one after the other.
#pragma once

#include "lab/clients_options.h"

namespace CLI {
class App;
}

namespace weft::cli {

/// Adds the subcommand; parsing fills `into`.
CLI::App* add_clients_command(CLI::App& program, lab::clients_options& into);

/// Runs it. The exit status: 0 measured; 1 a model failed, nothing could be measured or a report
/// could not be written; 130 stopped by the user.
int run_clients_command(const lab::clients_options& options);

}  // namespace weft::cli
