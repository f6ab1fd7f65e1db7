// SPDX-License-Identifier: Apache-2.0
#include "session/conversation.h"

namespace weft::pool {

void conversation::make_answers(outbox& to_client) {
    while (!expected.empty() && expected.front().how == expectation::handling::make) {
        const bool closes = expected.front().request == request::close;
        message_builder(to_client.copy(), closes ? answer::close_complete : answer::parse_complete);
        expected.pop();
    }
}

void conversation::give_up_to_sync() {
    while (!expected.empty() && expected.front().request != request::sync) {
        undo(expected.front());
        expected.pop();
    }
    skipping = expected.empty();
}

/// It was counted as done when it was asked for.
void conversation::undo(const expectation& what) {
    if (what.statement == nullptr) {
        return;
    }
    const bool made = what.how == expectation::handling::make;
    if (what.request == request::close) {
        if (!made) {
            server_statements->add(what.statement);
        } else if (*client_names != nullptr) {
            (*client_names)->emplace(what.name, what.statement);
        }
        return;
    }
    if (!made) {
        server_statements->remove(*what.statement);
    }
    if (!what.name.empty() && *client_names != nullptr) {
        (*client_names)->erase(what.name);
    }
}

}  // namespace weft::pool
