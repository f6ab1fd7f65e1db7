// SPDX-License-Identifier: Apache-2.0
//
// request_reader: reads what a client sends to its server, notes what will be answered, and gives
// prepared statements the names that they have on the server, which learns those that it does not
// know yet, whether the protocol names them or SQL does (request_reader_sql.cpp). Messages of any
// length pass in parts. Waits only where the conversation has wishes: for a LISTEN to be heard. Not
// thread-safe.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "session/conversation.h"
#include "session/outbox.h"

namespace weft::pool {

class request_reader {
public:
    explicit request_reader(conversation& of) noexcept : of_(of) {}

    /// Reads `bytes`, which go on where the last ones ended, and puts what the server shall get
    /// into `out`, which must be empty.
    reading read(std::string_view bytes, outbox& out);

    /// Whether a message has begun and not ended.
    [[nodiscard]] bool within_message() const noexcept { return of_.request_left != 0; }

private:
    /// A message at the front of what is unread; perhaps not all of it.
    struct message {
        message_head head;
        std::string_view there;

        [[nodiscard]] bool whole() const noexcept { return there.size() == head.size; }
        [[nodiscard]] std::string_view body() const noexcept { return there.substr(head_size); }
    };
    /// What a text of SQL does with a prepared statement when it is executed; null: nothing.
    struct change {
        statement_ptr statement = nullptr;
        std::string name = {};
        expectation::doing does = expectation::doing::end;
    };

    bool take(const message& m, outbox& out, reading& so_far);
    void pass(const message& m, outbox& out, reading& so_far);
    bool take_query(const message& m, outbox& out, reading& so_far);
    effects_ptr look_at(const message& m, std::string_view text);
    void forget_draws(const effects_ptr& effects, outbox& out);
    change pass_text(const message& m, std::size_t at, effects_ptr& effects, outbox& out,
                     reading& so_far);
    bool pass_with_name(const message& m, std::size_t at, const effect& use, outbox& out,
                        reading& so_far);
    void give_own_names(const std::vector<const effect*>& uses, std::string_view sql, outbox& out);
    void close_on_server(const statement_ptr& statement, outbox& out);
    void end_preparations(const message& m, std::size_t before, outbox& out);
    void rename(const message& m, text_place place, std::string name, outbox& out, reading& so_far);
    expectation begin(change what);
    client_statements& names();
    bool pass_under_own_name(const message& m, std::string_view name, std::string_view sql,
                             outbox& out, reading& so_far);
    static std::vector<const effect*> uses_of(const effects_ptr& effects);
    static bool lacks_beginning(const message& m, reading& so_far);
    void take_sync();
    void take_end_of_copy(char type);
    bool take_parse(const message& m, outbox& out, reading& so_far);
    bool take_named_parse(const message& m, outbox& out, reading& so_far);
    bool take_bind(const message& m, outbox& out, reading& so_far);
    bool take_describe_or_close(const message& m, outbox& out, reading& so_far);
    [[nodiscard]] statement_ptr find(std::string_view name) const;
    void prepare(const statement_ptr& statement, outbox& out);
    void make_room(outbox& out);
    bool wants(const message& m, reading& so_far);

    conversation& of_;
    effects_ptr unnamed_effects_;  // of the statement without a name
    change unnamed_change_;        // that it makes
    change bound_change_;          // that the next Execute makes
    change changed_;               // by the text that is passed
};

}  // namespace weft::pool
