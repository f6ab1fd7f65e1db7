// SPDX-License-Identifier: Apache-2.0
#include "session/client_log.h"

#include <sys/socket.h>

#include <fmt/format.h>

#include "session/pool_entry.h"

namespace weft::pool {

std::string name_in_log(const client& who, std::string_view database, std::string_view user) {
    const auto peer = who.io.raw().peer_endpoint();
    return fmt::format("C-{}: {}/{}@{}", fmt::ptr(&who), database.empty() ? "(nodb)" : database,
                       user.empty() ? "(nouser)" : user,
                       !peer                       ? "?"
                       : peer->family() == AF_UNIX ? "unix"
                                                   : peer->to_string());
}

std::string name_in_log(const client& who) {
    return name_in_log(who, who.pool->database_name, who.user());
}

}  // namespace weft::pool
