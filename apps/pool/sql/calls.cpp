// SPDX-License-Identifier: Apache-2.0
#include "sql/calls.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "sql/settings.h"

namespace weft::pool {

namespace {

/// Each takes the time to read its statement. Who has more of them in one is pinned.
constexpr int most_set_configs = 64;

/// Whether the call whose name is at `index` is evaluated once, whatever the tables hold: an item
/// of a SELECT that has nothing but items.
bool is_evaluated_once(std::span<const token> statement, std::size_t index) {
    static constexpr std::array<std::string_view, 11> others{
        "from",  "where", "having", "group",     "limit",  "offset",
        "fetch", "order", "union",  "intersect", "except",
    };
    if (!statement.front().is("select") || std::ranges::any_of(statement, [](const token& each) {
            return std::ranges::any_of(others, [&](auto word) { return each.is(word); });
        })) {
        return false;
    }
    if (index >= 2 && statement[index - 1].is_symbol('.')) {
        index -= 2;  // the schema
    }
    const std::span<const token> before = statement.first(index);
    if (before.size() == 1) {
        return true;
    }
    return before.back().is_symbol(',') &&
           std::ranges::count_if(before, [](const token& each) { return each.is_symbol('('); }) ==
               std::ranges::count_if(before, [](const token& each) { return each.is_symbol(')'); });
}

std::vector<std::span<const token>> divided_at_commas(std::span<const token> arguments) {
    std::vector<std::span<const token>> parts;
    std::size_t depth = 0;
    std::size_t begin = 0;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        if (arguments[i].is_symbol('(')) {
            ++depth;
        } else if (arguments[i].is_symbol(')')) {
            --depth;
        } else if (arguments[i].is_symbol(',') && depth == 0) {
            parts.push_back(arguments.subspan(begin, i - begin));
            begin = i + 1;
        }
    }
    parts.push_back(arguments.subspan(begin));
    return parts;
}

/// Of one token, with a cast or without: that token. Otherwise one of kind end.
token constant_of(std::span<const token> argument) {
    const bool cast =
        argument.size() == 4 && argument[1].is_symbol(':') && argument[2].is_symbol(':');
    return argument.size() == 1 || cast ? argument.front() : token();
}

std::optional<bool> truth_of(const token& constant) {
    std::string value = constant.kind == token_kind::word
                            ? name_of(constant)
                            : value_of(constant).value_or(std::string());
    std::ranges::transform(value, value.begin(), lower);
    if (value == "true" || (value == "t" && constant.kind == token_kind::string)) {
        return true;
    }
    if (value == "false" || (value == "f" && constant.kind == token_kind::string)) {
        return false;
    }
    return std::nullopt;
}

/// The name of the function is at `index`.
void add_set_config(std::vector<effect>& effects, std::span<const token> statement,
                    std::size_t index) {
    token_cursor at(statement.subspan(index + 1));
    const std::span<const token> all = at.take_parentheses();
    const auto arguments = divided_at_commas(all);
    std::optional<std::string> name;
    std::optional<std::string> value;
    std::optional<bool> local;
    if (arguments.size() == 3) {
        name = value_of(constant_of(arguments[0]));
        value = value_of(constant_of(arguments[1]));
        local = truth_of(constant_of(arguments[2]));
    }
    if (name) {
        std::ranges::transform(*name, name->begin(), lower);
    }
    const bool known = name && value && local && is_evaluated_once(statement, index);
    if (known || local.value_or(false)) {
        add_assignment(effects, {name.value_or(std::string()),
                                 "SELECT pg_catalog.set_config(" + text_of(all) + ')',
                                 value.value_or(std::string()), *local});
    } else {
        effects.push_back({.kind = effect_kind::pin, .cause = pin_cause::setting});
    }
}

pin_cause cause_of(session_call call) {
    switch (call) {
        case session_call::lock:
            return pin_cause::advisory_lock;
        case session_call::sequence:
            return pin_cause::sequence_value;
        case session_call::setting:
            return pin_cause::setting;
        default:
            return pin_cause::session_resource;
    }
}

}  // namespace

std::optional<session_call> call_at(const token& name, const token& next) {
    if (!name.is_name() || !next.is_symbol('(')) {
        return std::nullopt;
    }
    return name.is_encoded_name() ? session_call::other : session_call_of(name_of(name));
}

void add_effects_of_calls(std::vector<effect>& effects, std::span<const token> statement) {
    int set_configs = 0;
    for (std::size_t i = 0; i + 1 < statement.size(); ++i) {
        const auto call = call_at(statement[i], statement[i + 1]);
        if (!call) {
            continue;
        }
        if (*call == session_call::set_config) {
            if (++set_configs <= most_set_configs) {
                add_set_config(effects, statement, i);
            } else if (set_configs == most_set_configs + 1) {
                effects.push_back({.kind = effect_kind::pin, .cause = pin_cause::setting});
            }
        } else if (*call == session_call::unlock) {
            const bool all = name_of(statement[i]).ends_with("_all");
            effects.push_back(
                {.kind = effect_kind::advisory_unlock, .name = all ? "all" : std::string()});
        } else {
            effects.push_back({.kind = effect_kind::pin, .cause = cause_of(*call)});
        }
    }
}

}  // namespace weft::pool
