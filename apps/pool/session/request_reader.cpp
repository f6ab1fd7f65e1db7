// SPDX-License-Identifier: Apache-2.0
#include "session/request_reader.h"

#include <algorithm>
#include <string>
#include <utility>

#include "wire/bytes.h"

namespace weft::pool {

namespace {

/// Of longer ones only the beginning is looked at, and the client keeps its server.
constexpr std::uint32_t longest_looked_at = 1U << 20;

/// A message that must be there as a whole before it goes on is not longer.
constexpr std::size_t longest_held = 16U << 20;

/// Nor is the part of a Bind that says what is bound to what.
constexpr std::size_t longest_names = 64U << 10;

/// With so much in the outbox one stops: a short Bind may send along a long statement.
constexpr std::size_t most_at_once = 64U << 10;

/// Of a text that is not read as a whole, so much is.
constexpr std::size_t longest_beginning = 1U << 10;

/// As many may wait for their answers, so that they do not fill the memory.
constexpr std::size_t most_expected = 1U << 20;

/// Whether something may be drawn from a sequence for this.
bool executes(char type) {
    return type == request::query || type == request::function_call || type == request::bind ||
           type == request::execute;
}

}  // namespace

reading request_reader::read(std::string_view bytes, outbox& out) {
    reading so_far;
    for (;;) {
        const std::string_view rest = bytes.substr(so_far.taken);
        if (of_.request_left != 0) {
            const std::size_t part = std::min(of_.request_left, rest.size());
            out.forward(rest.substr(0, part));
            so_far.taken += part;
            of_.request_left -= part;
            if (of_.request_left != 0) {
                return so_far;
            }
            continue;
        }
        if (rest.size() < head_size) {
            return so_far;
        }
        const auto head = read_head(rest);
        if (!is_request(rest[0])) {
            so_far.error = "invalid frontend message type " +
                           std::to_string(static_cast<unsigned char>(rest[0]));
            return so_far;
        }
        if (!head || head->size > of_.parts.longest_message) {
            so_far.error = "invalid message length";
            return so_far;
        }
        if (of_.parts.refuses_queries && head->type == request::query) {
            so_far.error = "PQexec disallowed";
            return so_far;
        }
        if (so_far.taken != 0 && out.pending().size() >= most_at_once) {
            so_far.more = true;
            return so_far;
        }
        if (of_.expected.count() >= most_expected) {
            so_far.error = "too many requests without an answer";
            return so_far;
        }
        const message m{*head, rest.substr(0, std::min<std::size_t>(rest.size(), head->size))};
        if (!take(m, out, so_far)) {
            return so_far;
        }
        of_.fresh = of_.fresh && !executes(m.head.type);
    }
}

/// Whether reading goes on.
bool request_reader::take(const message& m, outbox& out, reading& so_far) {
    const char type = m.head.type;
    if (type == request::terminate) {
        so_far.terminate = true;
        return false;
    }
    if (of_.skipping && type != request::sync) {
        pass(m, out, so_far);
        return true;
    }
    switch (type) {
        case request::query:
            return take_query(m, out, so_far);
        case request::function_call:
            of_.unsynced = false;
            of_.expected.push(type);
            break;
        case request::sync:
            take_sync();
            break;
        case request::copy_done:
        case request::copy_fail:
            take_end_of_copy(type);
            break;
        case request::parse:
            of_.unsynced = true;
            return take_parse(m, out, so_far);
        case request::bind:
            of_.unsynced = true;
            return take_bind(m, out, so_far);
        case request::describe:
        case request::close:
            of_.unsynced = true;
            return take_describe_or_close(m, out, so_far);
        case request::execute: {
            of_.unsynced = true;
            expectation executed = begin(std::exchange(bound_change_, {}));
            executed.request = type;
            of_.expected.push(std::move(executed));
            break;
        }
        default:
            break;
    }
    pass(m, out, so_far);
    return true;
}

bool request_reader::take_query(const message& m, outbox& out, reading& so_far) {
    effects_ptr effects;
    if (of_.parts.follows_session) {
        if (m.head.size <= longest_looked_at ? !wants(m, so_far) : lacks_beginning(m, so_far)) {
            return false;
        }
        effects = look_at(m, m.body());
    }
    of_.note_statement(m.body());
    if (effects == nullptr) {  // as most
        pass(m, out, so_far);
        of_.unsynced = false;
        of_.expected.push(request::query);
        return true;
    }
    forget_draws(effects, out);
    expectation asked = begin(pass_text(m, 0, effects, out, so_far));
    of_.unsynced = false;
    asked.request = request::query;
    asked.effects = std::move(effects);
    of_.expected.push(std::move(asked));
    return true;
}

/// `text`: the SQL, with what is behind it; cut off if the message is too long to be looked at.
effects_ptr request_reader::look_at(const message& m, std::string_view text) {
    if (!m.whole() && of_.parts.follows_session) {
        of_.pin(describe(pin_cause::unread), text);
    }
    return of_.look_at(text.substr(0, text.find('\0')));
}

/// currval() and lastval() answer from what the session has drawn from sequences. A client that
/// begins with one has drawn nothing on this server, but others may have: before it is told their
/// values, the server forgets them, and says that there are none.
void request_reader::forget_draws(const effects_ptr& effects, outbox& out) {
    if (!of_.fresh || effects == nullptr || std::ranges::none_of(*effects, [](const effect& each) {
            return each.kind == effect_kind::pin && each.cause == pin_cause::sequence_value;
        })) {
        return;
    }
    of_.fresh = false;
    put_query(out.copy(), "DISCARD SEQUENCES");
    expectation own;
    own.request = request::query;
    own.how = expectation::handling::swallow;
    of_.expected.push(std::move(own));
}

/// A server that copies in ignores it.
void request_reader::take_sync() {
    if (of_.copy_in) {
        ++of_.ignored_syncs;
        return;
    }
    of_.skipping = false;
    of_.unsynced = false;
    of_.expected.push(request::sync);
}

/// It may belong to a COPY of which the server has not said yet that it has begun.
void request_reader::take_end_of_copy(char type) {
    if (!of_.copy_in && !of_.expected.empty()) {
        of_.expected.push({.request = type,
                           .how = expectation::handling::none,
                           .statement = nullptr,
                           .name = {},
                           .effects = {}});
    }
    of_.copy_in = false;
}

void request_reader::pass(const message& m, outbox& out, reading& so_far) {
    out.forward(m.there);
    so_far.taken += m.there.size();
    of_.request_left = m.head.size - m.there.size();
}

/// Whether there is not even as much of the message as has the name that an EXECUTE begins with.
bool request_reader::lacks_beginning(const message& m, reading& so_far) {
    if (m.whole() || m.there.size() >= longest_beginning) {
        return false;
    }
    so_far.needed = std::min<std::size_t>(m.head.size, longest_beginning);
    return true;
}

/// The whole message must be there. Whether it is. What it needs grows with what has come: a client
/// that says that much will follow has no memory for that.
bool request_reader::wants(const message& m, reading& so_far) {
    if (m.whole()) {
        return true;
    }
    if (m.head.size > longest_held) {
        so_far.error = "message is too long";
    } else {
        so_far.needed = std::min<std::size_t>(m.head.size, 2 * m.there.size());
    }
    return false;
}

bool request_reader::take_parse(const message& m, outbox& out, reading& so_far) {
    if (of_.parts.follows_session && m.head.size <= longest_looked_at && !wants(m, so_far)) {
        return false;
    }
    const bool unnamed = m.there.size() > head_size && m.body()[0] == '\0';
    if (unnamed) {
        if (of_.parts.follows_session && lacks_beginning(m, so_far)) {
            return false;
        }
        of_.note_statement(m.body().substr(1));
        unnamed_effects_ = look_at(m, m.body().substr(1));
        of_.unnamed_known = true;
        forget_draws(unnamed_effects_, out);
        unnamed_change_ = pass_text(m, 1, unnamed_effects_, out, so_far);
        of_.expected.push(request::parse);
        return true;
    }
    if (of_.parts.most_statements == 0) {
        of_.expected.push(request::parse);
        pass(m, out, so_far);
        return true;
    }
    if (!m.whole() && m.there.size() == head_size) {
        so_far.needed = head_size + 1;  // whether it has a name
        return false;
    }
    return wants(m, so_far) && take_named_parse(m, out, so_far);
}

bool request_reader::take_named_parse(const message& m, outbox& out, reading& so_far) {
    byte_reader body(m.body());
    const std::string_view name = body.text();
    if (!body.ok()) {
        so_far.error = "invalid message format";
        return false;
    }
    of_.prepares_by_name = true;
    if (of_.status == transaction::failed && of_.expected.empty()) {
        of_.expected.push(request::parse);  // the server says so
        pass(m, out, so_far);
        return true;
    }
    if (pass_under_own_name(m, name, body.rest(), out, so_far)) {
        return true;
    }
    so_far.taken += m.there.size();
    ++of_.client_parses;
    if (find(name) != nullptr) {
        // The server says that it is there already, by its own name.
        const statement_ptr there = find(name);
        prepare(there, out);
        message_builder(out.copy(), request::parse).text(server_name_of(*there)).bytes(body.rest());
        of_.expected.push(request::parse);
        return true;
    }
    const statement_ptr statement = of_.parts.statements.intern(body.rest());
    names().emplace(name, statement);
    const bool known = of_.server_statements->use(*statement);
    if (!known) {
        make_room(out);
        ++of_.server_parses;
        message_builder(out.copy(), request::parse)
            .text(server_name_of(*statement))
            .bytes(body.rest());
        of_.server_statements->add(statement);
    }
    of_.expected.push({.request = request::parse,
                       .how = known ? expectation::handling::make : expectation::handling::forward,
                       .statement = statement,
                       .name = std::string(name),
                       .effects = {}});
    return true;
}

/// A text that names prepared statements of this client cannot be shared with others.
bool request_reader::pass_under_own_name(const message& m, std::string_view name,
                                         std::string_view sql, outbox& out, reading& so_far) {
    if (find(name) != nullptr) {
        return false;
    }
    sql = sql.substr(0, sql.find('\0'));
    if (const effects_ptr effects = of_.read(sql)) {
        const std::vector<const effect*> uses = uses_of(effects);
        if (!uses.empty()) {  // whether there is such a statement yet or not
            of_.pin("PREPARE", sql);
            of_.has_own_names = true;
        }
        give_own_names(uses, sql, out);
    }
    if (!of_.has_own_names) {
        return false;
    }
    of_.expected.push(request::parse);
    pass(m, out, so_far);
    return true;
}

statement_ptr request_reader::find(std::string_view name) const {
    if (*of_.client_names == nullptr) {
        return nullptr;
    }
    const auto found = (*of_.client_names)->find(name);
    return found != (*of_.client_names)->end() ? found->second : nullptr;
}

/// The server has `statement` when it gets to what follows.
void request_reader::prepare(const statement_ptr& statement, outbox& out) {
    if (of_.server_statements->use(*statement)) {
        return;
    }
    make_room(out);
    ++of_.server_parses;
    message_builder(out.copy(), request::parse)
        .text(server_name_of(*statement))
        .bytes(statement->bytes);
    of_.server_statements->add(statement);
    of_.expected.push({.request = request::parse,
                       .how = expectation::handling::swallow,
                       .statement = statement,
                       .name = {},
                       .effects = {}});
}

void request_reader::make_room(outbox& out) {
    while (of_.server_statements->size() >= of_.parts.most_statements) {
        const statement_ptr oldest = of_.server_statements->oldest();
        close_on_server(oldest, out);
    }
}

bool request_reader::take_bind(const message& m, outbox& out, reading& so_far) {
    byte_reader body(m.body());
    const std::string_view portal = body.text();
    const std::string_view name = body.text();
    if (!body.ok()) {
        if (m.whole() || m.there.size() > longest_names) {
            so_far.error = "invalid message format";
        } else {
            so_far.needed = m.there.size() + 1;
        }
        return false;
    }
    const statement_ptr statement =
        of_.parts.most_statements == 0 || name.empty() ? nullptr : find(name);
    bound_change_ = name.empty() ? unnamed_change_ : change();
    expectation bound;
    bound.request = request::bind;
    if (statement == nullptr) {
        if (!name.empty()) {
            of_.note_statement({});
        }
        ++of_.binds;
        bound.effects = name.empty() ? unnamed_effects_ : nullptr;
        if (name.empty() && !of_.unnamed_known && of_.parts.follows_session &&
            of_.pinned_by.empty()) {
            of_.pinned_by = describe(pin_cause::unread);
        }
        of_.expected.push(std::move(bound));
        pass(m, out, so_far);
        return true;
    }
    of_.note_statement(statement->bytes);
    bound.effects = of_.look_at(std::string_view(statement->bytes.c_str()));
    forget_draws(bound.effects, out);
    prepare(statement, out);
    ++of_.binds;
    bound.statement = statement;
    of_.bound_by_name = true;
    of_.bound.push_back(statement);
    of_.expected.push(std::move(bound));
    const std::string ours = server_name_of(*statement);
    std::string& to = out.copy();
    to += request::bind;
    put_u32(to, static_cast<std::uint32_t>(m.head.size - 1 - name.size() + ours.size()));
    put_text(to, portal);
    put_text(to, ours);
    to += body.rest();
    so_far.taken += m.there.size();
    of_.request_left = m.head.size - m.there.size();
    return true;
}

bool request_reader::take_describe_or_close(const message& m, outbox& out, reading& so_far) {
    if (!wants(m, so_far)) {
        return false;
    }
    byte_reader body(m.body());
    const auto kind = static_cast<char>(body.u8());
    const std::string_view name = body.text();
    if (!body.complete()) {
        so_far.error = "invalid message format";
        return false;
    }
    const bool followed = of_.parts.most_statements != 0 && kind == 'S' && !name.empty();
    const statement_ptr statement = followed ? find(name) : nullptr;
    if (followed && m.head.type == request::close && (statement != nullptr || !of_.has_own_names)) {
        // The server keeps it, for others.
        if (statement != nullptr) {
            (*of_.client_names)->erase((*of_.client_names)->find(name));
        }
        of_.expected.push({.request = request::close,
                           .how = expectation::handling::make,
                           .statement = statement,
                           .name = std::string(name),
                           .effects = {}});
        so_far.taken += m.there.size();
        return true;
    }
    if (statement == nullptr) {
        of_.expected.push(m.head.type);
        pass(m, out, so_far);
        return true;
    }
    prepare(statement, out);
    of_.expected.push(request::describe);
    message_builder(out.copy(), request::describe).u8('S').text(server_name_of(*statement));
    so_far.taken += m.there.size();
    return true;
}

}  // namespace weft::pool
