// SPDX-License-Identifier: Apache-2.0
#include "config/setting_table.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "config/setting_values.h"

namespace weft::pool {

namespace {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

template <class Owner>
value_rules rules_of(const setting<Owner>& what) {
    return {.how = what.how, .least = what.least, .most = what.most};
}

/// Hands the value to `write`, if there is one.
template <class Owner, class Write>
std::optional<std::string> written(const setting<Owner>& what, const Owner& of, Write write) {
    return std::visit(
        [&](auto where) -> std::optional<std::string> {
            if constexpr (std::is_same_v<decltype(where), std::monostate>) {
                return std::nullopt;
            } else if constexpr (is_optional<std::remove_cvref_t<decltype(of.*where)>>) {
                return of.*where ? std::optional(write(*(of.*where))) : std::nullopt;
            } else {
                return write(of.*where);
            }
        },
        what.where);
}

template <class T>
constexpr value_kind kind_of_type() {
    if constexpr (is_optional<T>) {
        return kind_of_type<typename T::value_type>();
    } else if constexpr (std::is_same_v<T, bool>) {
        return value_kind::flag;
    } else if constexpr (std::is_same_v<T, int> || std::is_same_v<T, std::uint32_t>) {
        return value_kind::number;
    } else if constexpr (std::is_same_v<T, std::vector<std::uint16_t>>) {
        return value_kind::numbers;
    } else if constexpr (std::is_same_v<T, microseconds>) {
        return value_kind::time;
    } else if constexpr (std::is_same_v<T, std::string>) {
        return value_kind::text;
    } else if constexpr (word<T>) {
        return value_kind::word;
    } else {
        return value_kind::words;
    }
}

std::string markdown_text(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        escaped += c == '|' ? "\\|" : std::string(1, c);
    }
    return escaped;
}

template <class Owner>
void add_table(std::string& page, std::string_view title) {
    page += fmt::format("### {}\n\n| setting | default | what |\n|---|---|---|\n", title);
    for (const setting<Owner>& each : settings_of<Owner>()) {
        const std::string usual =
            each.honoured() ? value_text(each, Owner{}).value_or("") : std::string(each.fixed);
        std::string what(each.about);
        if (!each.honoured()) {
            what += fmt::format(" **Not honoured**: {}.", each.instead);
        } else if (each.takes == change_takes::restart) {
            what += " A change takes a restart.";
        }
        page +=
            fmt::format("| `{}`{} | {} | {} |\n", each.name, each.own ? " (weft-pool's)" : "",
                        usual.empty() ? "" : "`" + markdown_text(usual) + "`", markdown_text(what));
    }
}

}  // namespace

template <class Owner>
const setting<Owner>* find_setting(std::string_view name) noexcept {
    const auto all = settings_of<Owner>();
    const auto found = std::ranges::lower_bound(all, name, {}, &setting<Owner>::name);
    return found != all.end() && found->name == name ? &*found : nullptr;
}

template <class Owner>
std::expected<void, std::string> set_from_text(const setting<Owner>& what, std::string_view text,
                                               Owner& into) {
    return std::visit(
        [&](auto where) -> std::expected<void, std::string> {
            if constexpr (std::is_same_v<decltype(where), std::monostate>) {
                return std::unexpected(fmt::format("is not honoured: {}", what.instead));
            } else {
                return read_value(text, rules_of(what), into.*where);
            }
        },
        what.where);
}

template <class Owner>
std::optional<std::string> value_text(const setting<Owner>& what, const Owner& of) {
    return written(what, of, [&](const auto& value) {
        const std::string text = plain_text(value, rules_of(what));
        return what.how == writing::secret && !text.empty() ? std::string("***") : text;
    });
}

template <class Owner>
std::optional<std::string> value_toml(const setting<Owner>& what, const Owner& of) {
    return written(what, of, [&](const auto& value) { return toml_text(value, rules_of(what)); });
}

template <class Owner>
bool same_value(const setting<Owner>& what, const Owner& a, const Owner& b) {
    return std::visit(
        [&](auto where) {
            if constexpr (std::is_same_v<decltype(where), std::monostate>) {
                return true;
            } else {
                return a.*where == b.*where;
            }
        },
        what.where);
}

template <class Owner>
value_kind kind_of(const setting<Owner>& what) noexcept {
    return std::visit(
        [](auto where) {
            if constexpr (std::is_same_v<decltype(where), std::monostate>) {
                return value_kind::none;
            } else {
                return kind_of_type<std::remove_cvref_t<decltype(std::declval<Owner>().*where)>>();
            }
        },
        what.where);
}

#define WEFT_POOL_INSTANTIATE(Owner)                                                     \
    template const setting<Owner>* find_setting<Owner>(std::string_view) noexcept;       \
    template std::expected<void, std::string> set_from_text(const setting<Owner>&,       \
                                                            std::string_view, Owner&);   \
    template std::optional<std::string> value_text(const setting<Owner>&, const Owner&); \
    template std::optional<std::string> value_toml(const setting<Owner>&, const Owner&); \
    template bool same_value(const setting<Owner>&, const Owner&, const Owner&);         \
    template value_kind kind_of(const setting<Owner>&) noexcept
WEFT_POOL_INSTANTIATE(settings);
WEFT_POOL_INSTANTIATE(database);
WEFT_POOL_INSTANTIATE(user);
WEFT_POOL_INSTANTIATE(tenant);
#undef WEFT_POOL_INSTANTIATE

std::expected<void, std::string> set_general(settings& in, std::string_view name,
                                             std::string_view value) {
    const setting<settings>* const what = find_setting<settings>(name);
    if (what == nullptr) {
        return std::unexpected(fmt::format("unknown parameter: {}", in_quotes(name)));
    }
    if (what->honoured() && what->takes == change_takes::restart) {
        return std::unexpected(fmt::format("{} cannot be changed without a restart", name));
    }
    auto read = set_from_text(*what, value, in);
    if (!read) {
        read.error() = fmt::format("{} {}", name, read.error());
    }
    return read;
}

void keep_until_restart(settings& fresh, const settings& running) {
    for (const setting<settings>& each : general_settings()) {
        if (each.takes == change_takes::restart) {
            std::visit(
                [&](auto where) {
                    if constexpr (!std::is_same_v<decltype(where), std::monostate>) {
                        fresh.*where = running.*where;
                    }
                },
                each.where);
        }
    }
}

std::vector<config_row> show_config(const configuration& of) {
    std::vector<config_row> rows;
    for (const setting<settings>& each : general_settings()) {
        if (each.honoured()) {
            rows.push_back({.key = std::string(each.name),
                            .value = value_text(each, of.general).value_or(""),
                            .usual = value_text(each, settings{}).value_or(""),
                            .changeable = each.takes != change_takes::restart});
        } else {
            rows.push_back({.key = std::string(each.name),
                            .value = each.name == "conffile" ? of.file : std::string(each.fixed),
                            .usual = std::string(each.fixed),
                            .changeable = false});
        }
    }
    return rows;
}

std::string settings_as_markdown() {
    std::string page;
    add_table<settings>(page, "General: `[pgbouncer]` or `[pool]`");
    page += '\n';
    add_table<database>(page, "Of a database: `[databases]`");
    page += '\n';
    add_table<user>(page, "Of a user: `[users]`");
    page += '\n';
    add_table<tenant>(page, "Of a tenant: `[tenants]`, in TOML only");
    return page;
}

}  // namespace weft::pool
