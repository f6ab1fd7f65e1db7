// SPDX-License-Identifier: Apache-2.0
//
// journal: what a client has set in its session, as statements that set it again, by parameter. The
// parameters that a server reports are not in it (backend/parameters.h). A server has one of what
// is set on it; before a client's request goes to a server, the one is made like the other.
//
// A journal is interned: those of clients that have set the same are the same pointer, and most
// have set nothing and have none (null).
#pragma once

#include <string>
#include <string_view>

#include "backend/interned.h"

namespace weft::pool {

using journal = interned_ptr;

/// With `sql` as the statement that sets `name`, instead of another one.
journal with_setting(intern_table& table, const journal& to, std::string_view name,
                     std::string_view sql);
/// Without that of `name`.
journal without_setting(intern_table& table, const journal& from, std::string_view name);

/// SQL that brings a session from `has` to `wants`; empty if nothing differs. Statements end with a
/// semicolon.
std::string sql_to_follow(const journal& has, const journal& wants);

}  // namespace weft::pool
