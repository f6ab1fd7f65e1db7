// SPDX-License-Identifier: Apache-2.0
#include "auth/ident.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "auth/rule_tokens.h"

namespace weft::pool {

namespace {

/// Of a line that is not empty. Nothing if it is wrong.
std::optional<ident_maps::entry> parse_entry(rule_tokens& tokens) {
    ident_maps::entry entry;
    for (std::string* const name : {&entry.map, &entry.system_name}) {
        if (!tokens.is_name()) {
            return std::nullopt;
        }
        *name = tokens.text();
        tokens.next();
    }
    entry.any_user = tokens.is_word("all");
    if (!tokens.is_name()) {
        return std::nullopt;
    }
    entry.user = tokens.text();
    tokens.next();
    // What begins with these means more than a name in PostgreSQL, and nothing in PgBouncer.
    const bool special = entry.system_name.starts_with('/') || entry.user.starts_with('/') ||
                         entry.user.starts_with('+');
    if (tokens.current() != rule_tokens::kind::end || special || entry.map.empty()) {
        return std::nullopt;
    }
    return entry;
}

int digit_of(char c) {
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                  : -1;
}

/// Takes what is before the next comma or plus that is not escaped, and it, away from `subject`.
std::string take_attribute(std::string_view& subject) {
    std::string out;
    std::size_t at = 0;
    for (; at < subject.size() && subject[at] != ',' && subject[at] != '+'; ++at) {
        if (subject[at] != '\\' || at + 1 == subject.size()) {
            out += subject[at];
            continue;
        }
        const int high = digit_of(subject[at + 1]);
        const int low = at + 2 < subject.size() ? digit_of(subject[at + 2]) : -1;
        const bool hex = high >= 0 && low >= 0;
        out += hex ? static_cast<char>(high * 16 + low) : subject[at + 1];
        at += hex ? 2 : 1;
    }
    subject.remove_prefix(std::min(at + 1, subject.size()));
    return out;
}

}  // namespace

bool ident_maps::contains(std::string_view map) const {
    return std::ranges::find(entries_, map, &entry::map) != entries_.end();
}

bool ident_maps::allows(std::string_view map, std::string_view system_name,
                        std::string_view user) const {
    if (map.empty()) {
        return system_name == user;
    }
    return std::ranges::any_of(entries_, [=](const entry& one) {
        return one.map == map && one.system_name == system_name &&
               (one.any_user || one.user == user);
    });
}

std::optional<std::string> common_name(std::string_view subject) {
    std::optional<std::string> found;
    while (!subject.empty()) {
        const bool counts = subject.starts_with("CN=");
        const std::string value = take_attribute(subject);
        if (counts && found) {
            return std::nullopt;
        }
        if (counts) {
            found = value.substr(3);
        }
    }
    return found;
}

ident_file parse_ident(std::string_view text) {
    std::vector<ident_maps::entry> entries;
    std::vector<line_error> errors;
    for (std::size_t line = 1; !text.empty(); ++line) {
        rule_tokens tokens(take_line(text));
        if (tokens.current() == rule_tokens::kind::end) {
            continue;
        }
        if (auto entry = parse_entry(tokens)) {
            entries.push_back(std::move(*entry));
        } else {
            errors.push_back({line,
                              "not of the form: map-name system-name database-user (a name each; "
                              "no regular expressions, no groups)"});
        }
    }
    return {ident_maps(std::move(entries)), std::move(errors)};
}

}  // namespace weft::pool
