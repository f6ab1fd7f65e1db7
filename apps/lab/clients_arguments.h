// SPDX-License-Identifier: Apache-2.0
//
// The command line of `weft clients`: which options there are, what they mean, and what is wrong
// with what the user typed. One thread, before the run.
#pragma once

#include "clients_options.h"

#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace CLI {
class App;
}

namespace weft::lab {

/// Adds the options to a subcommand. Parsing fills `into`, which must live as long as `command`;
/// what is wrong is thrown as a CLI::ValidationError whose text is one line.
void add_clients_options(CLI::App& command, clients_options& into);

/// "process,thread" in any order, each once, "all" for all four. The error is a sentence.
std::expected<std::vector<model_id>, std::string> parse_models(std::string_view text);

}  // namespace weft::lab
