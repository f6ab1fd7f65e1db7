// SPDX-License-Identifier: Apache-2.0
#include "session/journal.h"

#include <map>

namespace weft::pool {

namespace {

/// Who one is comes before what one may do, and another session user takes the role away.
constexpr std::string_view first_of_all = "session_authorization";

using settings_by_name = std::map<std::string, std::string, std::less<>>;

// The bytes of a journal: names and statements, each with a zero byte behind it, by name.

settings_by_name settings_of(const journal& from) {
    settings_by_name out;
    std::string_view rest = from != nullptr ? std::string_view(from->bytes) : std::string_view();
    const auto next = [&] {
        const std::string_view text = rest.substr(0, rest.find('\0'));
        rest.remove_prefix(text.size() + 1);
        return std::string(text);
    };
    while (!rest.empty()) {
        std::string name = next();
        out.emplace(std::move(name), next());
    }
    return out;
}

journal journal_of(intern_table& table, const settings_by_name& settings) {
    if (settings.empty()) {
        return nullptr;
    }
    std::string bytes;
    for (const auto& [name, sql] : settings) {
        bytes += name;
        bytes += '\0';
        bytes += sql;
        bytes += '\0';
    }
    return table.intern(bytes);
}

}  // namespace

journal with_setting(intern_table& table, const journal& to, std::string_view name,
                     std::string_view sql) {
    settings_by_name settings = settings_of(to);
    settings.insert_or_assign(std::string(name), std::string(sql));
    return journal_of(table, settings);
}

journal without_setting(intern_table& table, const journal& from, std::string_view name) {
    settings_by_name settings = settings_of(from);
    const auto found = settings.find(name);
    if (found == settings.end()) {
        return from;
    }
    settings.erase(found);
    return journal_of(table, settings);
}

std::string sql_to_follow(const journal& has, const journal& wants) {
    if (has == wants) {
        return {};
    }
    const settings_by_name now = settings_of(has);
    const settings_by_name then = settings_of(wants);
    std::string sql;
    for (const auto& [name, statement] : now) {
        if (!then.contains(name)) {
            sql += "RESET " + name + ";";
        }
    }
    const auto set = [&](const auto& setting) {
        const auto there = now.find(setting.first);
        if (there == now.end() || there->second != setting.second) {
            sql += setting.second + ";";
        }
    };
    const auto user = then.find(first_of_all);
    if (user != then.end()) {
        set(*user);
    }
    for (const auto& setting : then) {
        if (setting.first != first_of_all) {
            set(setting);
        }
    }
    return sql;
}

}  // namespace weft::pool
