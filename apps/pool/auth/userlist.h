// SPDX-License-Identifier: Apache-2.0
//
// PgBouncer's auth_file: "name" "secret" a line, quotes inside doubled, what follows ignored, lines
// that begin with ; are comments. Pure: any thread.
//
// As PgBouncer: it ends at the first thing that is wrong, what came before counts; of two lines for
// one name the later. Not as PgBouncer: the secret must begin on the line of its name (it would
// take the next line's name for the secret), and a NUL is an error (it would be the end of the
// file).
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "auth/errors.h"
#include "auth/secret.h"

namespace weft::pool {

/// Longer names are wrong: PgBouncer's bound. PostgreSQL's own is 63.
inline constexpr std::size_t longest_user_name = 127;

struct userlist {
    std::map<std::string, secret, std::less<>> users;
    std::optional<line_error> error;  ///< what ended it early
};

userlist parse_userlist(std::string_view text);

}  // namespace weft::pool
