// SPDX-License-Identifier: Apache-2.0
#include "session/client_log.h"

#include <sys/socket.h>

#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "session/pool_entry.h"

namespace weft::pool {

namespace {

std::string address_of(const client& who) {
    const auto peer = who.io.raw().peer_endpoint();
    return !peer ? "?" : peer->family() == AF_UNIX ? "unix" : peer->to_string();
}

}  // namespace

std::string name_in_log(const client& who, std::string_view database, std::string_view user) {
    return fmt::format("C-{}: {}/{}@{}", fmt::ptr(&who), database.empty() ? "(nodb)" : database,
                       user.empty() ? "(nouser)" : user, address_of(who));
}

std::string name_in_log(const client& who) {
    return name_in_log(who, who.pool->database_name, who.user());
}

void log_of_client(log& to, log_level level, const client& who, std::string_view database,
                   std::string_view user, std::string event, std::string_view text,
                   log_fields more) {
    log_fields fields = {{"event", std::move(event)},
                         {"database", std::string(database)},
                         {"user", std::string(user)},
                         {"address", address_of(who)}};
    fields.insert(fields.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
    to.write(level, fmt::format("{} {}", name_in_log(who, database, user), text), fields);
}

void log_of_client(log& to, log_level level, const client& who, std::string event,
                   std::string_view text, log_fields more) {
    more.push_back({"client_id", static_cast<std::int64_t>(who.id)});
    more.push_back({"application_name", std::string(who.application_name())});
    log_of_client(to, level, who, who.pool->database_name, who.user(), std::move(event), text,
                  std::move(more));
}

}  // namespace weft::pool
