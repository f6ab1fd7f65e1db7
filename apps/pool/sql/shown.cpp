// SPDX-License-Identifier: Apache-2.0
#include "sql/shown.h"

#include <span>
#include <vector>

#include "sql/effects.h"
#include "sql/statements.h"
#include "sql/token.h"

namespace weft::pool {

namespace {

/// Of a long text so much is read, which shows more than fits.
constexpr std::size_t read_of_long = 4 * longest_shown;

unsigned byte_at(std::string_view text, std::size_t at) {
    return at < text.size() ? static_cast<unsigned char>(text[at]) : 0;
}

/// How many bytes the character at the front of `text` has; 0: it is no character of UTF-8, or one
/// that controls.
std::size_t size_of_character(std::string_view text) {
    const unsigned first = byte_at(text, 0);
    if (first < 0x80) {
        return first < 0x20 || first == 0x7f ? 0 : 1;
    }
    const std::size_t size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    const unsigned second = byte_at(text, 1);
    if (size == 0 || first > 0xf4 || (first == 0xe0 && second < 0xa0) ||
        (first == 0xed && second > 0x9f) || (first == 0xf0 && second < 0x90) ||
        (first == 0xf4 && second > 0x8f) || (first == 0xc2 && second < 0xa0)) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte_at(text, i) & 0xc0U) != 0x80) {
            return 0;
        }
    }
    return size;
}

/// Appends as much of `text` as fits. Whether all of it did.
bool append(std::string& shown, std::string_view text) {
    while (!text.empty()) {
        const std::size_t size = size_of_character(text);
        const std::string_view character = size == 0 ? std::string_view("?") : text.substr(0, size);
        if (shown.size() + character.size() > longest_shown) {
            return false;
        }
        shown += character;
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return true;
}

/// Whether a server that takes backslashes in strings for escapes finds another end.
bool may_end_elsewhere(std::string_view string) {
    return (string.front() == '\'' || lower(string.front()) == 'n') && string.contains('\\');
}

std::string without_constants(std::span<const token> statement) {
    std::string shown;
    const char* end = nullptr;
    for (const token& each : statement) {
        const bool apart = end != nullptr && end != each.text.data();
        const bool constant = each.kind == token_kind::string || each.kind == token_kind::number;
        if ((apart && !append(shown, " ")) || !append(shown, constant ? "?" : each.text) ||
            (each.kind == token_kind::string && may_end_elsewhere(each.text))) {
            return shown + "...";
        }
        end = each.text.data() + each.text.size();
    }
    return shown;
}

/// Up to the end of a statement, or of the text.
std::vector<token> tokens_of(std::string_view sql, bool one_statement) {
    std::vector<token> tokens;
    token_reader reader(sql);
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        if (one_statement && each.is_symbol(';')) {
            break;
        }
        tokens.push_back(each);
    }
    return tokens;
}

}  // namespace

std::string shown_beginning(std::string_view sql, bool cut) {
    std::string shown = without_constants(tokens_of(sql.substr(0, sql.find('\0')), false));
    return shown.ends_with("...") || !cut ? shown : shown + "...";
}

std::string shown_statement(std::string_view sql, std::size_t number) {
    sql = sql.substr(0, sql.find('\0'));
    const bool is_long = sql.size() > longest_read;
    if (is_long) {
        // Divided by no parser: its first statement may not end here.
        std::string shown = without_constants(tokens_of(sql.substr(0, read_of_long), true));
        return shown.ends_with("...") ? shown : shown + "...";
    }
    std::vector<token> tokens;
    const auto statements = statements_of(sql, tokens);
    return number < statements.size() ? without_constants(statements[number]) : std::string();
}

}  // namespace weft::pool
