// SPDX-License-Identifier: Apache-2.0
//
// What messages of the PostgreSQL protocol look like: a letter, a length that counts itself but not
// the letter, and a body. (The first packet of a connection has no letter: startup.h.) Both sides
// use some letters for messages of their own, hence two sets of names.
//
// Source: PostgreSQL documentation, "Message Formats" (protocol-message-formats), version 18.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "wire/bytes.h"

namespace weft::pool {

/// From a client.
namespace request {
inline constexpr char bind = 'B';
inline constexpr char close = 'C';
inline constexpr char copy_data = 'd';
inline constexpr char copy_done = 'c';
inline constexpr char copy_fail = 'f';
inline constexpr char describe = 'D';
inline constexpr char execute = 'E';
inline constexpr char flush = 'H';
inline constexpr char function_call = 'F';
inline constexpr char parse = 'P';
inline constexpr char password = 'p';  // and all that SASL says
inline constexpr char query = 'Q';
inline constexpr char sync = 'S';
inline constexpr char terminate = 'X';
}  // namespace request

/// From a server.
namespace answer {
inline constexpr char authentication = 'R';
inline constexpr char backend_key_data = 'K';
inline constexpr char bind_complete = '2';
inline constexpr char close_complete = '3';
inline constexpr char command_complete = 'C';
inline constexpr char copy_both_response = 'W';
inline constexpr char copy_data = 'd';
inline constexpr char copy_done = 'c';
inline constexpr char copy_in_response = 'G';
inline constexpr char copy_out_response = 'H';
inline constexpr char data_row = 'D';
inline constexpr char empty_query = 'I';
inline constexpr char error = 'E';
inline constexpr char function_call = 'V';
inline constexpr char negotiate_version = 'v';
inline constexpr char no_data = 'n';
inline constexpr char notice = 'N';
inline constexpr char notification = 'A';
inline constexpr char parameter_description = 't';
inline constexpr char parameter_status = 'S';
inline constexpr char parse_complete = '1';
inline constexpr char portal_suspended = 's';
inline constexpr char ready_for_query = 'Z';
inline constexpr char row_description = 'T';
}  // namespace answer

/// The status of a ReadyForQuery.
namespace transaction {
inline constexpr char idle = 'I';
inline constexpr char open = 'T';
inline constexpr char failed = 'E';
}  // namespace transaction

/// A letter and a length.
inline constexpr std::size_t head_size = 5;

/// The head of a message that may not be there as a whole.
struct message_head {
    char type = 0;
    std::uint32_t size = 0;  ///< of the whole message, head_size and above
};

/// The head at the front of `bytes`, which must be head_size long at least. Nothing if its length
/// is impossible: what comes is no message. No limit but that of the protocol is applied.
inline std::optional<message_head> read_head(std::string_view bytes) noexcept {
    const std::uint32_t length = u32_at(bytes.data() + 1);
    if (length < 4 || length > 0x7fffffff) {
        return std::nullopt;
    }
    return message_head{bytes[0], length + 1};
}

/// Whether clients may send such a message once they are logged in.
constexpr bool is_request(char type) noexcept {
    return std::string_view("QSPBEDCHFdcfX").find(type) != std::string_view::npos;
}

/// Whether PostgreSQL sends such a message once a client is logged in.
constexpr bool is_answer(char type) noexcept {
    return std::string_view("123ACDEGHIKNSTVWZcdnstR").find(type) != std::string_view::npos;
}

}  // namespace weft::pool
