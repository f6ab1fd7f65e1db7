// SPDX-License-Identifier: Apache-2.0
#include "config/connection_string.h"

#include <algorithm>
#include <optional>

#include "config/setting_values.h"

namespace weft::pool {

namespace {

constexpr std::string_view blanks = " \t\r\n\f\v";

/// Takes a value in quotes off `text`, behind the first of them. Nothing: there is no second one.
std::optional<std::string> take_quoted(std::string_view& text) {
    std::string value;
    while (!text.empty()) {
        const bool quote = text.front() == '\'';
        if (quote && !text.substr(1).starts_with('\'')) {
            text.remove_prefix(1);
            return value;
        }
        value += text.front();
        text.remove_prefix(quote ? 2 : 1);
    }
    return std::nullopt;
}

std::string take_word(std::string_view& text, std::string_view end) {
    std::string word(text.substr(0, text.find_first_of(end)));
    text.remove_prefix(word.size());
    return word;
}

}  // namespace

std::expected<std::vector<string_pair>, std::string> parse_connection_string(
    std::string_view text) {
    const auto wrong = [](std::string_view why) {
        return std::unexpected("syntax error in connection string: " + std::string(why));
    };
    std::vector<string_pair> pairs;
    for (text = trimmed(text); !text.empty(); text = trimmed(text)) {
        string_pair pair{.key = take_word(text, " \t\r\n\f\v="), .value = {}};
        text = trimmed(text);
        if (pair.key.empty() || !text.starts_with('=')) {
            return wrong("every setting is key=value, and a value with blanks stands in ''");
        }
        text.remove_prefix(1);
        text = trimmed(text);
        if (text.starts_with('\'')) {
            text.remove_prefix(1);
            auto value = take_quoted(text);
            if (!value) {
                return wrong("a value in quotes does not end");
            }
            if (!text.empty() && !blanks.contains(text.front())) {
                return wrong("there is no blank behind a value in quotes");
            }
            pair.value = std::move(*value);
        } else {
            pair.value = take_word(text, blanks);
        }
        if (pair.value.empty()) {
            return wrong("a value is empty");
        }
        pairs.push_back(std::move(pair));
    }
    return pairs;
}

}  // namespace weft::pool
