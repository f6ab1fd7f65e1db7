// SPDX-License-Identifier: Apache-2.0
//
// load_host: a load generator in a process of its own (`weft _load`, not for users). It takes one
// command at a time from its control channel and answers with the phase's report:
//
//   {"do": "setup", "message_size": 64}            first, without an answer
//   {"do": "connect", "targets": [...], ...}       {"report": connect_report}
//   {"do": "loop", ...}  {"do": "round", ...}      {"report": loop_report or round_report}
//   {"do": "disconnect"}                           {"report": {}}
//
// While a phase runs it sends {"progress": [done, total]}; anything that arrives meanwhile ends
// the phase early. It ends when the channel does.
#pragma once

#include "load_generator.h"

#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include <weft/error.h>

namespace weft::lab {

/// A target as the orchestrator names it: "127.0.0.1:8000" and the numbers of load_target.
struct named_target {
    std::string endpoint;
    std::uint64_t clients = 0;
    std::uint64_t first = 0;
};

/// errc::invalid_address for text that is no endpoint.
result<load_target> to_load_target(const named_target& target);

nlohmann::json connect_command(const std::vector<named_target>& targets,
                               const connect_request& request);
nlohmann::json loop_command(const loop_request& request);
nlohmann::json round_command(const round_request& request);
nlohmann::json disconnect_command();
nlohmann::json setup_command(std::size_t message_size);

/// The main program of a load process; the exit status.
int run_load_host(int control_fd);

}  // namespace weft::lab
