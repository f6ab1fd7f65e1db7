// SPDX-License-Identifier: Apache-2.0
//
// For tests of sockets: connected pairs, and bytes as text.
#pragma once

#include <weft/socket.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <span>
#include <string>
#include <string_view>

#include "support.h"

namespace weft::testing {

enum class transport : std::uint8_t { tcp, unix_stream };

inline std::string name_of(transport t) {
    return t == transport::tcp ? "tcp" : "unix";
}

inline void PrintTo(transport t, std::ostream* out) {
    *out << name_of(t);
}

/// Listens on a loopback port or an abstract name that nobody else uses.
listener listen_on(transport t, const listen_options& options = {});

struct connected_pair {
    socket near;
    socket far;
};

/// From a fiber or a plain thread.
connected_pair connect_pair(transport t);

inline std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

/// What one read() returns, at most `most` bytes; on failure "error: " and the reason.
std::string read_text(socket& from, std::size_t most = 1024, deadline until = safety_net);

/// Reads `size` bytes, or what comes before the end or a failure.
std::string read_exactly(socket& from, std::size_t size, deadline until = safety_net);

/// Writes; the error or nothing.
std::error_code write_text(socket& to, std::string_view text, deadline until = safety_net);

/// Makes the end of `victim` reach its peer as a reset.
void reset(socket& victim);

/// Makes writers wait soon. Only so far, and on one side only, that TCP need not wait for its own
/// timers.
void shrink_buffers(const socket& s);

/// `size` bytes, each of which depends on its place.
std::string pattern(std::size_t size);

}  // namespace weft::testing
