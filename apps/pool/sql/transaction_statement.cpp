// SPDX-License-Identifier: Apache-2.0
#include "sql/transaction_statement.h"

#include <algorithm>
#include <array>
#include <span>

#include "sql/token.h"

namespace weft::pool {

namespace {

/// The longest is BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE;
/// with its semicolon and the end. Who says one mode twice has it done by the server.
constexpr std::size_t most_tokens = 14;

/// One of the modes of a transaction.
bool take_mode(token_cursor& at) {
    if (at.take("isolation")) {
        if (!at.take("level")) {
            return false;
        }
        if (at.take("read")) {
            return at.take("committed") || at.take("uncommitted");
        }
        return at.take("serializable") || (at.take("repeatable") && at.take("read"));
    }
    if (at.take("read")) {
        return at.take("only") || at.take("write");
    }
    at.take("not");
    return at.take("deferrable");
}

bool are_modes(token_cursor at) {
    if (at.at_end()) {
        return true;
    }
    while (take_mode(at)) {
        if (at.at_end()) {
            return true;
        }
        at.take_symbol(',');
    }
    return false;
}

/// Nothing, or AND NO CHAIN.
bool is_no_chain(token_cursor at) {
    return at.at_end() || (at.take("and") && at.take("no") && at.take("chain") && at.at_end());
}

transaction_statement kind_of(const token& first) {
    if (first.is("begin") || first.is("start")) {
        return transaction_statement::begin;
    }
    if (first.is("commit") || first.is("end")) {
        return transaction_statement::commit;
    }
    return first.is("rollback") || first.is("abort") ? transaction_statement::rollback
                                                     : transaction_statement::none;
}

}  // namespace

transaction_statement transaction_statement_of(std::string_view sql) noexcept {
    token_reader reader(sql);
    const token first = reader.next();
    const transaction_statement kind = kind_of(first);
    if (kind == transaction_statement::none) {
        return kind;
    }
    std::array<token, most_tokens> tokens;
    std::size_t count = 0;
    tokens[count] = first;
    while (tokens[count].kind != token_kind::end) {
        if (++count == most_tokens) {
            return transaction_statement::none;
        }
        tokens[count] = reader.next();
    }
    while (tokens[count - 1].is_symbol(';')) {
        --count;
    }
    token_cursor at{std::span(tokens).first(count)};
    const bool start = at.take("start");
    if (start && !at.take("transaction")) {
        return transaction_statement::none;
    }
    if (!start) {
        at.skip();
        if (!at.take("work")) {
            at.take("transaction");
        }
    }
    const bool right = kind == transaction_statement::begin ? are_modes(at) : is_no_chain(at);
    return right ? kind : transaction_statement::none;
}

}  // namespace weft::pool
