// SPDX-License-Identifier: Apache-2.0
#include "backend/parameters.h"

#include <algorithm>

namespace weft::pool {

namespace {

constexpr std::string_view usual_names[] = {"client_encoding", "DateStyle", "TimeZone",
                                            "standard_conforming_strings", "application_name"};

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/// Those whose values are lists of names (GUC_LIST_QUOTE): SET takes a text for one of them, and
/// puts it into quotes; set_config() takes the list.
constexpr std::string_view lists_of_names[] = {"search_path", "temp_tablespaces"};

bool same_name(std::string_view a, std::string_view b) noexcept {
    return std::ranges::equal(a, b, {}, lower, lower);
}

bool is_known(std::string_view value) noexcept {
    return value.data() != nullptr;
}

}  // namespace

std::string sql_to_set_one(const std::string& name, std::string_view value) {
    const bool is_list = std::ranges::any_of(
        lists_of_names, [&](std::string_view list) { return same_name(list, name); });
    return is_list ? "SELECT pg_catalog.set_config(" + quoted_literal(name) + "," +
                         quoted_literal(value) + ",false)"
                   : "SET " + name + " TO " + quoted_literal(value);
}

bool has_value(const parameter_set& set, const parameter_names& names, std::size_t index) {
    return is_known(values_of(set, names)[index]);
}

parameter_names::parameter_names(std::span<const std::string> extra) {
    names_.assign(std::begin(usual_names), std::end(usual_names));
    for (const std::string& name : extra) {
        if (!name.empty() && !index_of(name)) {
            names_.push_back(name);
        }
    }
}

std::optional<std::size_t> parameter_names::index_of(std::string_view name) const noexcept {
    const auto found =
        std::ranges::find_if(names_, [&](const std::string& n) { return same_name(n, name); });
    if (found == names_.end()) {
        return std::nullopt;
    }
    return static_cast<std::size_t>(found - names_.begin());
}

// The bytes of a set: for each value that is known "=" and the value, then a zero byte, which no
// value can hold.

std::vector<std::string_view> values_of(const parameter_set& set, const parameter_names& names) {
    std::vector<std::string_view> values(names.count());
    if (set != nullptr) {
        std::string_view rest = set->bytes;
        for (std::string_view& value : values) {
            const std::string_view entry = rest.substr(0, rest.find('\0'));
            value = entry.empty() ? std::string_view() : entry.substr(1);
            rest.remove_prefix(std::min(entry.size() + 1, rest.size()));
        }
    }
    return values;
}

parameter_set make_set(intern_table& table, std::span<const std::string_view> values) {
    std::string bytes;
    for (const std::string_view value : values) {
        if (is_known(value)) {
            bytes += '=';
            bytes += value;
        }
        bytes += '\0';
    }
    return table.intern(bytes);
}

parameter_set with_value(intern_table& table, const parameter_set& set,
                         const parameter_names& names, std::size_t index, std::string_view value) {
    std::vector<std::string_view> values = values_of(set, names);
    values[index] = value;
    return make_set(table, values);
}

std::string sql_to_set(const parameter_names& names, const parameter_set& has,
                       const parameter_set& wants) {
    if (has == wants) {
        return {};
    }
    const auto now = values_of(has, names);
    const auto then = values_of(wants, names);
    std::string sql;
    for (std::size_t i = 0; i < names.count(); ++i) {
        if (is_known(then[i]) && (then[i] != now[i] || !is_known(now[i]))) {
            sql += sql_to_set_one(names[i], then[i]) + ";";
        }
    }
    return sql;
}

std::string quoted_literal(std::string_view text) {
    std::string literal(text.find('\\') != std::string_view::npos ? "E'" : "'");
    for (const char c : text) {
        if (c == '\'' || c == '\\') {
            literal += c;
        }
        literal += c;
    }
    return literal + '\'';
}

}  // namespace weft::pool
