// SPDX-License-Identifier: Apache-2.0
//
// connection: a client from its first byte to its end. One client is one fiber, or none while it is
// idle: then a coroutine waits for its next byte, which needs no stack.
#pragma once

#include <memory>

#include <weft/socket.h>

#include "session/pooler.h"

namespace weft::pool {

/// Serves a connection from its first byte on; returns when this fiber is not needed any more. What
/// fails for want of memory ends this connection only.
void serve_connection(pooler& with, socket connected);

/// The same for a client that another process has served; it is in all lists.
void resume_client(pooler& with, std::unique_ptr<client> who);

}  // namespace weft::pool
