// SPDX-License-Identifier: Apache-2.0
//
// The statements of an SQL text. Where they end is for PostgreSQL's own parser to say
// (libpg_query), since a semicolon may lie within one: CREATE RULE, and functions with BEGIN
// ATOMIC. A text that it refuses may still be one that a newer server takes (it knows PostgreSQL
// 15), so that it is then divided at each semicolon outside of parentheses; so is a long one, since
// a tree takes many times the memory of the text.
//
// libpg_query and fibers: it keeps its memory and the target of its longjmp per kernel thread, so
// no fiber may give way within it. Nothing here does: it calls no weft function, and a fiber that
// is preempted keeps its kernel thread. Its grammar keeps its stack on the heap: 17 KiB of the
// caller's stack are used, whatever the text says (measured with 100,000 nested operators, x86-64).
// Its functions that write a tree as JSON or protobuf are not used: they recurse, 130 to 360 bytes
// a level, and `1+1+1...` is a level every two characters.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include "sql/token.h"

namespace weft::pool {

/// Longer texts are divided without the parser.
inline constexpr std::size_t longest_parsed = std::size_t{64} << 10;

/// Each statement's tokens, without semicolons; empty ones are left out, as the server does not
/// answer them. Into `tokens` come all of the text, which the result refers to.
std::vector<std::span<const token>> statements_of(std::string_view sql, std::vector<token>& tokens);

}  // namespace weft::pool
