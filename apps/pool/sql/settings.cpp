// SPDX-License-Identifier: Apache-2.0
#include "sql/settings.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

namespace weft::pool {

namespace {

/// They end with the transaction, however they are set.
bool is_of_transaction(std::string_view name) {
    return name == "transaction_isolation" || name == "transaction_read_only" ||
           name == "transaction_deferrable";
}

/// New tables are temporary where the search begins with the schema of temporary ones.
bool begins_with_pg_temp(std::string_view search_path) {
    search_path.remove_prefix(std::min(search_path.find_first_not_of(" \""), search_path.size()));
    return std::ranges::equal(search_path.substr(0, 7), std::string_view("pg_temp"), {}, lower);
}

std::optional<effect_kind> identity_kind(std::string_view name) {
    if (name == "role") {
        return effect_kind::set_role;
    }
    if (name == "session_authorization") {
        return effect_kind::set_session_authorization;
    }
    return std::nullopt;
}

void add_pin(std::vector<effect>& effects, pin_cause cause) {
    effects.push_back({.kind = effect_kind::pin, .cause = cause});
}

void add_reset(std::vector<effect>& effects, std::string name, bool local) {
    if (const auto identity = identity_kind(name)) {
        effects.push_back({.kind = *identity,
                           .local = local,
                           .text = name == "role" ? "RESET ROLE" : "RESET SESSION AUTHORIZATION"});
    } else if (!is_of_transaction(name)) {
        effects.push_back(
            {.kind = effect_kind::reset_parameter, .local = local, .name = std::move(name)});
    }
}

/// Whether what looks like a keyword of SET is the name of a parameter: `SET session.user = 1`.
bool is_parameter(const token_cursor& at) {
    const token& next = at.peek(1);
    return next.is_symbol('.') || next.is_symbol('=') || next.is("to");
}

/// Takes `word` if it is a keyword of SET there.
bool take_keyword(token_cursor& at, std::string_view word) {
    return !is_parameter(at) && at.take(word);
}

std::string value_of_one(std::span<const token> tokens) {
    if (tokens.empty()) {
        return {};
    }
    return tokens.front().is_name() ? name_of(tokens.front())
                                    : value_of(tokens.front()).value_or(std::string());
}

/// SET SESSION CHARACTERISTICS AS TRANSACTION: behind these words.
void add_characteristics(std::vector<effect>& effects, token_cursor at) {
    const auto add = [&](std::string name, std::string_view value) {
        std::string text = "SET " + name + " TO '";
        text.append(value).append("'");
        add_assignment(effects, {std::move(name), std::move(text), std::string(value), false});
    };
    while (!at.at_end()) {
        if (at.take("isolation")) {
            at.take("level");
            const bool two_words = at.peek().is("repeatable") || at.peek().is("read");
            std::string level = name_of(at.peek());
            if (two_words) {
                level += ' ' + name_of(at.peek(1));
            }
            at.skip(two_words ? 2 : 1);
            add("default_transaction_isolation", level);
        } else if (at.take("read")) {
            add("default_transaction_read_only", at.peek().is("only") ? "on" : "off");
            at.skip();
        } else if (at.take("not")) {
            add("default_transaction_deferrable", "off");
            at.skip();
        } else {
            if (at.peek().is("deferrable")) {
                add("default_transaction_deferrable", "on");
            }
            at.skip();  // a comma as well
        }
    }
}

std::string take_parameter_name(token_cursor& at) {
    std::string name;
    do {
        std::string part = name_of(at.peek());
        std::ranges::transform(part, part.begin(), lower);
        name += (name.empty() ? "" : ".") + part;
        at.skip();
    } while (at.take_symbol('.'));
    return name;
}

/// The parameter's name, for the forms of SET and RESET that have words of their own. The cursor is
/// then at the value.
std::optional<std::string> take_special_name(token_cursor& at) {
    if (at.peek().is("time") && at.peek(1).is("zone")) {
        at.skip(2);
        return "timezone";
    }
    if (at.peek().is("xml") && at.peek(1).is("option")) {
        at.skip(2);
        return "xmloption";
    }
    if (at.peek().is("session") && at.peek(1).is("authorization")) {
        at.skip(2);
        return "session_authorization";
    }
    static constexpr std::array<std::pair<std::string_view, const char*>, 3> single{
        {{"names", "client_encoding"}, {"schema", "search_path"}, {"role", "role"}}};
    for (const auto& [word, name] : single) {
        if (take_keyword(at, word)) {
            return name;
        }
    }
    return std::nullopt;
}

bool means_default(const std::string& name, std::span<const token> value) {
    if (value.empty()) {
        return name == "client_encoding";  // SET NAMES alone
    }
    return value.size() == 1 &&
           (value.front().is("default") || (name == "timezone" && value.front().is("local")));
}

}  // namespace

void add_assignment(std::vector<effect>& effects, assignment from) {
    if (is_of_transaction(from.name)) {
        return;
    }
    if (from.name == "seed") {
        add_pin(effects, pin_cause::setting);
        return;
    }
    if (from.name == "search_path" && begins_with_pg_temp(from.value)) {
        add_pin(effects, pin_cause::temporary_object);
    }
    if (const auto identity = identity_kind(from.name)) {
        effects.push_back({.kind = *identity,
                           .local = from.local,
                           .name = std::move(from.value),
                           .text = std::move(from.text)});
        return;
    }
    effects.push_back({.kind = effect_kind::set_parameter,
                       .local = from.local,
                       .name = std::move(from.name),
                       .text = std::move(from.text)});
}

void add_effects_of_set(std::vector<effect>& effects, std::span<const token> statement) {
    token_cursor at(statement);
    at.skip();
    const bool local = take_keyword(at, "local");
    if (!local && at.peek().is("session") && !at.peek(1).is("authorization")) {
        take_keyword(at, "session");
    }
    if (at.peek().is("characteristics") && at.peek(1).is("as")) {
        at.skip(3);
        add_characteristics(effects, at);
        return;
    }
    if (take_keyword(at, "transaction") || take_keyword(at, "constraints")) {
        return;
    }
    std::string text = "SET " + text_of(at.rest());
    std::optional<std::string> name = take_special_name(at);
    if (at.peek().is_encoded_name()) {  // of the parameter, or the value: a role, say
        add_pin(effects, pin_cause::setting);
        return;
    }
    if (!name && at.peek().is_name()) {
        name = take_parameter_name(at);
        if (at.take("from")) {  // FROM CURRENT: what was local becomes the session's
            if (!local) {
                add_pin(effects, pin_cause::setting);
            }
            return;
        }
        if (!at.take_symbol('=')) {
            at.take("to");
        }
    }
    if (!name) {
        return;
    }
    if (means_default(*name, at.rest())) {
        add_reset(effects, std::move(*name), local);
    } else {
        add_assignment(effects,
                       {std::move(*name), std::move(text), value_of_one(at.rest()), local});
    }
}

void add_effects_of_reset(std::vector<effect>& effects, std::span<const token> statement) {
    token_cursor at(statement);
    at.skip();
    if (at.take("all")) {
        effects.push_back({.kind = effect_kind::reset_all});
        return;
    }
    if (at.peek().is("transaction")) {
        return;
    }
    std::optional<std::string> name = take_special_name(at);
    if (!name && at.peek().is_name()) {
        name = take_parameter_name(at);
    }
    if (name) {
        add_reset(effects, std::move(*name), false);
    }
}

}  // namespace weft::pool
