// SPDX-License-Identifier: Apache-2.0
//
// Temporary tables, views, sequences and whatever else lies in the schema pg_temp. For effects.cpp
// and code_block.cpp.
#pragma once

#include <span>

#include "sql/token.h"

namespace weft::pool {

/// Whether these two tokens are of a statement that makes something temporary, as INTO TEMP.
bool makes_temporary(const token& before, const token& here);

/// `statement` begins with CREATE.
bool creates_temporary(std::span<const token> statement);

/// Of a statement that begins with SELECT or the like.
bool selects_into_temporary(std::span<const token> statement);

}  // namespace weft::pool
