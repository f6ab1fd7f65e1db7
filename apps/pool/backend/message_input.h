// SPDX-License-Identifier: Apache-2.0
//
// Whole messages, one after the other, where they are few and short: in logins and in what the
// pooler itself asks a server. (What clients and servers say to each other streams: session/.)
#pragma once

#include <cstdint>
#include <string_view>

#include <weft/error.h>
#include <weft/time.h>

#include "backend/input_buffer.h"
#include "backend/transport.h"

namespace weft::pool {

/// A message and what it says; valid until the next call.
struct whole_message {
    char type = 0;
    std::string_view body;
};

/// Longer ones have no place in a login.
inline constexpr std::uint32_t longest_whole_message = 1U << 20;

/// The next message. `taken` is where the size of the one before is kept, 0 at first: it is
/// consumed now. std::errc::bad_message if it is none, or longer than `longest`;
/// weft::errc::unexpected_end_of_stream.
result<whole_message> read_message(transport& from, input_buffer& buffer, std::size_t& taken,
                                   deadline until, std::uint32_t longest = longest_whole_message);

/// Consumes the last one, too.
void end_messages(input_buffer& buffer, std::size_t& taken) noexcept;

}  // namespace weft::pool
