// SPDX-License-Identifier: Apache-2.0
//
// The console as its clients see it: a PostgreSQL server that knows a few commands, by the simple
// and by the extended protocol. One fiber each, that of the client's connection.
#pragma once

#include "admin/administration.h"

namespace weft::pool {

/// Greets a client that is logged in and serves it until it goes.
void serve_console(administration& with, transport& io, input_buffer& in, bool may_change);

}  // namespace weft::pool
