// SPDX-License-Identifier: Apache-2.0
//
// The first packet of a connection: a client asks for encryption, for a session, or that somebody
// else's query is cancelled. A length that counts itself, a number that says which, a body.
//
// Source: PostgreSQL documentation, "StartupMessage", "CancelRequest", "SSLRequest",
// "GSSENCRequest", "NegotiateProtocolVersion" (protocol-message-formats), version 18; its limit of
// 10,000 bytes is that of the server (MAX_STARTUP_PACKET_LENGTH).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace weft::pool {

inline constexpr std::uint32_t longest_startup_packet = 10'000;

/// The version of the protocol with what is major in the upper half.
inline constexpr std::uint32_t protocol_3_0 = 3U << 16;
inline constexpr std::uint32_t protocol_3_2 = 3U << 16 | 2;

struct ssl_request {};
struct gss_request {};

/// "That connection's query": the connection tells itself by a number and a secret.
struct cancel_request {
    std::uint32_t process = 0;
    std::string key;  ///< 4 bytes under 3.0, up to 256 since 3.2
};

struct session_request {
    std::uint32_t version = protocol_3_0;  ///< what the client asked for
    /// "user", "database", "application_name", ... in the client's order.
    std::vector<std::pair<std::string, std::string>> parameters;
    /// Names that begin with "_pq_.": options of the protocol. None is known.
    std::vector<std::string> protocol_options;

    /// The value of a parameter, the last one if it was given twice; empty: not given.
    [[nodiscard]] std::string_view parameter(std::string_view name) const noexcept;
};

using startup_request = std::variant<ssl_request, gss_request, cancel_request, session_request>;

/// How long the packet is of which `bytes`, 4 at least, are the first; 0: it is none.
std::uint32_t startup_size(std::string_view bytes) noexcept;

/// Reads a whole packet with its length. The error is for the client, in PostgreSQL's words.
std::expected<startup_request, std::string> read_startup(std::string_view packet);

/// The version that a client which asks for `asked` gets: the newest not above it.
constexpr std::uint32_t version_for(std::uint32_t asked) noexcept {
    return asked < protocol_3_2 ? asked : protocol_3_2;
}

// Packets of our own, as a client of PostgreSQL.

std::string ssl_request_packet();
std::string cancel_packet(const cancel_request& which);
std::string session_packet(std::uint32_t version,
                           const std::vector<std::pair<std::string, std::string>>& parameters);

}  // namespace weft::pool
