// SPDX-License-Identifier: Apache-2.0
#include "sql/code_block.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sql/calls.h"
#include "sql/temporary.h"

namespace weft::pool {

namespace {

/// A body, a string for EXECUTE within it, and a string in that.
constexpr int deepest = 3;

bool begins_statement(const token& before) {
    static constexpr std::array<std::string_view, 4> words{"begin", "then", "else", "loop"};
    return before.kind == token_kind::end || before.is_symbol(';') ||
           std::ranges::any_of(words, [&](std::string_view each) { return before.is(each); });
}

bool is_lasting_statement(const token& word, const token& next) {
    static constexpr std::array<std::string_view, 6> words{"reset", "listen",  "unlisten",
                                                           "load",  "discard", "prepare"};
    return (word.is("set") && !next.is("local") && !next.is("transaction") &&
            !next.is("constraints")) ||
           std::ranges::any_of(words, [&](std::string_view each) { return word.is(each); });
}

bool is_lasting(const token& before, const token& here, const token& next) {
    const auto call = call_at(here, next);
    return (call && *call != session_call::unlock) || makes_temporary(here, next) ||
           (begins_statement(before) && is_lasting_statement(here, next));
}

bool needs_pin(const token& body, int depth) {
    if (body.kind != token_kind::string || depth == deepest) {
        return false;
    }
    const std::optional<std::string> value = value_of(body);
    if (!value && depth == 0) {
        return true;
    }
    // Of an inner one that would have to be decoded, the words are as they stand.
    const std::string code =
        value.value_or(std::string(body.text.substr(body.text.find('\'') + 1)));
    token_reader reader(code);
    token before;
    token here = reader.next();
    while (here.kind != token_kind::end) {
        const token next = reader.next();
        if (is_lasting(before, here, next) || needs_pin(here, depth + 1)) {
            return true;
        }
        before = here;
        here = next;
    }
    return false;
}

}  // namespace

bool code_needs_pin(const token& body) {
    return needs_pin(body, 0);
}

}  // namespace weft::pool
