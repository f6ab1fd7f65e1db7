// SPDX-License-Identifier: Apache-2.0
//
// The literal body of a DO block, whatever its language: whether its words may do something to the
// session that lasts. For effects.cpp.
#pragma once

#include "sql/token.h"

namespace weft::pool {

/// False for what is no string.
bool code_needs_pin(const token& body);

}  // namespace weft::pool
