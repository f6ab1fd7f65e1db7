// SPDX-License-Identifier: Apache-2.0
//
// What the console's commands do. Errors have PgBouncer's words, which tools match on, and its
// SQLSTATE, 08P01.
//
// Source: PgBouncer's doc/usage.md, "Process controlling commands", and the texts of src/admin.c.
#pragma once

#include <functional>
#include <span>
#include <string_view>

#include "admin/administration.h"
#include "admin/command.h"
#include "admin/result.h"

namespace weft::pool {

struct command_context {
    administration& with;
    bool may_change = false;
    /// Asked now and then while a command waits: whether the client is still there.
    std::function<bool()> wanted;
};

/// Does what `what` says, and waits until it is done (PAUSE: until all servers are closed). `sql`
/// is what it was read from, for errors.
[[nodiscard]] command_answer execute(const command_context& in, const command& what,
                                     std::string_view sql);

/// The columns that it will answer with; none: it has no table.
[[nodiscard]] std::span<const column> columns_of(const command& what);

}  // namespace weft::pool
