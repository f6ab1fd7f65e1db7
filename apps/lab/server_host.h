// SPDX-License-Identifier: Apache-2.0
//
// server_host: the server that is measured, in a process of its own (`weft _server`, not for
// users). Over the control channel it is told what to be (server_config), answers
// {"ready": {"endpoint": "127.0.0.1:port"}} or {"error": "..."}, serves until SIGTERM and its
// drain are over, sends {"counters": {...}} and ends. It uses nothing of the lab while it serves:
// what it costs is what weft::serve costs.
//
// The stop comes as a signal, not over the channel, because a thread that reads the channel would
// be one more thread in the process that forks.
#pragma once

#include "handlers.h"
#include "results.h"

#include <cstdint>
#include <expected>
#include <string>

#include <nlohmann/json_fwd.hpp>

namespace weft::lab {

struct server_config {
    model_id model = model_id::fiber;
    work what;
    std::size_t message_size = 64;
    /// Of the fiber and coroutine models; 0: the library's choice.
    unsigned workers = 0;
    /// 0: the library's choices.
    std::uint64_t thread_stack = 0;
    std::uint64_t fiber_stack = 0;
    std::int64_t drain_ms = 5000;
};

nlohmann::json to_json(const server_config& config);
/// All members must be there, within the bounds of the command line. The error says what is wrong.
std::expected<server_config, std::string> server_config_from(const nlohmann::json& document);

/// What the server counted until its end.
struct server_counts {
    std::uint64_t refused = 0;
    std::uint64_t failed = 0;
    std::uint64_t crashed = 0;
};

/// Throws nlohmann::json::exception when a member is missing or no count.
server_counts server_counts_from(const nlohmann::json& document);

/// The main program of a server process; the exit status.
int run_server_host(int control_fd);

}  // namespace weft::lab
