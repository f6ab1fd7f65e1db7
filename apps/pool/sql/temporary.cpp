// SPDX-License-Identifier: Apache-2.0
#include "sql/temporary.h"

#include <algorithm>

namespace weft::pool {

namespace {

/// pg_temp, or what it stands for, as pg_temp_3.
bool is_temporary_schema(const token& name) {
    return name.is_name() && name_of(name).starts_with("pg_temp");
}

bool is_temp(const token& word) {
    return word.is("temp") || word.is("temporary");
}

}  // namespace

bool makes_temporary(const token& before, const token& here) {
    const bool behind = before.is("create") || before.is("into") || before.is("replace") ||
                        before.is("local") || before.is("global");
    return (behind && is_temp(here)) || (here.is_symbol('.') && is_temporary_schema(before));
}

bool creates_temporary(std::span<const token> statement) {
    token_cursor at(statement);
    at.skip();
    if (at.take("or")) {
        at.take("replace");
    }
    if (!at.take("local")) {
        at.take("global");
    }
    return is_temp(at.peek()) ||
           std::ranges::adjacent_find(statement, [](const token& a, const token& b) {
               return b.is_symbol('.') && is_temporary_schema(a);
           }) != statement.end();
}

bool selects_into_temporary(std::span<const token> statement) {
    for (std::size_t i = 1; i + 1 < statement.size(); ++i) {
        const token& before = statement[i - 1];
        if (!statement[i].is("into") || before.is("insert") || before.is("merge")) {
            continue;
        }
        token_cursor at(statement.subspan(i + 1));
        if (!at.take("local")) {
            at.take("global");
        }
        if (is_temp(at.peek()) || (is_temporary_schema(at.peek()) && at.peek(1).is_symbol('.'))) {
            return true;
        }
    }
    return false;
}

}  // namespace weft::pool
