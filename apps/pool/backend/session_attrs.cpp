// SPDX-License-Identifier: Apache-2.0
#include "backend/session_attrs.h"

#include <utility>

#include "backend/server_query.h"

namespace weft::pool {

std::expected<bool, report> is_as_wanted(server& whom, target_session_attrs wanted,
                                         const parameter_names& followed, intern_table& sets,
                                         deadline until) {
    const auto said =
        ask(whom, "SELECT pg_is_in_recovery(), current_setting('default_transaction_read_only')",
            followed, sets, until);
    if (!said) {
        return std::unexpected(said.error());
    }
    if (said->rows.size() != 1 || said->rows[0].size() != 2) {
        return std::unexpected(fatal_report("08P01", "unexpected answer from the server"));
    }
    const bool standby = said->rows[0][0] == "t";
    const bool read_only = standby || said->rows[0][1] == "on";
    switch (wanted) {
        case target_session_attrs::any:
            return true;
        case target_session_attrs::read_write:
            return !read_only;
        case target_session_attrs::read_only:
            return read_only;
        case target_session_attrs::primary:
            return !standby;
        case target_session_attrs::standby:
        case target_session_attrs::prefer_standby:
            return standby;
    }
    std::unreachable();
}

}  // namespace weft::pool
