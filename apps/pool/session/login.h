// SPDX-License-Identifier: Apache-2.0
//
// From a connection that was accepted to a client that is logged in: encryption, the startup
// packet, cancel requests, authentication, what PostgreSQL tells its clients first. Read top to
// bottom, on the client's fiber.
#pragma once

#include <memory>

#include <weft/socket.h>

#include "session/client.h"
#include "session/pooler.h"

namespace weft::pool {

/// Null: there is no session, and the client has been told why; or it wanted something else, which
/// is done.
std::unique_ptr<client> log_client_in(pooler& with, socket connected);

}  // namespace weft::pool
