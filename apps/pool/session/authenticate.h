// SPDX-License-Identifier: Apache-2.0
//
// Whether a client is who it says: the methods of PgBouncer's auth_type.
#pragma once

#include <expected>
#include <optional>
#include <string>

#include <weft/time.h>

#include "auth/hba.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "session/client.h"
#include "session/pooler.h"
#include "wire/build.h"

namespace weft::pool {

struct login_facts {
    std::string user;
    std::string database;
    hba_address address;
    bool local = false;  ///< by a Unix socket
    bool physical_replication = false;
};

struct login_proof {
    std::string user;  ///< who it is: as it said, unless auth_query gives another name
    std::optional<secret> looked_up;  ///< what auth_query said
    std::optional<scram_keys> keys;   ///< of the client, with which one logs in at the server, too
};

/// Asks the client for what its method wants. `greeting` is what is to be sent first; in the end
/// AuthenticationOk is in it. The error is for the client.
std::expected<login_proof, report> authenticate_client(pooler& with, const loaded_configuration& in,
                                                       client& who, const login_facts& facts,
                                                       std::string& greeting, deadline until);

}  // namespace weft::pool
