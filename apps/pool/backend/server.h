// SPDX-License-Identifier: Apache-2.0
//
// server: a connection to PostgreSQL that is logged in. It belongs to its pool; whoever has taken
// it from there uses it alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <weft/socket.h>
#include <weft/time.h>

#include "backend/input_buffer.h"
#include "backend/latest_statement.h"
#include "backend/parameters.h"
#include "backend/statement_cache.h"
#include "backend/transport.h"
#include "wire/build.h"
#include "wire/startup.h"

namespace weft::pool {

/// Bytes that are read from a server at a time. Larger ones cost fewer system calls for large
/// results, and the memory of one for each connection.
inline constexpr std::size_t server_buffer_size = 32 * 1024;

/// What a server has said in its login, for its clients.
using parameter_list = std::vector<std::pair<std::string, std::string>>;

struct server {
    transport io;
    input_buffer in{server_buffer_size};
    endpoint address;       ///< for cancel requests
    cancel_request cancel;  ///< that cancels its query
    parameter_set parameters;
    interned_ptr settings;   ///< what its clients have set beside them: session/journal.h
    parameter_list welcome;  ///< all that it reported in its login
    statement_cache statements;
    latest_statement latest;  ///< of whoever has it
    std::uint64_t id = 0;
    clock::time_point connected;
    clock::time_point idle_since;
    bool stale = false;  ///< shall not be used again: RECONNECT, its age, a changed configuration
    // Cancel requests on their way to it; whether it has been given back meanwhile.
    std::uint32_t cancels = 0;
    bool returned = false;
    bool preferred = true;  ///< false: a primary, where a standby is asked for first
};

}  // namespace weft::pool
