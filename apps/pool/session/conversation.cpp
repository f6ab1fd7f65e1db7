// SPDX-License-Identifier: Apache-2.0
#include "session/conversation.h"

#include <algorithm>
#include <utility>

#include "sql/needs_look.h"

namespace weft::pool {

namespace {

bool any_listens(const std::vector<effect>& effects) {
    return std::ranges::any_of(effects,
                               [](const effect& each) { return each.kind == effect_kind::listen; });
}

/// A text may end a transaction and fail in the next one: then its LISTEN counts, and no answer
/// says which of its statements were committed.
bool listens_between_transactions(const std::vector<effect>& effects) {
    return any_listens(effects) && std::ranges::any_of(effects, [](const effect& each) {
               return each.kind == effect_kind::commit || each.kind == effect_kind::rollback;
           });
}

}  // namespace

void conversation::make_answers(outbox& to_client) {
    using enum expectation::handling;
    while (answer_left == 0 && !expected.empty() &&
           (expected.front().how == make || expected.front().how == none)) {
        if (expected.front().how == make) {
            const bool closes = expected.front().request == request::close;
            message_builder(to_client.copy(),
                            closes ? answer::close_complete : answer::parse_complete);
        }
        expected.pop();
    }
}

void conversation::give_up_to_sync() {
    std::size_t count = 0;
    while (count < expected.count() && expected[count].request != request::sync) {
        ++count;
    }
    for (std::size_t i = count; i > 0; --i) {  // the last one first
        undo(expected[i - 1]);
    }
    for (std::size_t i = 0; i < count; ++i) {
        expected.pop();
    }
    skipping = expected.empty();
}

void conversation::forget_statements(bool of_client) {
    server_statements->clear();
    if (of_client && client_names != nullptr) {
        client_names->reset();
    }
    for (std::size_t i = 0; i < expected.count(); ++i) {
        redo(expected[i]);
    }
}

client_statements& conversation::names() {
    if (*client_names == nullptr) {
        *client_names = std::make_unique<client_statements>();
    }
    return **client_names;
}

/// It was counted as done when it was asked for.
void conversation::undo(const expectation& what) {
    if (what.leaves_statements()) {
        return;
    }
    if (what.does == expectation::doing::own) {
        names().emplace(what.name, what.statement);
        return;
    }
    const bool made = what.how == expectation::handling::make;
    if (!what.makes_statement()) {  // it was to end
        if (!made) {
            server_statements->add(what.statement);
        }
        if (!what.name.empty()) {
            names().emplace(what.name, what.statement);
        }
        return;
    }
    if (!made) {
        server_statements->remove(*what.statement);
    }
    if (!what.name.empty()) {
        names().erase(what.name);
    }
}

/// Counts it as done once more.
void conversation::redo(const expectation& what) {
    if (what.leaves_statements() || what.does == expectation::doing::own) {
        return;
    }
    const bool made = what.how == expectation::handling::make;
    if (!what.makes_statement()) {
        if (!made) {
            server_statements->remove(*what.statement);
        }
        if (!what.name.empty()) {
            names().erase(what.name);
        }
        return;
    }
    if (!made) {
        server_statements->add(what.statement);
    }
    if (!what.name.empty()) {
        names().insert_or_assign(what.name, what.statement);
    }
}

effects_ptr conversation::read(std::string_view sql) const {
    if (!parts.follows_session || !needs_look(sql)) {
        return nullptr;
    }
    std::vector<effect> effects = effects_of(sql);
    return effects.empty() ? nullptr
                           : std::make_shared<const std::vector<effect>>(std::move(effects));
}

effects_ptr conversation::look_at(std::string_view sql) {
    effects_ptr effects = read(sql);
    if (effects != nullptr) {
        if (listens_between_transactions(*effects)) {
            pin("LISTEN", sql);
        }
        for (const effect& each : *effects) {
            pin(each, sql);
        }
    }
    return effects;
}

void conversation::pin(std::string_view cause, std::string_view sql, std::size_t statement) {
    if (!pinned_by.empty()) {
        return;
    }
    pinned_by = cause;
    if (on_pin) {
        on_pin(cause, sql, statement);
    }
}

/// Before it is done: a pin too many costs a server, one too few somebody else's session.
void conversation::pin(const effect& by, std::string_view sql) {
    switch (by.kind) {
        case effect_kind::pin:
            pin(describe(by.cause), sql, by.statement);
            break;
        case effect_kind::listen:
            if (pinned_by.empty() && (wishes == nullptr || !wishes->wish(by.name))) {
                pin("LISTEN", sql, by.statement);
            }
            break;
        case effect_kind::set_parameter:
            if (by.name.empty() && !by.local) {
                pin(describe(pin_cause::setting), sql, by.statement);
            }
            break;
        default:
            break;
    }
}

void conversation::note_done(const effects_ptr& effects) {
    if (effects != nullptr) {
        done_.push_back(effects);
        listens = listens || any_listens(*effects);
    }
}

/// What is asked and not answered yet.
bool conversation::listen_follows() const {
    for (std::size_t i = 0; i < expected.count(); ++i) {
        const effects_ptr& each = expected[i].effects;
        if (each != nullptr && any_listens(*each)) {
            return true;
        }
    }
    return false;
}

bool conversation::has_listened() const {
    return std::ranges::any_of(done_, [](const effects_ptr& each) { return any_listens(*each); });
}

void conversation::note_tag(std::string_view tag) {
    if (rolled_back_) {
        partly_ = true;  // it went on after that
        if (has_listened()) {
            pin("LISTEN", {});  // or not: only the server knows
        }
    }
    rolled_back_ = tag.starts_with("ROLLBACK");
}

void conversation::note_ready() {
    if (status != transaction::idle) {
        return;
    }
    if (!done_.empty() && !rolled_back_ && partly_) {
        // Which of the settings are left, only the server knows.
        pin(describe(pin_cause::setting), done_.front()->front().text);
    } else if (!rolled_back_ && !failed_) {
        for (const effects_ptr& each : done_) {
            for (const effect& e : *each) {
                apply(e);
            }
        }
    }
    done_.clear();
    failed_ = rolled_back_ = partly_ = false;
    if (wishes != nullptr && wishes->any()) {
        wishes->settle(!listen_follows());
    }
}

/// It was asked for when the text was read, or now: then another's NOTIFY that followed on the
/// commit is not told. Who keeps its server is told by that.
void conversation::confirm(const effect& listened) {
    if ((wishes != nullptr && wishes->confirm_again(listened.name)) || !pinned_by.empty() ||
        wishes->confirm(listened.name)) {
        return;
    }
    if (!wishes->wish(listened.name) || !wishes->confirm(listened.name)) {
        pin("LISTEN", "LISTEN " + listened.name);
    }
}

void conversation::apply(const effect& done) {
    switch (done.kind) {
        case effect_kind::listen:
            confirm(done);
            break;
        case effect_kind::unlisten:
            if (wishes != nullptr) {
                done.name.empty() ? wishes->drop_all() : wishes->drop(done.name);
            }
            break;
        case effect_kind::discard_all:
            if (wishes != nullptr) {
                wishes->drop_all();
            }
            [[fallthrough]];
        default:
            apply_to_settings(done);
            break;
    }
}

void conversation::apply_to_settings(const effect& done) {
    const auto change = [&](auto make) {
        *client_journal = make(*client_journal);
        *server_journal = make(*server_journal);
    };
    const auto set = [&](std::string_view name) {
        // What the server reports follows by that.
        const auto index = parts.followed.index_of(name);
        const bool reported = index && has_value(*server_parameters, parts.followed, *index);
        if (!done.local && !name.empty() && !reported) {
            change([&](const journal& j) { return with_setting(parts.sets, j, name, done.text); });
        }
    };
    const auto reset = [&](std::string_view name) {
        if (!done.local) {
            change([&](const journal& j) { return without_setting(parts.sets, j, name); });
        }
    };
    switch (done.kind) {
        case effect_kind::set_parameter:
            set(done.name);
            break;
        case effect_kind::reset_parameter:
            reset(done.name);
            break;
        case effect_kind::set_role:
            done.name.empty() ? reset("role") : set("role");
            break;
        case effect_kind::set_session_authorization:
            reset("role");
            done.name.empty() ? reset("session_authorization") : set("session_authorization");
            break;
        case effect_kind::reset_all:
        case effect_kind::discard_all:
            *client_journal = *server_journal = nullptr;
            break;
        default:
            break;
    }
}

}  // namespace weft::pool
