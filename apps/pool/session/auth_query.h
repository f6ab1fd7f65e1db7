// SPDX-License-Identifier: Apache-2.0
//
// auth_query: a user who is not in auth_file is asked for at the server, as auth_user, in
// auth_dbname or else in the database that the client wants. At each login, as PgBouncer does: a
// password that has changed counts at once.
//
// The query runs in a pool of its own (pooler::lookup_pool). Within the pool of auth_user's clients
// it could wait for one that waits for this login.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <weft/time.h>

#include "auth/secret.h"
#include "session/pooler.h"
#include "wire/build.h"

namespace weft::pool {

/// What auth_query says of a user.
struct looked_up_user {
    std::string name;  ///< who logs in: the query may give another name than it was asked for
    secret kept;       ///< none: NULL, which no password fits
};

/// As whom the secrets of clients of `database` are looked up; empty: they are not.
std::string_view auth_user_for(const configuration& in, std::string_view database);

/// Asks for `user`, a client of `database`; auth_user_for() must not be empty. Nothing: there is no
/// such user. The error is for the client; what the server said is in the log.
std::expected<std::optional<looked_up_user>, report> look_up_user(pooler& with,
                                                                  const loaded_configuration& in,
                                                                  std::string_view database,
                                                                  std::string_view user,
                                                                  deadline until);

}  // namespace weft::pool
