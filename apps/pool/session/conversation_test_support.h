// SPDX-License-Identifier: Apache-2.0
//
// What tests of conversations share: a client and a server that talk through the two readers, as
// exchange lets them, and messages in a form that one can read.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "session/answer_reader.h"
#include "session/conversation.h"
#include "session/request_reader.h"
#include "wire/build.h"

namespace weft::pool::say {

// What a client says.

inline std::string message(char type, std::string_view body = {}) {
    std::string out;
    message_builder(out, type).bytes(body);
    return out;
}

/// Each with a zero byte.
inline std::string texts(std::initializer_list<std::string_view> all) {
    std::string out;
    for (const std::string_view each : all) {
        put_text(out, each);
    }
    return out;
}

inline std::string query(std::string_view sql) {
    return message(request::query, texts({sql}));
}
inline std::string parse(std::string_view name, std::string_view sql) {
    return message(request::parse, texts({name, sql}).append(2, '\0'));
}
inline std::string bind(std::string_view name, std::string_view portal = {}) {
    return message(request::bind, texts({portal, name}).append(6, '\0'));
}
inline std::string describe(std::string_view name) {
    return message(request::describe, "S" + texts({name}));
}
inline std::string describe_portal(std::string_view name = {}) {
    return message(request::describe, "P" + texts({name}));
}
inline std::string close(std::string_view name) {
    return message(request::close, "S" + texts({name}));
}
inline std::string execute() {
    return message(request::execute, std::string(5, '\0'));
}
inline std::string sync() {
    return message(request::sync);
}
inline std::string flush() {
    return message(request::flush);
}
inline std::string copy_data(std::string_view bytes) {
    return message('d', bytes);
}
inline std::string copy_done() {
    return message('c');
}
inline std::string copy_fail() {
    return message(request::copy_fail, texts({"why"}));
}

// What a server says.

inline std::string parsed() {
    return message(answer::parse_complete);
}
inline std::string bound() {
    return message(answer::bind_complete);
}
inline std::string closed() {
    return message(answer::close_complete);
}
inline std::string done(std::string_view tag) {
    return message(answer::command_complete, texts({tag}));
}
inline std::string ready(char status = transaction::idle) {
    return message(answer::ready_for_query, std::string_view(&status, 1));
}
inline std::string columns() {
    return message(answer::row_description, std::string(2, '\0'));
}
inline std::string parameter_types() {
    return message(answer::parameter_description, std::string(2, '\0'));
}
inline std::string row(std::string_view bytes) {
    return message(answer::data_row, bytes);
}
inline std::string copy_in() {
    return message(answer::copy_in_response, std::string(3, '\0'));
}
inline std::string parameter(std::string_view name, std::string_view value) {
    return message(answer::parameter_status, texts({name, value}));
}
inline std::string error(std::string_view text = "wrong") {
    std::string out;
    put_error(out, {.severity = "ERROR", .sqlstate = "XX000", .message = std::string(text)});
    return out;
}

/// A letter for each message, with what matters of it: "P(weft_1 select 1) B(weft_1) E S".
inline std::string shown(std::string_view bytes, bool from_client) {
    std::string out;
    while (!bytes.empty()) {
        const auto head = bytes.size() >= head_size ? read_head(bytes) : std::nullopt;
        if (!head || head->size > bytes.size()) {
            return out + "<" + std::to_string(bytes.size()) + " bytes>";
        }
        std::string_view body = bytes.substr(head_size, head->size - head_size);
        std::string text;
        if (from_client ? std::string_view("QPBDCd").find(head->type) != std::string_view::npos
                        : std::string_view("CZdDS").find(head->type) != std::string_view::npos) {
            body = body.substr(0, body.find(std::string_view("\0\0", 2)));
            if (from_client && (head->type == request::describe || head->type == request::close)) {
                text = std::string(1, body[0]) + ' ';
                body.remove_prefix(1);
            }
            std::ranges::replace_copy(body, std::back_inserter(text), '\0', ' ');
            text.erase(text.find_last_not_of(' ') + 1);
            text = "(" + text.substr(std::min(text.find_first_not_of(' '), text.size())) + ")";
        }
        out += (out.empty() ? "" : " ") + std::string(1, head->type) + text;
        bytes.remove_prefix(head->size);
    }
    return out;
}

}  // namespace weft::pool::say

namespace weft::pool {

/// What does not end with a server.
struct shared_names {
    intern_table statements;
    intern_table sets;
    const parameter_names followed;
};

/// A client that talks to a server.
class talk {
public:
    explicit talk(std::size_t most_statements = 100, std::shared_ptr<shared_names> shared = {},
                  bool follows_session = false)
        : shared_(shared != nullptr ? std::move(shared) : std::make_shared<shared_names>()),
          about_({.statements = shared_->statements,
                  .sets = shared_->sets,
                  .followed = shared_->followed,
                  .most_statements = most_statements,
                  .follows_session = follows_session,
                  .longest_message = 1U << 20}) {
        about_.client_names = &client_names;
        about_.client_parameters = &client_parameters;
        about_.client_journal = &client_journal_;
        about_.meet(server_statements, server_parameters, server_journal_);
    }

    /// It comes in pieces of `piece` bytes.
    talk& client(std::string_view bytes, std::size_t piece = std::string_view::npos) {
        feed(bytes, piece, from_client_, client_needed_, requests_, to_server_);
        return *this;
    }
    talk& server(std::string_view bytes, std::size_t piece = std::string_view::npos) {
        feed(bytes, piece, from_server_, server_needed_, answers_, to_client_);
        return *this;
    }

    /// What the server has got since the last call.
    std::string server_got() { return say::shown(std::exchange(to_server_, {}), true); }
    /// What the client has got.
    std::string client_got() { return say::shown(std::exchange(to_client_, {}), false); }

    /// The pooler's own query goes first.
    void own_query() {
        about_.expected.push({.request = request::query,
                              .how = expectation::handling::swallow,
                              .statement = nullptr,
                              .name = {},
                              .effects = {}});
    }

    /// The server of `other`, which must be over, is this one's from now on.
    void take_server_of(talk& other) {
        EXPECT_TRUE(other.over());
        about_.server_statements = &other.server_statements;
    }

    /// Another server takes the place of this one, which must be over.
    void change_server() {
        EXPECT_TRUE(over());
        server_statements.clear();
    }

    [[nodiscard]] bool over() const { return about_.over(); }
    conversation& about() { return about_; }
    /// The first error, and whether the client has said goodbye.
    [[nodiscard]] const std::string& error() const { return error_; }
    [[nodiscard]] bool terminated() const { return terminated_; }
    /// What has not been taken.
    [[nodiscard]] std::size_t left() const { return from_client_.size() + from_server_.size(); }

private:
    std::shared_ptr<shared_names> shared_;  // outlives what comes from its tables

public:
    std::unique_ptr<client_statements> client_names;
    parameter_set client_parameters;
    parameter_set server_parameters;
    statement_cache server_statements;

private:
    template <class Reader>
    void feed(std::string_view bytes, std::size_t piece, std::string& buffer, std::size_t& needed,
              Reader& reader, std::string& sink) {
        for (std::string_view rest = bytes; !rest.empty() && error_.empty();) {
            const std::string_view part = rest.substr(0, piece);
            rest.remove_prefix(part.size());
            buffer += part;
            if (buffer.size() < needed) {
                continue;
            }
            outbox out;
            const reading r = reader.read(buffer, out);
            sink += out.pending();
            EXPECT_LE(r.taken, buffer.size());
            buffer.erase(0, r.taken);
            EXPECT_TRUE(r.needed == 0 || r.needed > buffer.size()) << "it is there";
            needed = r.needed;
            error_ = r.error;
            terminated_ = terminated_ || r.terminate;
            outbox made;
            about_.make_answers(made);
            to_client_ += made.pending();
        }
    }

    journal client_journal_;
    journal server_journal_;
    conversation about_;
    request_reader requests_{about_};
    answer_reader answers_{about_};
    std::string from_client_;
    std::string from_server_;
    std::size_t client_needed_ = 0;
    std::size_t server_needed_ = 0;
    std::string to_server_;
    std::string to_client_;
    std::string error_;
    bool terminated_ = false;
};

}  // namespace weft::pool
