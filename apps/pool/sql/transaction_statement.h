// SPDX-License-Identifier: Apache-2.0
//
// Whether a text is one statement that begins or ends a transaction, and nothing else: a pooler can
// answer that BEGIN itself and send it with the first statement that needs a server. Allocates
// nothing.
//
// Source: PostgreSQL documentation of BEGIN, START TRANSACTION, COMMIT, END, ROLLBACK, ABORT.
#pragma once

#include <cstdint>
#include <string_view>

namespace weft::pool {

enum class transaction_statement : std::uint8_t {
    /// Anything else, also with an error in it.
    none,
    /// With options or without, rightly spelt. A standby refuses some: SERIALIZABLE, READ WRITE.
    begin,
    /// Without AND CHAIN.
    commit,
    rollback,
};

transaction_statement transaction_statement_of(std::string_view sql) noexcept;

}  // namespace weft::pool
