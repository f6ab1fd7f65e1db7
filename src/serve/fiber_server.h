// SPDX-License-Identifier: Apache-2.0
//
// fiber_server: one fiber per client, on the runtime of the fiber that calls.
#pragma once

#include <stop_token>

#include <weft/serve.h>

namespace weft::serving {

/// Until `stop` and the end of the drain, which `force` cuts short. On a fiber.
result<void> serve_fibers(listener& from, const handler& serve_client, const serve_options& options,
                          const std::stop_token& stop, const std::stop_token& force);

}  // namespace weft::serving
