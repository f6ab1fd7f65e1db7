// SPDX-License-Identifier: Apache-2.0
#include "config/toml.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "config/check.h"
#include "config/limits.h"
#include "config/setting_table.h"
#include "config/setting_values.h"
#include "config/toml_library.h"

namespace weft::pool {

namespace {

/// Each may stand for a table in a table: toml++ takes any depth, and destroys it by recursion.
constexpr std::ptrdiff_t most_dots_in_line = 1000;

std::string_view wanted(value_kind kind) {
    switch (kind) {
        case value_kind::flag:
            return "must be true or false";
        case value_kind::number:
            return "must be a whole number";
        case value_kind::numbers:
            return "must be a whole number, or several in [ ]";
        case value_kind::time:
            return "must be a time as in \"1.5s\", or a number of seconds";
        case value_kind::word:
        case value_kind::text:
            return "must be a text in quotation marks";
        case value_kind::words:
            return "must be texts in [ ], none of them empty or with a comma";
        case value_kind::none:
            break;
    }
    std::unreachable();
}

/// Nothing: it is no whole number from 0.
std::optional<std::string> number_text(const toml::node& node) {
    const auto* const number = node.as_integer();
    return number != nullptr && number->get() >= 0 ? std::optional(fmt::format("{}", number->get()))
                                                   : std::nullopt;
}

std::optional<std::string> time_text(const toml::node& node) {
    if (const auto* const number = node.as_floating_point()) {
        return number->get() >= 0 ? std::optional(fmt::format("{}s", number->get())) : std::nullopt;
    }
    if (const auto* const text = node.as_string()) {
        return text->get().starts_with('-') ? std::nullopt : std::optional(text->get());
    }
    const auto number = number_text(node);
    return number ? std::optional(*number + "s") : std::nullopt;
}

/// The elements of an array with commas between them.
template <class Each>
std::optional<std::string> joined(const toml::array& all, Each each) {
    std::vector<std::string> parts;
    for (const toml::node& one : all) {
        auto part = each(one);
        if (!part) {
            return std::nullopt;
        }
        parts.push_back(std::move(*part));
    }
    return fmt::format("{}", fmt::join(parts, ","));
}

std::optional<std::string> list_element(const toml::node& node) {
    const auto* const text = node.as_string();
    const bool usable =
        text != nullptr && !trimmed(text->get()).empty() && !text->get().contains(',');
    return usable ? std::optional(text->get()) : std::nullopt;
}

/// The value as set_from_text() reads it. Nothing: it is of another kind.
std::optional<std::string> text_for(const toml::node& node, value_kind kind) {
    const auto* const text = node.as_string();
    const toml::array* const all = node.as_array();
    switch (kind) {
        case value_kind::flag:
            return node.is_boolean() ? std::optional(node.as_boolean()->get() ? "1" : "0")
                                     : std::nullopt;
        case value_kind::number:
            return number_text(node);
        case value_kind::numbers:
            return all != nullptr ? joined(*all, number_text) : number_text(node);
        case value_kind::time:
            return time_text(node);
        case value_kind::word:
            // -1 would stand for "absent", which is for connection strings only.
            return text != nullptr && text->get() != "-1" ? std::optional(text->get())
                                                          : std::nullopt;
        case value_kind::text:
            return text != nullptr ? std::optional(text->get()) : std::nullopt;
        case value_kind::words:
            if (all != nullptr) {
                return joined(*all, list_element);
            }
            return text != nullptr ? std::optional(text->get()) : std::nullopt;
        case value_kind::none:
            break;
    }
    std::unreachable();
}

class toml_reader {
public:
    explicit toml_reader(std::string file) { made_.file = std::move(file); }

    std::expected<configuration, std::string> read(const toml::table& root) {
        for (const auto& [key, node] : root) {
            if (key.str() == "pool") {
                general(node);
            } else if (key.str() == "databases") {
                entries(node, key.str(), made_.databases);
            } else if (key.str() == "users") {
                entries(node, key.str(), made_.users);
            } else if (key.str() == "tenants") {
                entries(node, key.str(), made_.tenants);
            } else {
                fail(key.source(),
                     fmt::format("unknown key {}; known here: pool, databases, users, tenants",
                                 in_quotes(key.str())));
            }
        }
        take_fallback();
        name_tenants();
        if (!error_.empty()) {
            return std::unexpected(
                fmt::format("{}:{}:{}: {}", made_.file, at_.line, at_.column, error_));
        }
        if (const auto fits = check_together(made_); !fits) {
            return std::unexpected(fmt::format("{}: {}", made_.file, fits.error()));
        }
        return std::move(made_);
    }

private:
    /// Keeps the first one in the file: a table is sorted by its keys.
    void fail(const toml::source_region& at, std::string_view what) {
        if (error_.empty() || at.begin < at_) {
            error_ = what;
            at_ = at.begin;
        }
    }

    void general(const toml::node& node) {
        if (const toml::table* const table = node.as_table()) {
            entry(*table, made_.general);
        } else {
            fail(node.source(), "write [pool]");
        }
    }

    template <class Owner>
    void entries(const toml::node& node, std::string_view section,
                 std::map<std::string, Owner, std::less<>>& into) {
        const toml::table* const table = node.as_table();
        if (table == nullptr) {
            fail(node.source(), fmt::format("write [{}.NAME]", section));
            return;
        }
        for (const auto& [name, each] : *table) {
            const toml::table* const one = each.as_table();
            if (one == nullptr) {
                fail(each.source(), fmt::format("write [{}.NAME]", section));
            } else if (!is_entry_name(name.str())) {
                fail(name.source(), "a name must not be empty, nor have control characters");
            } else {
                entry(*one, into[std::string(name.str())]);
                // For what is found out once all has been read.
                places_[fmt::format("{}.{}", section, name.str())] = name.source();
            }
        }
    }

    template <class Owner>
    void entry(const toml::table& in, Owner& into) {
        for (const auto& [key, node] : in) {
            const setting<Owner>* const what = find_setting<Owner>(key.str());
            if (what == nullptr) {
                fail(key.source(), fmt::format("unknown key {}", in_quotes(key.str())));
            } else if (!what->honoured()) {
                fail(key.source(),
                     fmt::format("{} is not honoured: {}", what->name, what->instead));
            } else if (const auto text = text_for(node, kind_of(*what)); !text) {
                fail(node.source(), fmt::format("{} {}", what->name, wanted(kind_of(*what))));
            } else if (const auto read = set_from_text(*what, *text, into); !read) {
                fail(node.source(), fmt::format("{} {}", what->name, read.error()));
            }
        }
    }

    void take_fallback() {
        if (made_.databases.contains(console_database)) {
            fail(places_[fmt::format("databases.{}", console_database)],
                 fmt::format("database name \"{}\" is reserved", console_database));
        }
        if (auto star = made_.databases.extract("*")) {
            made_.fallback = std::move(star.mapped());
        }
    }

    /// A tenant that says nothing about whom it is for is for whom its name says, if there is but
    /// one way to understand it.
    void name_tenants() {
        const tenant_key& by = made_.general.tenant_by;
        const int parts = by.database + by.user + by.application_name;
        for (auto& [name, rule] : made_.tenants) {
            if (!rule.database.empty() || !rule.user.empty() || !rule.application_name.empty()) {
                continue;
            }
            if (parts != 1) {
                fail(places_[fmt::format("tenants.{}", name)],
                     "a tenant needs one of database, user, application_name");
                return;
            }
            (by.database ? rule.database : by.user ? rule.user : rule.application_name) = name;
        }
    }

    configuration made_;
    std::string error_;
    toml::source_position at_{};
    std::map<std::string, toml::source_region> places_;
};

/// What toml++ says of text that is no TOML, without what it quotes: that may be a secret.
std::string description_of(const toml::parse_error& error) {
    std::string what(error.description().substr(0, error.description().find('\'')));
    std::ranges::replace_if(what, [](char c) { return c >= 0 && c < 0x20; }, ' ');
    while (what.ends_with(' ') || what.ends_with(',') || what.ends_with(':')) {
        what.pop_back();
    }
    return what;
}

/// The number of the first line with more dots than any configuration has; 0: there is none.
std::size_t line_with_dots(std::string_view text) {
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        if (std::ranges::count(line, '.') > most_dots_in_line) {
            return number;
        }
        text.remove_prefix(std::min(line.size() + 1, text.size()));
    }
    return 0;
}

}  // namespace

std::expected<configuration, std::string> read_toml(std::string_view text,
                                                    const std::string& file) {
    if (text.size() > longest_configuration) {
        return std::unexpected(fmt::format("{}: the configuration is longer than {} bytes", file,
                                           longest_configuration));
    }
    if (const std::size_t line = line_with_dots(text); line != 0) {
        return std::unexpected(
            fmt::format("{}:{}:1: more than {} dots in a line", file, line, most_dots_in_line));
    }
    try {
        return toml_reader(file).read(toml::parse(text, file));
    } catch (const toml::parse_error& error) {
        return std::unexpected(fmt::format("{}:{}:{}: {}", file, error.source().begin.line,
                                           error.source().begin.column, description_of(error)));
    }
}

}  // namespace weft::pool
