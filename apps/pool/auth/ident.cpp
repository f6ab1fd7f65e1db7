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
