// SPDX-License-Identifier: Apache-2.0
//
// request_reader: reads what a client sends to its server, notes what will be answered, and gives
// prepared statements the names that they have on the server, which learns those that it does not
// know yet. Messages of any length pass in parts. Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

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
    struct message;

    bool take(const message& m, outbox& out, reading& so_far);
    void pass(const message& m, outbox& out, reading& so_far);
    bool take_query(const message& m, outbox& out, reading& so_far);
    effects_ptr look_at(const message& m, std::string_view text);
    [[nodiscard]] const effect* deallocation_in(const effects_ptr& effects) const;
    void pass_with(const message& m, std::size_t at, const effect& deallocates, outbox& out,
                   reading& so_far);
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
    expectation deallocation_;     // what it takes away when it is executed
};

}  // namespace weft::pool
