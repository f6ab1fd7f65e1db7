// SPDX-License-Identifier: Apache-2.0
//
// Connects to PostgreSQL and logs in.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <weft/dns.h>
#include <weft/time.h>
#include <weft/tls.h>

#include "auth/scram_keys.h"
#include "auth/secret.h"
#include "backend/parameters.h"
#include "backend/server.h"
#include "config/settings.h"
#include "wire/build.h"

namespace weft::pool {

/// The protocol's name in TLS (ALPN).
inline constexpr std::string_view tls_application = "postgresql";

/// Where and as whom.
struct server_target {
    std::string host;  ///< a name, an address, or the folder of a Unix socket ("/..." or "@...")
    std::uint16_t port = 5432;
    std::string database;
    std::string user;
    secret password;                 ///< plain or md5; none: trust and the like
    std::optional<scram_keys> keys;  ///< of a client that has logged in: used if they fit
    sslmode tls = sslmode::disable;
    std::optional<tls_context> context;  ///< none: no TLS, whatever is said above
    bool tls_direct = false;             ///< begins it without asking; `tls` must not be optional
    std::uint32_t protocol = protocol_3_0;  ///< the newest that is asked for
    parameter_list parameters;              ///< of the startup packet, beside user and database
};

/// What all logins share. Must outlive them.
struct login_environment {
    dns::resolver& names;
    intern_table& sets;
    const parameter_names& followed;
};

/// The error is what the server, or the system, says; as for a client.
std::expected<std::unique_ptr<server>, report> log_in(const server_target& target,
                                                      const login_environment& with,
                                                      deadline until);

/// Connects to `address` and asks that the query of `which` be cancelled; returns when the server
/// has done what it does about it.
result<void> send_cancel(const endpoint& address, const cancel_request& which, deadline until);

}  // namespace weft::pool
