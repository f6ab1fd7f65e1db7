// SPDX-License-Identifier: Apache-2.0
//
// service: the running pooler: listeners, signals, what is due now and then, and the end.
#pragma once

#include <string>

#include "metrics/log.h"
#include "session/pooler.h"

namespace weft::pool {

/// Serves until SIGINT or SIGTERM, on a fiber of a runtime. `path`: what SIGHUP reads again; empty:
/// nothing. Returns the exit status.
int serve_pool(configuration_ptr config, const std::string& path, log& log_to);

}  // namespace weft::pool
