// SPDX-License-Identifier: Apache-2.0
//
// answer_reader: reads what a server sends to its client, checks off what was expected, keeps back
// what answers the pooler, and puts in what the pooler answers. Rows pass in parts, of any length.
// Pure; not thread-safe.
#pragma once

#include <cstddef>
#include <string_view>

#include "session/conversation.h"
#include "session/outbox.h"

namespace weft::pool {

class answer_reader {
public:
    explicit answer_reader(conversation& of) noexcept : of_(of) {}

    /// Reads `bytes`, which go on where the last ones ended, and puts what the client shall get
    /// into `out`, which must be empty.
    reading read(std::string_view bytes, outbox& out);

    [[nodiscard]] bool within_message() const noexcept { return of_.answer_left != 0; }

private:
    bool take(char type, std::string_view body);
    [[nodiscard]] bool wants_whole(char type) const;
    bool take_ready(char status);
    bool take_error(std::string_view body);
    bool take_parameter(std::string_view body);
    [[nodiscard]] bool is_for_client(std::string_view notification) const;
    void take_tag(std::string_view body);
    void begin_copy_in();
    bool check_off(std::string_view requests);
    [[nodiscard]] bool answers_pooler() const noexcept;

    conversation& of_;
    bool keeping_back_ = false;  // the message that passes is not for the client
};

}  // namespace weft::pool
