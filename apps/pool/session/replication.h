// SPDX-License-Identifier: Apache-2.0
//
// Replication connections: a client that asks for one at its start (pg_recvlogical, pg_receivewal,
// a subscription) gets a server connection of its own, in whatever pooling mode, for as long as it
// is there. That counts in no pool, and nothing that passes is looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "backend/server.h"
#include "session/client.h"

namespace weft::pool {

enum class replication : std::uint8_t {
    none,
    physical,  ///< of the whole server
    logical,   ///< of a database; SQL, too
};

/// The value of the startup parameter, as PostgreSQL reads it. Nothing: it is none.
std::optional<replication> read_replication(std::string_view value);

/// For the log, in PgBouncer's words; the server understands them as well, but for none.
constexpr std::string_view name_of(replication which) noexcept {
    switch (which) {
        case replication::physical:
            return "yes";
        case replication::logical:
            return "database";
        case replication::none:
            break;
    }
    return "no";
}

/// Passes on what each says, until one of them has gone; on the client's fiber.
void relay(client& who, server& with);

}  // namespace weft::pool
