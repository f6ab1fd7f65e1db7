// SPDX-License-Identifier: Apache-2.0
#include "auth/rule_tokens.h"

#include <algorithm>

namespace weft::pool {

namespace {

constexpr std::string_view token_blanks = " \t\r\n\v\f";
constexpr std::string_view word_ends(" \t\r\n\v\f,#\"\0", 10);

}  // namespace

std::string_view take_line(std::string_view& text) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    return line;
}

void rule_tokens::next() {
    if (kind_ == kind::end || kind_ == kind::bad) {
        return;
    }
    text_.clear();
    line_.remove_prefix(std::min(line_.find_first_not_of(token_blanks), line_.size()));
    if (line_.empty() || line_.front() == '#') {
        kind_ = kind::end;
    } else if (line_.front() == ',') {
        kind_ = kind::comma;
        line_.remove_prefix(1);
    } else if (line_.front() == '"') {
        read_quoted();
    } else {
        const std::size_t size = std::min(line_.find_first_of(word_ends), line_.size());
        kind_ = size == 0 ? kind::bad : kind::word;  // a NUL
        text_ = line_.substr(0, size);
        line_.remove_prefix(size);
    }
}

void rule_tokens::read_quoted() {
    for (;;) {
        line_.remove_prefix(1);
        const std::size_t size =
            std::min(line_.find_first_of(std::string_view("\"\0", 2)), line_.size());
        text_ += line_.substr(0, size);
        line_.remove_prefix(size);
        if (line_.empty() || line_.front() == '\0') {
            kind_ = kind::bad;
            return;
        }
        line_.remove_prefix(1);
        if (!line_.starts_with('"')) {
            kind_ = kind::quoted;
            return;
        }
        text_ += '"';
    }
}

bool rule_tokens::take_word(std::string_view word) {
    const bool is = is_word(word);
    if (is) {
        next();
    }
    return is;
}

bool rule_tokens::take_comma() {
    const bool is = kind_ == kind::comma;
    if (is) {
        next();
    }
    return is;
}

std::string rule_tokens::shown() const {
    constexpr std::size_t most = 40;
    switch (kind_) {
        case kind::comma:
            return "a comma";
        case kind::end:
            return "the end of the line";
        case kind::bad:
            return "a quotation mark without an end, or a NUL";
        case kind::word:
        case kind::quoted:
            break;
    }
    std::string shown = text_.substr(0, most);
    std::ranges::replace_if(
        shown, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, '?');
    return '"' + shown + (text_.size() > most ? "...\"" : "\"");
}

}  // namespace weft::pool
