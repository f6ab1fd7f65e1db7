// SPDX-License-Identifier: Apache-2.0
#include "sql/effects.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

#include "sql/calls.h"
#include "sql/code_block.h"
#include "sql/needs_look.h"
#include "sql/settings.h"
#include "sql/statements.h"
#include "sql/temporary.h"
#include "sql/token.h"

namespace weft::pool {

namespace {

using tokens_of_statement = std::span<const token>;

class effect_reader {
public:
    explicit effect_reader(std::string_view sql) : sql_(sql) {}

    std::vector<effect> read();

private:
    using reader = void (effect_reader::*)(tokens_of_statement);
    struct entry {
        std::string_view word;
        reader read;
    };
    static const std::array<entry, 31> entries;

    void read_statement(tokens_of_statement statement);
    void read_begin(tokens_of_statement statement);
    void read_commit(tokens_of_statement statement);
    void read_rollback(tokens_of_statement statement);
    void read_prepare(tokens_of_statement statement);
    void read_execute(tokens_of_statement statement);
    void read_deallocate(tokens_of_statement statement);
    void read_discard(tokens_of_statement statement);
    void read_declare(tokens_of_statement statement);
    void read_listen(tokens_of_statement statement);
    void read_unlisten(tokens_of_statement statement);
    void read_load(tokens_of_statement statement);
    void read_create(tokens_of_statement statement);
    void read_alter(tokens_of_statement statement);
    void read_query(tokens_of_statement statement);
    void read_explain(tokens_of_statement statement);
    void read_do(tokens_of_statement statement);
    void read_set(tokens_of_statement statement) { add_effects_of_set(effects_, statement); }
    void read_reset(tokens_of_statement statement) { add_effects_of_reset(effects_, statement); }

    void add_number(std::size_t first, std::size_t number);
    void add_chain(tokens_of_statement statement);
    void add_pin(pin_cause cause) {
        effects_.push_back({.kind = effect_kind::pin, .cause = cause});
    }
    [[nodiscard]] text_place place_of(const token& name) const {
        return {static_cast<std::size_t>(name.text.data() - sql_.data()), name.text.size()};
    }
    /// With what is between the tokens, comments too: they may be hints.
    [[nodiscard]] std::string source_of(tokens_of_statement tokens) const;

    std::string_view sql_;
    std::vector<effect> effects_;
};

const std::array<effect_reader::entry, 31> effect_reader::entries{{
    {"select", &effect_reader::read_query},
    {"insert", &effect_reader::read_query},
    {"update", &effect_reader::read_query},
    {"delete", &effect_reader::read_query},
    {"with", &effect_reader::read_query},
    {"values", &effect_reader::read_query},
    {"table", &effect_reader::read_query},
    {"merge", &effect_reader::read_query},
    {"call", &effect_reader::read_query},
    {"copy", &effect_reader::read_query},
    {"alter", &effect_reader::read_alter},
    {"create", &effect_reader::read_create},
    {"begin", &effect_reader::read_begin},
    {"start", &effect_reader::read_begin},
    {"commit", &effect_reader::read_commit},
    {"end", &effect_reader::read_commit},
    {"rollback", &effect_reader::read_rollback},
    {"abort", &effect_reader::read_rollback},
    {"set", &effect_reader::read_set},
    {"reset", &effect_reader::read_reset},
    {"prepare", &effect_reader::read_prepare},
    {"execute", &effect_reader::read_execute},
    {"deallocate", &effect_reader::read_deallocate},
    {"discard", &effect_reader::read_discard},
    {"declare", &effect_reader::read_declare},
    {"explain", &effect_reader::read_explain},
    {"listen", &effect_reader::read_listen},
    {"unlisten", &effect_reader::read_unlisten},
    {"load", &effect_reader::read_load},
    {"do", &effect_reader::read_do},
    {"(", &effect_reader::read_query},
}};

std::string effect_reader::source_of(tokens_of_statement tokens) const {
    if (tokens.empty()) {
        return {};
    }
    const text_place first = place_of(tokens.front());
    const text_place last = place_of(tokens.back());
    return std::string(sql_.substr(first.at, last.at + last.size - first.at));
}

std::vector<effect> effect_reader::read() {
    std::vector<token> tokens;
    std::size_t number = 0;
    for (const tokens_of_statement statement : statements_of(sql_, tokens)) {
        const std::size_t before = effects_.size();
        read_statement(statement);
        add_number(before, number++);
    }
    for (effect& each : effects_) {
        each.alone = number == 1;
    }
    return std::move(effects_);
}

/// To the effects of a statement, the first of which has index `first`. Keeps one pin of each
/// cause.
void effect_reader::add_number(std::size_t first, std::size_t number) {
    std::array<bool, 16> seen{};
    const auto of_statement = std::span(effects_).subspan(first);
    for (effect& each : of_statement) {
        each.statement = number;
    }
    const auto repeated = std::ranges::remove_if(of_statement, [&](const effect& each) {
        return each.kind == effect_kind::pin &&
               std::exchange(seen.at(static_cast<std::size_t>(each.cause)), true);
    });
    effects_.resize(effects_.size() - repeated.size());
}

void effect_reader::read_statement(tokens_of_statement statement) {
    if (statement.empty()) {
        return;
    }
    const token& first = statement.front();
    const auto* const found = std::ranges::find_if(entries, [&](const entry& each) {
        return each.word == "(" ? first.is_symbol('(') : first.is(each.word);
    });
    if (found != entries.end()) {
        (this->*found->read)(statement);
    }
}

void effect_reader::read_begin(tokens_of_statement statement) {
    effects_.push_back({.kind = effect_kind::begin, .text = source_of(statement)});
}

/// AND CHAIN: the next transaction begins at once.
void effect_reader::add_chain(tokens_of_statement statement) {
    if (statement.back().is("chain") && !statement[statement.size() - 2].is("no")) {
        effects_.push_back({.kind = effect_kind::begin});
    }
}

void effect_reader::read_commit(tokens_of_statement statement) {
    if (statement.size() > 1 && statement[1].is("prepared")) {
        return;
    }
    effects_.push_back({.kind = effect_kind::commit});
    add_chain(statement);
}

void effect_reader::read_rollback(tokens_of_statement statement) {
    token_cursor at(statement);
    at.skip();
    if (at.take("prepared")) {
        return;
    }
    if (!at.take("work")) {
        at.take("transaction");
    }
    if (at.take("to")) {  // a savepoint
        return;
    }
    effects_.push_back({.kind = effect_kind::rollback});
    add_chain(statement);
}

void effect_reader::read_prepare(tokens_of_statement statement) {
    token_cursor at(statement);
    at.skip();
    if (at.peek().is("transaction") && at.peek(1).kind == token_kind::string) {
        effects_.push_back({.kind = effect_kind::prepare_transaction});
        return;
    }
    const token name = at.peek();
    if (!name.is_name()) {
        return;
    }
    at.skip();
    const tokens_of_statement types = at.take_parentheses();
    at.take("as");
    effects_.push_back({.kind = effect_kind::prepare,
                        .place = place_of(name),
                        .name = name_of(name),
                        .text = source_of(at.rest()),
                        .types = source_of(types)});
}

/// Begins with EXECUTE, or with what it is within.
void effect_reader::read_execute(tokens_of_statement statement) {
    const auto word =
        std::ranges::find_if(statement, [](const token& each) { return each.is("execute"); });
    token_cursor at(std::span(word, statement.end()));
    at.skip();
    const token name = at.peek();
    if (!name.is_name()) {
        return;
    }
    at.skip();
    const tokens_of_statement behind = at.rest();
    at.take_parentheses();
    const tokens_of_statement arguments = behind.first(behind.size() - at.rest().size());
    effects_.push_back({.kind = effect_kind::execute,
                        .place = place_of(name),
                        .name = name_of(name),
                        .text = source_of(arguments)});
    add_effects_of_calls(effects_, arguments);
}

void effect_reader::read_deallocate(tokens_of_statement statement) {
    token_cursor at(statement);
    at.skip();
    if (at.peek(1).is_name()) {
        at.take("prepare");
    }
    const token name = at.peek();
    if (name.is_name()) {
        effects_.push_back({.kind = effect_kind::deallocate,
                            .place = place_of(name),
                            .name = name.is("all") ? std::string() : name_of(name)});
    }
}

void effect_reader::read_discard(tokens_of_statement statement) {
    static constexpr std::array<std::pair<std::string_view, effect_kind>, 5> what{{
        {"all", effect_kind::discard_all},
        {"temp", effect_kind::discard_temp},
        {"temporary", effect_kind::discard_temp},
        {"plans", effect_kind::discard_plans},
        {"sequences", effect_kind::discard_sequences},
    }};
    token_cursor at(statement);
    at.skip();
    for (const auto& [word, kind] : what) {
        if (at.peek().is(word)) {
            effects_.push_back({.kind = kind});
        }
    }
}

void effect_reader::read_declare(tokens_of_statement statement) {
    static constexpr std::array<std::string_view, 3> held{"cursor", "with", "hold"};
    const auto is_word = [](const token& each, std::string_view word) { return each.is(word); };
    if (!std::ranges::search(statement, held, is_word).empty()) {
        add_pin(pin_cause::held_cursor);
    }
    add_effects_of_calls(effects_, statement);
}

void effect_reader::read_listen(tokens_of_statement statement) {
    if (statement.size() > 1 && statement[1].is_encoded_name()) {
        add_pin(pin_cause::encoded_channel);
    } else if (statement.size() > 1 && statement[1].is_name()) {
        effects_.push_back({.kind = effect_kind::listen, .name = name_of(statement[1])});
    }
}

void effect_reader::read_unlisten(tokens_of_statement statement) {
    // With an encoded name it has no effect here: better told too much than too little.
    if (statement.size() > 1 && !statement[1].is_encoded_name()) {
        const bool one = statement[1].is_name();
        effects_.push_back(
            {.kind = effect_kind::unlisten, .name = one ? name_of(statement[1]) : std::string()});
    }
}

void effect_reader::read_load(tokens_of_statement) {
    add_pin(pin_cause::loaded_library);
}

void effect_reader::read_create(tokens_of_statement statement) {
    if (creates_temporary(statement)) {
        add_pin(pin_cause::temporary_object);
    }
    // Others keep the expressions that they hold for later.
    const auto is_run = [](const token& each) {
        return each.is("table") || each.is("materialized");
    };
    if (std::ranges::none_of(statement.first(std::min<std::size_t>(statement.size(), 4)), is_run)) {
        return;
    }
    for (std::size_t i = 1; i < statement.size(); ++i) {
        if (statement[i].is("execute") && statement[i - 1].is("as")) {
            read_execute(statement.subspan(i));
            break;
        }
    }
    add_effects_of_calls(effects_, statement);
}

void effect_reader::read_alter(tokens_of_statement statement) {
    if (statement.size() > 1 && statement[1].is("table")) {
        add_effects_of_calls(effects_, statement);  // the default of a new column
    }
}

void effect_reader::read_query(tokens_of_statement statement) {
    if (selects_into_temporary(statement)) {
        add_pin(pin_cause::temporary_object);
    }
    const auto updates = [](const token& each) { return each.is("update"); };
    const auto settings = [](const token& each) { return each.is_named("pg_settings"); };
    // That view's rule for UPDATE calls set_config().
    if (std::ranges::any_of(statement, updates) && std::ranges::any_of(statement, settings)) {
        add_pin(pin_cause::setting);
    }
    add_effects_of_calls(effects_, statement);
}

void effect_reader::read_explain(tokens_of_statement statement) {
    const auto analyzes = [](const token& each) {
        return each.is("analyze") || each.is("analyse");
    };
    token_cursor at(statement);
    at.skip();
    bool runs = false;
    const token& first_inside = at.peek(1);
    const bool is_query = first_inside.is_symbol('(') || first_inside.is("select") ||
                          first_inside.is("with") || first_inside.is("values") ||
                          first_inside.is("table");
    if (at.peek().is_symbol('(') && !is_query) {
        runs = std::ranges::any_of(at.take_parentheses(), analyzes);
    }
    while (analyzes(at.peek()) || at.peek().is("verbose")) {
        runs = runs || analyzes(at.peek());
        at.skip();
    }
    if (runs && !at.peek().is("explain")) {
        read_statement(at.rest());
        return;
    }
    const tokens_of_statement explained = at.rest();
    if (std::ranges::any_of(explained, [](const token& each) { return each.is("execute"); }) &&
        (at.peek().is("execute") || at.peek().is("create"))) {
        read_execute(explained);
    }
}

void effect_reader::read_do(tokens_of_statement statement) {
    if (std::ranges::any_of(statement, code_needs_pin)) {
        add_pin(pin_cause::code_block);
    }
}

/// A token at a time, in no memory: has a long text anything that effects_of() would tell?
bool has_any_effect(std::string_view sql) {
    token_reader reader(sql);
    token before;
    bool at_begin = true;
    for (token each = reader.next(); each.kind != token_kind::end; each = reader.next()) {
        if ((at_begin && each.kind == token_kind::word && keyword_needs_look(each.text)) ||
            call_at(before, each) || makes_temporary(before, each) ||
            each.is_named("pg_settings")) {
            return true;
        }
        at_begin = each.is_symbol(';') || (at_begin && each.is_symbol('('));
        before = each;
    }
    return false;
}

}  // namespace

std::vector<effect> effects_of(std::string_view sql) {
    sql = sql.substr(0, sql.find('\0'));
    if (sql.size() <= longest_read) {
        return effect_reader(sql).read();
    }
    if (!has_any_effect(sql)) {
        return {};
    }
    std::vector<effect> effects;
    effects.push_back({.kind = effect_kind::pin, .cause = pin_cause::unread});
    token_reader reader(sql);
    if (reader.next().is("execute")) {
        // Arguments may be that long; the name is near.
        const token name = reader.next();
        if (name.is_name()) {
            effects.push_back({.kind = effect_kind::execute,
                               .place = {static_cast<std::size_t>(name.text.data() - sql.data()),
                                         name.text.size()},
                               .name = name_of(name)});
        }
    }
    return effects;
}

std::string_view describe(pin_cause cause) noexcept {
    switch (cause) {
        case pin_cause::none:
            return "none";
        case pin_cause::temporary_object:
            return "temporary object";
        case pin_cause::held_cursor:
            return "cursor WITH HOLD";
        case pin_cause::advisory_lock:
            return "session advisory lock";
        case pin_cause::sequence_value:
            return "currval() or lastval()";
        case pin_cause::loaded_library:
            return "LOAD";
        case pin_cause::setting:
            return "setting that cannot be set again";
        case pin_cause::session_resource:
            return "resource of the session";
        case pin_cause::encoded_channel:
            return "LISTEN to an encoded name";
        case pin_cause::code_block:
            return "DO block that changes the session";
        case pin_cause::unread:
            return "text too long to read";
    }
    return "unknown";
}

}  // namespace weft::pool
