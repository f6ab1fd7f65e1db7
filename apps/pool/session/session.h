// SPDX-License-Identifier: Apache-2.0
//
// A client's session from its login to its end: waits for what it asks, takes a server for that,
// lets the two talk, gives the server back. One client is one fiber, or none while it is idle: then
// a coroutine waits for its next byte, which needs no stack.
#pragma once

#include <memory>
#include <string_view>

#include "session/client.h"
#include "session/pooler.h"

namespace weft::pool {

/// Serves a connection from its first byte on; returns when this fiber is not needed any more.
void serve_connection(pooler& with, socket connected);

/// Ends the session of a client that is logged in: takes it out of all lists. `why`: for the log.
void end_client(pooler& with, client& who, std::string_view why);

}  // namespace weft::pool
