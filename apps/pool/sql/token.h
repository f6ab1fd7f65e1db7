// SPDX-License-Identifier: Apache-2.0
//
// The words of an SQL text, as PostgreSQL's lexer tells them apart, for any bytes: what is not
// ended ends with the text. No allocation; all views point into the text. One thing is coarser than
// there: an operator is a token a character, and so is what no token begins with.
//
// A string is read as with standard_conforming_strings = on, PostgreSQL's default since 9.1.
//
// Source: PostgreSQL documentation, "Lexical Structure"; its scan.l for the continuation of
// strings.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weft::pool {

enum class token_kind : std::uint8_t {
    /// A keyword or a name without quotation marks.
    word,
    /// A name in quotation marks, as "a ""b""" or U&"\0061".
    quoted,
    /// 'a', E'a', B'1', X'1', N'a', U&'a', $$a$$, with all that continues it on further lines.
    string,
    /// Digits and points.
    number,
    /// One character, or $1.
    symbol,
    end,
};

struct token {
    token_kind kind = token_kind::end;
    std::string_view text;

    /// Whether it is this keyword, given in lower case.
    [[nodiscard]] bool is(std::string_view word) const noexcept;
    [[nodiscard]] bool is_symbol(char symbol) const noexcept {
        return kind == token_kind::symbol && text.size() == 1 && text.front() == symbol;
    }
    [[nodiscard]] bool is_name() const noexcept {
        return kind == token_kind::word || kind == token_kind::quoted;
    }
    /// Whether it is this name, given in lower case, quoted or not.
    [[nodiscard]] bool is_named(std::string_view name) const noexcept;
    /// Whether the name cannot be known without decoding, as in U&"\0061".
    [[nodiscard]] bool is_encoded_name() const noexcept {
        return kind == token_kind::quoted && text.front() != '"';
    }
};

class token_reader {
public:
    explicit token_reader(std::string_view sql) noexcept : sql_(sql) {}

    /// kind end: for good.
    token next() noexcept;

private:
    void skip_blanks() noexcept;
    [[nodiscard]] std::size_t end_of_quotes(std::size_t at, char mark, bool escapes) const noexcept;
    [[nodiscard]] std::size_t end_of_string(std::size_t at, bool escapes) const noexcept;
    [[nodiscard]] std::size_t continuation(std::size_t at) const noexcept;
    [[nodiscard]] std::size_t end_of_dollar_quotes() const noexcept;
    token take(token_kind kind, std::size_t end) noexcept;
    token take_word() noexcept;

    std::string_view sql_;
    std::size_t at_ = 0;
};

/// Tokens of a statement, read from left to right. Past the last one all is token_kind::end.
class token_cursor {
public:
    explicit token_cursor(std::span<const token> rest) noexcept : rest_(rest) {}

    [[nodiscard]] const token& peek(std::size_t ahead = 0) const noexcept;
    [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }
    [[nodiscard]] std::span<const token> rest() const noexcept { return rest_; }
    void skip(std::size_t count = 1) noexcept;
    /// Skips the token if it is that.
    bool take(std::string_view word) noexcept;
    bool take_symbol(char symbol) noexcept;
    /// All between `(` at the cursor and its `)`, of which the cursor is then behind. Empty if
    /// there is no `(`.
    std::span<const token> take_parentheses() noexcept;

private:
    std::span<const token> rest_;
};

/// A name as PostgreSQL keeps it: in lower case unless it was quoted, its first 63 bytes, as far as
/// they are whole characters of UTF-8.
std::string name_of(const token& name);
/// What a string stands for. Nothing: it would have to be decoded (E'\n', U&'\0061', B'1'), or it
/// is continued on a further line.
std::optional<std::string> value_of(const token& string);
/// The tokens as text, without comments: one space where something was between two of them.
std::string text_of(std::span<const token> tokens);

constexpr char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c;
}
constexpr bool is_blank(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
constexpr bool starts_word(char c) noexcept {
    return (lower(c) >= 'a' && lower(c) <= 'z') || c == '_' ||
           static_cast<unsigned char>(c) >= 0x80;
}
constexpr bool is_digit(char c) noexcept {
    return c >= '0' && c <= '9';
}
constexpr bool continues_word(char c) noexcept {
    return starts_word(c) || is_digit(c) || c == '$';
}

/// The end of the comment that begins at `at`, or `at` if none does.
std::size_t end_of_comment(std::string_view sql, std::size_t at) noexcept;

}  // namespace weft::pool
