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

/// Two bytes that are rare in the usual statements, the second of which is where a word is then
/// looked for. Each word to be found has one of these pairs.
struct pair {
    std::string_view first;
    std::string_view second;
};
/// Any byte and a semicolon; pg_, set_, dblink_; curRVal, lasTVal; tEMp; setsEEd; U&"
constexpr std::array<pair, 6> pairs{
    {{"", ";"}, {"gGtTkK", "_"}, {"rRtT", "vV"}, {"eE", "mM"}, {"eE", "eE"}, {"&", "\""}}};

/// For each byte, a bit for each pair of which it is the first one, and above them of the second.
constexpr std::array<std::uint16_t, 256> pair_bits = [] {
    std::array<std::uint16_t, 256> table{};
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        for (std::size_t byte = 0; byte < table.size(); ++byte) {
            const auto c = static_cast<char>(static_cast<unsigned char>(byte));
            const bool first = pairs[i].first.empty() || pairs[i].first.contains(c);
            const bool second = pairs[i].second.contains(c);
            table[byte] = static_cast<std::uint16_t>(table[byte] | (unsigned{first} << i) |
                                                     (unsigned{second} << (i + 8)));
        }
    }
    return table;
}();

unsigned bits_of(char c) noexcept {
    return pair_bits[static_cast<unsigned char>(c)];
}

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

/// `at` is at the second byte of a pair.
bool pair_needs_look(std::string_view sql, std::size_t at) noexcept {
    switch (lower(sql[at])) {
        case ';':
            return next_statement_needs_look(sql, at);
        case '_':
            return name_needs_look(sql, at);
        case 'm':
            return is_temporary(sql, at);
        case 'v':
            return has_around(sql, at, "currval", 4) || has_around(sql, at, "lastval", 4);
        case 'e':
            return has_around(sql, at, "setseed", 5);
        default:  // U&"..." may be any name
            return true;
    }
}

constexpr std::size_t block = 32;

/// `before` has the bits of the byte before it.
bool block_needs_look(std::string_view sql, std::size_t begin, std::size_t end,
                      unsigned before) noexcept {
    for (std::size_t i = begin; i < end; ++i) {
        const unsigned here = bits_of(sql[i]);
        if ((before & (here >> 8)) != 0 && pair_needs_look(sql, i)) {
            return true;
        }
        before = here;
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
    while (!sql.empty() && (sql.back() == ';' || is_blank(sql.back()))) {
        sql.remove_suffix(1);
    }
    if (first_word_needs_look(sql, begin_of_statement(sql))) {
        return true;
    }
    unsigned before = bits_of(' ');
    std::size_t i = 0;
    while (i < sql.size()) {
        // A block without branches: one that has a pair is rare.
        const std::size_t end = std::min(i + block, sql.size());
        const unsigned before_block = before;
        unsigned found = 0;
        for (std::size_t k = i; k < end; ++k) {
            const unsigned here = bits_of(sql[k]);
            found |= before & (here >> 8);
            before = here;
        }
        if (found != 0 && block_needs_look(sql, i, end, before_block)) {
            return true;
        }
        i = end;
    }
    return false;
}

}  // namespace weft::pool
