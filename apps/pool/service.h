// SPDX-License-Identifier: Apache-2.0
//
// service: the running pooler: listeners, signals, what is due now and then, and the end.
#pragma once

#include <expected>
#include <functional>
#include <string>
#include <vector>

#include <weft/socket.h>

#include "metrics/log.h"
#include "session/pooler.h"

namespace weft::pool {

/// How it is started, beside what it serves.
struct service_start {
    std::string path;               ///< what SIGHUP reads again; empty: nothing
    std::vector<unique_fd> passed;  ///< sockets that listen for it; none: as the configuration says
    bool takes_over = false;        ///< what a running process with this configuration has
    /// Called when it serves; an error ends it. Blocks.
    std::function<std::expected<void, std::string>()> started;
    /// Called each second or so: gives back the memory of stacks that are not needed.
    std::function<void()> trim = [] {};
};

/// Serves until a signal or the console ends it, on a fiber of a runtime. Returns the exit status.
int serve_pool(configuration_ptr config, service_start start, log& log_to);

}  // namespace weft::pool
