// SPDX-License-Identifier: Apache-2.0
//
// Calls of the functions in session_functions.h, wherever in a statement they are. For effects.cpp.
#pragma once

#include <span>
#include <vector>

#include "sql/effects.h"
#include "sql/session_functions.h"
#include "sql/token.h"

namespace weft::pool {

/// Whether a name, which `next` follows, calls one of them. One that would have to be decoded
/// counts as `other`.
std::optional<session_call> call_at(const token& name, const token& next);

void add_effects_of_calls(std::vector<effect>& effects, std::span<const token> statement);

}  // namespace weft::pool
