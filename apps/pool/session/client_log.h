// SPDX-License-Identifier: Apache-2.0
//
// client_log: how the log speaks of clients: in PgBouncer's words, which programs look for.
#pragma once

#include <string>
#include <string_view>

#include "metrics/log.h"
#include "session/client.h"

namespace weft::pool {

/// "C-0x55d1c0a2b3e0: shop/ann@10.1.2.3:53412". Asks the kernel for the address.
std::string name_in_log(const client& who, std::string_view database, std::string_view user);

/// The same of one that is logged in.
std::string name_in_log(const client& who);

/// Writes a line about a client that is not logged in yet: its name and `text`. In JSON also what
/// it is, and what happened: `event`, one word, and `more`.
void log_of_client(log& to, log_level level, const client& who, std::string_view database,
                   std::string_view user, std::string event, std::string_view text,
                   log_fields more = {});
/// The same of one that is logged in.
void log_of_client(log& to, log_level level, const client& who, std::string event,
                   std::string_view text, log_fields more = {});

}  // namespace weft::pool
