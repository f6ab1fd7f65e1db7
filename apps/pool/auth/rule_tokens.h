// SPDX-License-Identifier: Apache-2.0
//
// The words of a line of pg_hba.conf or pg_ident.conf, as PgBouncer splits it. For hba.cpp and
// ident.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weft::pool {

/// A line at a time out of `text`, which it shortens. Without its newline.
std::string_view take_line(std::string_view& text);

class rule_tokens {
public:
    /// bad: a quotation mark that no other one ends, or a NUL. No token comes after end or bad.
    enum class kind : std::uint8_t { word, quoted, comma, end, bad };

    /// `line` must outlive this.
    explicit rule_tokens(std::string_view line) : line_(line) { next(); }

    [[nodiscard]] kind current() const noexcept { return kind_; }
    /// Of a word, or of what was quoted.
    [[nodiscard]] const std::string& text() const noexcept { return text_; }
    [[nodiscard]] bool is_name() const noexcept {
        return kind_ == kind::word || kind_ == kind::quoted;
    }
    [[nodiscard]] bool is_word(std::string_view word) const noexcept {
        return kind_ == kind::word && text_ == word;
    }

    void next();

    /// Goes on if it is that.
    bool take_word(std::string_view word);
    bool take_comma();

    /// For a message: the token, cut, without what would move a terminal's cursor.
    [[nodiscard]] std::string shown() const;

private:
    void read_quoted();

    std::string_view line_;
    kind kind_ = kind::comma;
    std::string text_;
};

}  // namespace weft::pool
