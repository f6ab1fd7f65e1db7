// SPDX-License-Identifier: Apache-2.0
//
// What a client begins with, before anything is read: a packet of PostgreSQL's, or TLS at once
// (PostgreSQL 17, sslnegotiation=direct), which must find all that the client has sent.
#pragma once

#include <weft/error.h>
#include <weft/socket.h>
#include <weft/time.h>

namespace weft::pool {

/// The first byte of a TLS handshake; of a startup packet it would be the length's, which is 0.
inline constexpr char tls_handshake_byte = 0x16;

/// The next byte, which stays where it is; waits for it. std::errc::timed_out,
/// weft::errc::unexpected_end_of_stream, or what the system says.
result<char> peek_byte(const socket& from, deadline until);

}  // namespace weft::pool
