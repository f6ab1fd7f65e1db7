// SPDX-License-Identifier: Apache-2.0
#include "config/migrate.h"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "config/setting_table.h"
#include "config/setting_values.h"
#include "config/toml.h"

namespace weft::pool {

namespace {

std::string toml_key(std::string_view name) {
    const bool bare = !name.empty() && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '_' || c == '-';
    });
    return bare ? std::string(name) : toml_quoted(name);
}

template <class Owner>
void add_settings(std::string& text, const Owner& of) {
    for (const setting<Owner>& each : settings_of<Owner>()) {
        if (!same_value(each, of, Owner{})) {
            // A member that differs from its default is there.
            text += fmt::format("{} = {}\n", each.name, value_toml(each, of).value());
        }
    }
}

template <class Owner>
void add_entry(std::string& text, std::string_view section, std::string_view name,
               const Owner& of) {
    text += fmt::format("\n[{}.{}]\n", section, toml_key(name));
    add_settings(text, of);
}

std::string comment(std::string_view words) {
    return fmt::format("# {}\n", printable(words));
}

std::string whole_toml(const configuration& from) {
    std::string text = comment(fmt::format("weft-pool, from {}", from.file));
    for (const std::string& warning : from.warnings) {
        text += comment(warning);
    }
    text += "\n[pool]\n";
    add_settings(text, from.general);
    if (from.fallback) {
        add_entry(text, "databases", "*", *from.fallback);
    }
    for (const auto& [name, of] : from.databases) {
        add_entry(text, "databases", name, of);
    }
    for (const auto& [name, of] : from.users) {
        add_entry(text, "users", name, of);
    }
    for (const auto& [name, of] : from.tenants) {
        add_entry(text, "tenants", name, of);
    }
    return text;
}

}  // namespace

std::expected<std::string, std::string> as_toml(const configuration& from) {
    std::string text = whole_toml(from);
    const auto read = read_toml(text, "the TOML");
    if (!read) {
        return std::unexpected(
            fmt::format("{} cannot be written as TOML: {}", from.file, read.error()));
    }
    if (!same(*read, from)) {
        return std::unexpected(fmt::format("{} cannot be written as TOML", from.file));
    }
    return text;
}

}  // namespace weft::pool
