// SPDX-License-Identifier: Apache-2.0
//
// session: the requests of a client that is logged in. Waits for what it asks, takes a server for
// that, lets the two talk, gives the server back.
#pragma once

#include <chrono>
#include <string>

#include "session/client.h"
#include "session/pooler.h"

namespace weft::pool {

/// A fiber waits for so long for its client's next request; after that it gives its stack back.
inline constexpr auto stays_active = std::chrono::seconds(1);

/// For a few words to a client that does not expect them.
inline constexpr auto longest_notice = std::chrono::milliseconds(100);

struct session_end {
    bool ended = false;  ///< the client is to be closed; else it idles, and nobody needs a fiber
    std::string reason;  ///< why it has ended, in PgBouncer's words
};

/// Serves `whose` until it ends or idles. On a fiber. What fails for want of memory is thrown.
session_end run_session(pooler& with, client& whose);

}  // namespace weft::pool
