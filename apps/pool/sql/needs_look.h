// SPDX-License-Identifier: Apache-2.0
//
// Whether a text may do something to the session, in one pass over its bytes. For each message of
// each client, so that the usual ones cost no more than this.
//
// It takes no notice of quotation marks and looks for a few rare pairs of bytes: a word that needs
// a look is found wherever it stands, in a comment or a literal too, which then costs a look and no
// more. What it lets pass has no effect but the beginning or the end of transactions
// (transaction_statement.h): tests/fuzz/pool_sql_fuzz.cpp.
#pragma once

#include <string_view>

namespace weft::pool {

/// False: effects_of() has nothing but begin, commit and rollback to tell. Never blocks, allocates
/// nothing.
bool needs_look(std::string_view sql) noexcept;

/// Whether statements that begin with this word, in any case, need a look.
bool keyword_needs_look(std::string_view word) noexcept;

}  // namespace weft::pool
