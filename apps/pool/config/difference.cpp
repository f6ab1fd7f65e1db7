// SPDX-License-Identifier: Apache-2.0
#include "config/difference.h"

#include <map>
#include <set>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "config/setting_values.h"

namespace weft::pool {

namespace {

using place = change::place;
using kind = change::kind;

template <class Owner>
void compare(std::vector<change>& found, place of, const std::string& name, const Owner& before,
             const Owner& after) {
    for (const setting<Owner>& each : settings_of<Owner>()) {
        if (!same_value(each, before, after)) {
            found.push_back({.of = of,
                             .what = kind::changed,
                             .name = name,
                             .setting = std::string(each.name),
                             .before = value_text(each, before).value_or(""),
                             .after = value_text(each, after).value_or(""),
                             .takes = each.takes});
        }
    }
}

/// Of an entry that may be absent before or after.
template <class Owner>
void compare_entry(std::vector<change>& found, place of, const std::string& name,
                   const Owner* before, const Owner* after) {
    if (before != nullptr && after != nullptr) {
        compare(found, of, name, *before, *after);
    } else if (before != nullptr || after != nullptr) {
        found.push_back({.of = of,
                         .what = before == nullptr ? kind::added : kind::removed,
                         .name = name,
                         .setting = {},
                         .before = {},
                         .after = {}});
    }
}

template <class Owner>
void compare_all(std::vector<change>& found, place of,
                 const std::map<std::string, Owner, std::less<>>& before,
                 const std::map<std::string, Owner, std::less<>>& after) {
    std::set<std::string> names;
    for (const auto* const side : {&before, &after}) {
        for (const auto& [name, entry] : *side) {
            names.insert(name);
        }
    }
    const auto entry_of = [](const auto& side, const std::string& name) {
        const auto at = side.find(name);
        return at != side.end() ? &at->second : nullptr;
    };
    for (const std::string& name : names) {
        compare_entry(found, of, name, entry_of(before, name), entry_of(after, name));
    }
}

std::string_view name_of(place of) {
    switch (of) {
        case place::general:
            return "";
        case place::database:
            return "database";
        case place::user:
            return "user";
        case place::tenant:
            return "tenant";
    }
    std::unreachable();
}

}  // namespace

std::vector<change> difference(const configuration& before, const configuration& after) {
    std::vector<change> found;
    compare(found, place::general, {}, before.general, after.general);
    compare_entry(found, place::database, "*", before.fallback ? &*before.fallback : nullptr,
                  after.fallback ? &*after.fallback : nullptr);
    compare_all(found, place::database, before.databases, after.databases);
    compare_all(found, place::user, before.users, after.users);
    compare_all(found, place::tenant, before.tenants, after.tenants);
    return found;
}

std::string text_of(const change& of) {
    std::string text =
        of.of == place::general ? "" : fmt::format("{} {}: ", name_of(of.of), in_quotes(of.name));
    if (of.what != kind::changed) {
        return text + (of.what == kind::added ? "added" : "removed");
    }
    text += fmt::format("{}: {} -> {}", of.setting, in_quotes(of.before), in_quotes(of.after));
    if (of.takes == change_takes::restart) {
        text += " (needs a restart)";
    }
    return text;
}

}  // namespace weft::pool
