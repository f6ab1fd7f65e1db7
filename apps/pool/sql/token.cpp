// SPDX-License-Identifier: Apache-2.0
#include "sql/token.h"

#include <algorithm>
#include <utility>

namespace weft::pool {

bool token::is(std::string_view word) const noexcept {
    return kind == token_kind::word && std::ranges::equal(text, word, {}, lower);
}

bool token::is_named(std::string_view name) const noexcept {
    return is(name) || (kind == token_kind::quoted && text.size() == name.size() + 2 &&
                        text.front() == '"' && text.substr(1, name.size()) == name);
}

std::size_t end_of_comment(std::string_view sql, std::size_t at) noexcept {
    const std::string_view rest = sql.substr(at);
    if (rest.starts_with("--")) {
        return std::min(sql.find_first_of("\r\n", at), sql.size());
    }
    if (!rest.starts_with("/*")) {
        return at;
    }
    std::size_t depth = 1;
    std::size_t i = at + 2;
    while (depth > 0) {
        i = sql.find_first_of("*/", i);
        if (i == std::string_view::npos || i + 1 >= sql.size()) {
            return sql.size();
        }
        if (sql[i] == '*' && sql[i + 1] == '/') {
            --depth;
            i += 2;
        } else if (sql[i] == '/' && sql[i + 1] == '*') {
            ++depth;
            i += 2;
        } else {
            ++i;
        }
    }
    return i;
}

void token_reader::skip_blanks() noexcept {
    for (;;) {
        while (at_ < sql_.size() && is_blank(sql_[at_])) {
            ++at_;
        }
        const std::size_t end = end_of_comment(sql_, at_);
        if (end == at_) {
            return;
        }
        at_ = end;
    }
}

/// `at` is behind the opening mark.
std::size_t token_reader::end_of_quotes(std::size_t at, char mark, bool escapes) const noexcept {
    while (at < sql_.size()) {
        const char c = sql_[at];
        if (c == mark) {
            if (at + 1 >= sql_.size() || sql_[at + 1] != mark) {
                return at + 1;
            }
            ++at;
        } else if (c == '\\' && escapes) {
            ++at;
        }
        ++at;
    }
    return sql_.size();
}

/// The place of the mark that continues a string which ended before `at`, npos if none does: blanks
/// with a line's end among them, and comments of the form `--`, may lie between.
std::size_t token_reader::continuation(std::size_t at) const noexcept {
    bool new_line = false;
    while (at < sql_.size()) {
        const char c = sql_[at];
        if (is_blank(c)) {
            new_line = new_line || c == '\n' || c == '\r';
            ++at;
        } else if (sql_.substr(at).starts_with("--")) {
            at = end_of_comment(sql_, at);
        } else {
            return c == '\'' && new_line ? at : std::string_view::npos;
        }
    }
    return std::string_view::npos;
}

std::size_t token_reader::end_of_string(std::size_t at, bool escapes) const noexcept {
    std::size_t end = end_of_quotes(at, '\'', escapes);
    for (std::size_t next = continuation(end); next != std::string_view::npos;
         next = continuation(end)) {
        end = end_of_quotes(next + 1, '\'', escapes);
    }
    return end;
}

/// at_ if no string in dollars begins there.
std::size_t token_reader::end_of_dollar_quotes() const noexcept {
    std::size_t i = at_ + 1;
    if (i < sql_.size() && starts_word(sql_[i])) {
        while (i < sql_.size() && continues_word(sql_[i]) && sql_[i] != '$') {
            ++i;
        }
    }
    if (i >= sql_.size() || sql_[i] != '$') {
        return at_;
    }
    const std::string_view mark = sql_.substr(at_, i + 1 - at_);
    const std::size_t closing = sql_.find(mark, i + 1);
    return closing == std::string_view::npos ? sql_.size() : closing + mark.size();
}

token token_reader::take(token_kind kind, std::size_t end) noexcept {
    const token taken{kind, sql_.substr(at_, end - at_)};
    at_ = end;
    return taken;
}

token token_reader::take_word() noexcept {
    const std::string_view rest = sql_.substr(at_);
    const char first = lower(rest.front());
    if (rest.size() > 1 && rest[1] == '\'' && std::string_view("ebxn").contains(first)) {
        return take(token_kind::string, end_of_string(at_ + 2, first == 'e'));
    }
    if (first == 'u' && rest.size() > 2 && rest[1] == '&') {
        if (rest[2] == '\'') {
            return take(token_kind::string, end_of_string(at_ + 3, false));
        }
        if (rest[2] == '"') {
            return take(token_kind::quoted, end_of_quotes(at_ + 3, '"', false));
        }
    }
    std::size_t end = at_ + 1;
    while (end < sql_.size() && continues_word(sql_[end])) {
        ++end;
    }
    return take(token_kind::word, end);
}

token token_reader::next() noexcept {
    skip_blanks();
    if (at_ >= sql_.size()) {
        return {};
    }
    const char c = sql_[at_];
    if (starts_word(c)) {
        return take_word();
    }
    std::size_t end = at_ + 1;
    if (c == '\'') {
        return take(token_kind::string, end_of_string(end, false));
    }
    if (c == '"') {
        return take(token_kind::quoted, end_of_quotes(end, '"', false));
    }
    if (c == '$') {
        if (const std::size_t string_end = end_of_dollar_quotes(); string_end != at_) {
            return take(token_kind::string, string_end);
        }
        while (end < sql_.size() && is_digit(sql_[end])) {
            ++end;
        }
        return take(token_kind::symbol, end);
    }
    if (is_digit(c)) {
        while (end < sql_.size() && (is_digit(sql_[end]) || sql_[end] == '.')) {
            ++end;
        }
        return take(token_kind::number, end);
    }
    return take(token_kind::symbol, end);
}

const token& token_cursor::peek(std::size_t ahead) const noexcept {
    static constexpr token none;
    return ahead < rest_.size() ? rest_[ahead] : none;
}

void token_cursor::skip(std::size_t count) noexcept {
    rest_ = rest_.subspan(std::min(count, rest_.size()));
}

bool token_cursor::take(std::string_view word) noexcept {
    const bool is = peek().is(word);
    skip(is ? 1 : 0);
    return is;
}

bool token_cursor::take_symbol(char symbol) noexcept {
    const bool is = peek().is_symbol(symbol);
    skip(is ? 1 : 0);
    return is;
}

std::span<const token> token_cursor::take_parentheses() noexcept {
    if (!peek().is_symbol('(')) {
        return {};
    }
    std::size_t depth = 0;
    for (std::size_t i = 0; i < rest_.size(); ++i) {
        if (rest_[i].is_symbol('(')) {
            ++depth;
        } else if (rest_[i].is_symbol(')') && --depth == 0) {
            const std::span<const token> inside = rest_.subspan(1, i - 1);
            skip(i + 1);
            return inside;
        }
    }
    const std::span<const token> inside = rest_.subspan(1);
    skip(rest_.size());
    return inside;
}

namespace {

std::string without_doubled(std::string_view text, char mark) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        plain += text[i];
        if (text[i] == mark) {
            ++i;
        }
    }
    return plain;
}

/// What is between the marks, of which the second may be missing.
std::string_view inside(std::string_view quoted, char mark) {
    quoted.remove_prefix(1);
    if (quoted.ends_with(mark)) {
        quoted.remove_suffix(1);
    }
    return quoted;
}

/// NAMEDATALEN of PostgreSQL, without the zero.
constexpr std::size_t longest_name = 63;

/// Of the character of UTF-8 that this byte begins; of what begins none, 1, as PostgreSQL counts.
constexpr std::size_t size_of_character(char first) noexcept {
    const auto byte = static_cast<unsigned char>(first);
    return (byte & 0xE0U) == 0xC0 ? 2 : (byte & 0xF0U) == 0xE0 ? 3 : (byte & 0xF8U) == 0xF0 ? 4 : 1;
}

std::string shortened(std::string name) {
    if (name.size() > longest_name) {
        std::size_t end = 0;
        for (std::size_t next = 0; next <= longest_name; next += size_of_character(name[next])) {
            end = next;
        }
        name.resize(end);
    }
    return name;
}

}  // namespace

std::string name_of(const token& name) {
    if (name.kind == token_kind::quoted && !name.is_encoded_name()) {
        return shortened(without_doubled(inside(name.text, '"'), '"'));
    }
    std::string plain(name.text);
    std::ranges::transform(plain, plain.begin(), lower);
    return shortened(std::move(plain));
}

std::optional<std::string> value_of(const token& string) {
    std::string_view text = string.text;
    if (string.kind != token_kind::string || text.empty()) {
        return std::nullopt;
    }
    if (text.front() == '$') {
        const std::size_t mark = text.find('$', 1) + 1;
        if (text.size() < 2 * mark) {
            return std::nullopt;
        }
        return std::string(text.substr(mark, text.size() - 2 * mark));
    }
    const char prefix = lower(text.front());
    if (prefix == 'n' || (prefix == 'e' && !text.contains('\\'))) {
        text.remove_prefix(1);
    }
    if (text.front() != '\'') {
        return std::nullopt;
    }
    text = inside(text, '\'');
    for (std::size_t i = text.find('\''); i < text.size(); i = text.find('\'', i + 2)) {
        if (i + 1 == text.size() || text[i + 1] != '\'') {
            return std::nullopt;  // continued on a further line
        }
    }
    return without_doubled(text, '\'');
}

std::string text_of(std::span<const token> tokens) {
    std::string text;
    const char* end = nullptr;
    for (const token& each : tokens) {
        if (end != nullptr && end != each.text.data()) {
            text += ' ';
        }
        text += each.text;
        end = each.text.data() + each.text.size();
    }
    return text;
}

}  // namespace weft::pool
