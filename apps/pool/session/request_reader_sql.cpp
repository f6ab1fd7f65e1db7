// SPDX-License-Identifier: Apache-2.0
//
// Of request_reader: SQL's PREPARE, EXECUTE and DEALLOCATE. A text that has one of them, and no
// more, is sent on with the name that the statement has on the server, in place of the client's. A
// PREPARE makes the same statement as a Parse would, so that either may make, run and end what the
// other one has made, as PostgreSQL has one namespace for both. It is sent as it is, to be told
// what is wrong with it; only other servers get it as a Parse.
//
// What cannot be sent on like that (several of them in one text, a PREPARE that is not alone, types
// that only the server knows) pins the client, and goes as it is: the statements that it names get
// the client's own names on that server, and what is prepared from then on, too.
#include <algorithm>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include "session/request_reader.h"
#include "sql/token.h"
#include "sql/type_names.h"
#include "wire/bytes.h"

namespace weft::pool {

namespace {

bool names_statement(const effect& each) {
    return each.kind == effect_kind::prepare || each.kind == effect_kind::execute ||
           (each.kind == effect_kind::deallocate && !each.name.empty());
}

/// As a Parse says it. Empty: it cannot.
std::string as_parse(const effect& prepare, std::string_view name) {
    const auto types = type_numbers_of(prepare.types);
    const bool is_encoded = name.size() > 1 && lower(name[0]) == 'u' && name[1] == '&';
    if (!types || is_encoded || types->size() > 0xffff) {
        return {};
    }
    std::string bytes = prepare.text;
    bytes += '\0';
    put_u16(bytes, static_cast<std::uint16_t>(types->size()));
    for (const std::uint32_t each : *types) {
        put_u32(bytes, each);
    }
    return bytes;
}

effects_ptr both(const effects_ptr& a, const effects_ptr& b) {
    if (a == nullptr || b == nullptr) {
        return a != nullptr ? a : b;
    }
    std::vector<effect> all = *a;
    std::ranges::copy(*b, std::back_inserter(all));
    return std::make_shared<const std::vector<effect>>(std::move(all));
}

}  // namespace

/// Those that name a prepared statement.
std::vector<const effect*> request_reader::uses_of(const effects_ptr& effects) {
    std::vector<const effect*> uses;
    if (effects != nullptr) {
        for (const effect& each : *effects) {
            if (names_statement(each)) {
                uses.push_back(&each);
            }
        }
    }
    return uses;
}

/// A message with SQL `at` in its body, that has these effects. They become those of what it
/// executes, too.
request_reader::change request_reader::pass_text(const message& m, std::size_t at,
                                                 effects_ptr& effects, outbox& out,
                                                 reading& so_far) {
    const std::vector<const effect*> uses = uses_of(effects);
    effects_ptr inner;
    if (uses.size() == 1 && uses.front()->kind == effect_kind::execute) {
        if (const statement_ptr statement = find(uses.front()->name)) {
            inner = of_.look_at(std::string_view(statement->bytes.c_str()));
            forget_draws(inner, out);
        }
    }
    const std::size_t before = of_.expected.count();
    if (uses.size() != 1 || !pass_with_name(m, at, *uses.front(), out, so_far)) {
        give_own_names(uses, m.body().substr(at), out);
        end_preparations(m, before, out);
        pass(m, out, so_far);
        return {};
    }
    const effect& use = *uses.front();
    change made = std::exchange(changed_, {});
    if (use.kind == effect_kind::execute) {
        of_.bound_by_name = true;
        of_.bound.push_back(made.statement);
        if (!m.whole() || !use.alone) {
            made = {};
        }
        effects = both(effects, inner);  // the end of `use`
    }
    return made;
}

/// Whether it could be done. If so, `changed_` is what comes of it.
bool request_reader::pass_with_name(const message& m, std::size_t at, const effect& use,
                                    outbox& out, reading& so_far) {
    const bool alone = m.whole() && use.alone;
    const std::size_t before = of_.expected.count();
    statement_ptr statement = find(use.name);
    if (statement != nullptr && (alone || use.kind == effect_kind::execute)) {
        prepare(statement, out);
        if (use.kind != effect_kind::prepare) {
            changed_ = {statement, use.name,
                        use.kind == effect_kind::execute ? expectation::doing::run
                                                         : expectation::doing::end};
        }
        of_.prepares_by_name = of_.prepares_by_name || use.kind != effect_kind::execute;
    } else if (use.kind == effect_kind::prepare && alone && statement == nullptr &&
               !of_.has_own_names && of_.parts.most_statements != 0) {
        const std::string bytes = as_parse(use, m.body().substr(at + use.place.at));
        if (bytes.empty()) {
            return false;
        }
        statement = of_.parts.statements.intern(bytes);
        close_on_server(statement, out);  // or it would be there already
        make_room(out);
        of_.prepares_by_name = true;
        changed_ = {statement, use.name, expectation::doing::make};
    } else {
        return false;
    }
    end_preparations(m, before, out);
    rename(m, {at + use.place.at, use.place.size}, server_name_of(*statement), out, so_far);
    return true;
}

/// They go with the message as it is. Those that are only run or ended, and are not followed, are
/// there by these names, or not at all.
void request_reader::give_own_names(const std::vector<const effect*>& uses, std::string_view sql,
                                    outbox& out) {
    for (const effect* const each : uses) {
        const statement_ptr statement = find(each->name);
        if (statement == nullptr && each->kind != effect_kind::prepare) {
            continue;
        }
        of_.pin("PREPARE", sql, each->statement);
        of_.has_own_names = of_.prepares_by_name = true;
        if (statement != nullptr) {
            message_builder(out.copy(), request::parse).text(each->name).bytes(statement->bytes);
            expectation own;
            own.request = request::parse;
            own.how = expectation::handling::swallow;
            own.does = expectation::doing::own;
            own.statement = statement;
            own.name = each->name;
            of_.expected.push(std::move(own));
            (*of_.client_names)->erase(each->name);
        }
    }
}

void request_reader::close_on_server(const statement_ptr& statement, outbox& out) {
    if (!of_.server_statements->use(*statement)) {
        return;
    }
    put_close_statement(out.copy(), server_name_of(*statement));
    of_.server_statements->remove(*statement);
    expectation closed;
    closed.request = request::close;
    closed.how = expectation::handling::swallow;
    closed.statement = statement;
    of_.expected.push(std::move(closed));
}

/// Of a Query, before which something was put that had `before` expectations in front: a Sync, as a
/// server that has failed at it would ignore the Query, too.
void request_reader::end_preparations(const message& m, std::size_t before, outbox& out) {
    if (m.head.type != request::query || of_.unsynced || of_.expected.count() == before) {
        return;
    }
    put_sync(out.copy());
    expectation own;
    own.request = request::sync;
    own.how = expectation::handling::swallow;
    of_.expected.push(std::move(own));
}

/// A message with another name at `place` in its body.
void request_reader::rename(const message& m, text_place place, std::string name, outbox& out,
                            reading& so_far) {
    const std::string_view body = m.body();
    const std::string_view behind = body.substr(place.at + place.size);
    if (place.at > 0 && continues_word(body[place.at - 1])) {
        name.insert(0, 1, ' ');  // EXECUTE"name"
    }
    if (!behind.empty() && continues_word(behind.front())) {
        name += ' ';
    }
    std::string& to = out.copy();
    to += m.head.type;
    put_u32(to, static_cast<std::uint32_t>(m.head.size - 1 - place.size + name.size()));
    to += body.substr(0, place.at);
    to += name;
    to += behind;
    so_far.taken += m.there.size();
    of_.request_left = m.head.size - m.there.size();
}

/// It is asked for now: counted as done, until the server says that it is not. What is to be
/// expected.
expectation request_reader::begin(change what) {
    expectation asked;
    asked.statement = std::move(what.statement);
    asked.name = std::move(what.name);
    asked.does = what.does;
    if (asked.statement == nullptr) {
        return asked;
    }
    if (asked.does == expectation::doing::make) {
        names().insert_or_assign(asked.name, asked.statement);
        of_.server_statements->add(asked.statement);
    } else if (asked.does == expectation::doing::end) {
        names().erase(asked.name);
        of_.server_statements->remove(*asked.statement);
    }
    return asked;
}

client_statements& request_reader::names() {
    if (*of_.client_names == nullptr) {
        *of_.client_names = std::make_unique<client_statements>();
    }
    return **of_.client_names;
}

}  // namespace weft::pool
