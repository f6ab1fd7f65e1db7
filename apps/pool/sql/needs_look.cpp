// SPDX-License-Identifier: Apache-2.0
#include "sql/needs_look.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

#include "sql/session_functions.h"
#include "sql/token.h"

namespace weft::pool {

namespace {

/// Bytes that are rare in the usual statements, of which each word to be found has one.
enum class rare : std::uint8_t { no, semicolon, underscore, m, v, d, ampersand };

constexpr std::array<rare, 256> rare_bytes = [] {
    std::array<rare, 256> table{};
    table[';'] = rare::semicolon;
    table['_'] = rare::underscore;
    table['m'] = table['M'] = rare::m;
    table['v'] = table['V'] = rare::v;
    table['d'] = table['D'] = rare::d;
    table['&'] = rare::ampersand;
    return table;
}();

bool has_at(std::string_view sql, std::size_t at, std::string_view word) noexcept {
    return word.size() <= sql.size() - std::min(at, sql.size()) &&
           std::ranges::equal(sql.substr(at, word.size()), word, {}, lower);
}

/// Whether `word` is there with its character number `of_word` at `at`.
bool has_around(std::string_view sql, std::size_t at, std::string_view word,
                std::size_t of_word) noexcept {
    return at >= of_word && has_at(sql, at - of_word, word);
}

/// Names that count without a call: the schema of what is temporary, and the view whose rows set.
constexpr std::array<std::string_view, 2> other_names{"pg_temp", "pg_settings"};

/// `at` is at an underscore. Which is the first one of a name that is looked for?
bool name_needs_look(std::string_view sql, std::size_t at) noexcept {
    const char before = at == 0 ? ' ' : lower(sql[at - 1]);
    if (before != 'g' && before != 't' && before != 'k') {  // pg_, set_, dblink_
        return false;
    }
    const auto is_there = [&](std::string_view name) {
        const std::size_t place = name.find('_');
        return place != std::string_view::npos && has_around(sql, at, name, place);
    };
    return std::ranges::any_of(session_functions, is_there, &session_function::name) ||
           std::ranges::any_of(other_names, is_there);
}

/// `at` is at the m of `temp` or `temporary`.
bool is_temporary(std::string_view sql, std::size_t at) noexcept {
    if (!has_around(sql, at, "temp", 2) || (at >= 3 && continues_word(sql[at - 3]))) {
        return false;
    }
    const std::size_t end = at + 2;
    return end == sql.size() || !continues_word(sql[end]) || has_at(sql, end, "orary");
}

/// Of the statement whose first word is at `at`, or behind blanks and parentheses.
bool first_word_needs_look(std::string_view sql, std::size_t at) noexcept {
    while (at < sql.size() && (is_blank(sql[at]) || sql[at] == '(')) {
        ++at;
    }
    std::size_t end = at;
    while (end < sql.size() && lower(sql[end]) >= 'a' && lower(sql[end]) <= 'z') {
        ++end;
    }
    return keyword_needs_look(sql.substr(at, end - at));
}

/// Behind blanks, parentheses and comments.
std::size_t begin_of_statement(std::string_view sql) noexcept {
    std::size_t at = 0;
    for (;;) {
        while (at < sql.size() && (is_blank(sql[at]) || sql[at] == '(')) {
            ++at;
        }
        const std::size_t end = end_of_comment(sql, at);
        if (end == at) {
            return at;
        }
        at = end;
    }
}

/// `at` is at a semicolon. A comment behind it is not read: there may be one behind each.
bool next_statement_needs_look(std::string_view sql, std::size_t at) noexcept {
    ++at;
    while (at < sql.size() && (is_blank(sql[at]) || sql[at] == '(')) {
        ++at;
    }
    return end_of_comment(sql.substr(at, 2), 0) != 0 || first_word_needs_look(sql, at);
}

bool rare_byte_needs_look(std::string_view sql, std::size_t at, rare which) noexcept {
    switch (which) {
        case rare::semicolon:
            return next_statement_needs_look(sql, at);
        case rare::underscore:
            return name_needs_look(sql, at);
        case rare::m:
            return is_temporary(sql, at);
        case rare::v:
            return has_around(sql, at, "currval", 4) || has_around(sql, at, "lastval", 4);
        case rare::d:
            return has_around(sql, at, "setseed", 6);
        case rare::ampersand:  // U&"..." may be any name
            return at + 1 < sql.size() && sql[at + 1] == '"';
        case rare::no:
            break;
    }
    return false;
}

}  // namespace

bool keyword_needs_look(std::string_view word) noexcept {
    static constexpr std::array<std::string_view, 13> words{
        "create", "deallocate", "declare", "discard", "do",  "execute",  "explain",
        "listen", "load",       "prepare", "reset",   "set", "unlisten",
    };
    return std::ranges::any_of(words, [&](std::string_view each) {
        return each.size() == word.size() && std::ranges::equal(word, each, {}, lower);
    });
}

bool needs_look(std::string_view sql) noexcept {
    if (first_word_needs_look(sql, begin_of_statement(sql))) {
        return true;
    }
    for (std::size_t i = 0; i < sql.size(); ++i) {
        const rare which = rare_bytes[static_cast<unsigned char>(sql[i])];
        if (which != rare::no && rare_byte_needs_look(sql, i, which)) {
            return true;
        }
    }
    return false;
}

}  // namespace weft::pool
