// SPDX-License-Identifier: Apache-2.0
//
// What the pooler itself asks a server that no client has just now.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/time.h>

#include "backend/parameters.h"
#include "backend/server.h"
#include "wire/build.h"

namespace weft::pool {

/// What ask() was answered.
struct query_answer {
    char status = 0;                                            ///< of the ReadyForQuery
    std::uint16_t columns = 0;                                  ///< 0: it has given no rows
    std::vector<std::vector<std::optional<std::string>>> rows;  ///< nothing: NULL
};

/// Sends a simple query and reads all that it is answered; parameters that change are noted. An
/// error is the server's own, or says that it is gone; ask no more then.
std::expected<query_answer, report> ask(server& whom, std::string_view sql,
                                        const parameter_names& followed, intern_table& sets,
                                        deadline until);

/// The same for one statement with parameters $1, $2, ..., by the extended protocol.
std::expected<query_answer, report> ask(server& whom, std::string_view sql,
                                        std::span<const std::string_view> values,
                                        const parameter_names& followed, intern_table& sets,
                                        deadline until);

}  // namespace weft::pool
