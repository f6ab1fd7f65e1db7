// SPDX-License-Identifier: Apache-2.0
#include "sql/statements.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include <pg_query.h>

namespace weft::pool {

namespace {

using statement_list = std::vector<std::span<const token>>;

std::span<const token> without_semicolons(std::span<const token> tokens) {
    while (!tokens.empty() && tokens.front().is_symbol(';')) {
        tokens = tokens.subspan(1);
    }
    while (!tokens.empty() && tokens.back().is_symbol(';')) {
        tokens = tokens.first(tokens.size() - 1);
    }
    return tokens;
}

void add(statement_list& list, std::span<const token> tokens) {
    if (tokens = without_semicolons(tokens); !tokens.empty()) {
        list.push_back(tokens);
    }
}

statement_list divided_at_semicolons(std::span<const token> tokens) {
    statement_list list;
    std::size_t depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        if (tokens[i].is_symbol('(')) {
            ++depth;
        } else if (tokens[i].is_symbol(')')) {
            depth -= depth > 0 ? 1 : 0;
        } else if (tokens[i].is_symbol(';') && depth == 0) {
            add(list, tokens.subspan(begin, i - begin));
            begin = i + 1;
        }
    }
    add(list, tokens.subspan(begin));
    return list;
}

struct split_deleter {
    void operator()(PgQuerySplitResult* result) const { pg_query_free_split_result(*result); }
};

/// Where each statement ends. Nothing: the parser refuses the text.
std::optional<std::vector<std::size_t>> parsed_ends(std::string_view sql) {
    PgQuerySplitResult result = pg_query_split_with_parser(std::string(sql).c_str());
    const std::unique_ptr<PgQuerySplitResult, split_deleter> owner(&result);
    if (result.error != nullptr) {
        return std::nullopt;
    }
    std::vector<std::size_t> ends;
    for (const PgQuerySplitStmt* each :
         std::span(result.stmts, static_cast<std::size_t>(result.n_stmts))) {
        ends.push_back(static_cast<std::size_t>(each->stmt_location + each->stmt_len));
    }
    return ends;
}

}  // namespace

statement_list statements_of(std::string_view sql, std::vector<token>& tokens) {
    token_reader reader(sql);
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        tokens.push_back(each);
    }
    const std::span<const token> all = without_semicolons(tokens);
    if (std::ranges::none_of(all, [](const token& each) { return each.is_symbol(';'); })) {
        return all.empty() ? statement_list() : statement_list{all};
    }
    const auto ends = sql.size() <= longest_parsed ? parsed_ends(sql) : std::nullopt;
    if (!ends) {
        return divided_at_semicolons(all);
    }
    statement_list list;
    std::span<const token> rest = all;
    for (const std::size_t end : *ends) {
        const auto behind = std::ranges::partition_point(rest, [&](const token& each) {
            return static_cast<std::size_t>(each.text.data() - sql.data()) < end;
        });
        const auto count = static_cast<std::size_t>(behind - rest.begin());
        add(list, rest.first(count));
        rest = rest.subspan(count);
    }
    return list;
}

}  // namespace weft::pool
