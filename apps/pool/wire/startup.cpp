// SPDX-License-Identifier: Apache-2.0
#include "wire/startup.h"

#include <utility>

#include "wire/bytes.h"

namespace weft::pool {

namespace {

// Requests that are no sessions have a major version of 1234.
constexpr std::uint32_t cancel_code = 1234U << 16 | 5678;
constexpr std::uint32_t ssl_code = 1234U << 16 | 5679;
constexpr std::uint32_t gss_code = 1234U << 16 | 5680;

constexpr std::size_t longest_cancel_key = 256;

using failure = std::unexpected<std::string>;

std::expected<startup_request, std::string> read_cancel(byte_reader body) {
    cancel_request which;
    which.process = body.u32();
    which.key = body.rest();
    if (!body.ok() || which.key.empty() || which.key.size() > longest_cancel_key) {
        return failure("invalid length of query cancel packet");
    }
    return which;
}

std::expected<startup_request, std::string> read_session(std::uint32_t version, byte_reader body) {
    session_request session;
    session.version = version;
    for (;;) {
        const std::string_view name = body.text();
        if (name.empty()) {
            break;
        }
        const std::string_view value = body.text();
        if (name.starts_with("_pq_.")) {
            session.protocol_options.emplace_back(name);
        } else {
            session.parameters.emplace_back(name, value);
        }
    }
    if (!body.complete()) {
        return failure("invalid startup packet layout: expected terminator as last byte");
    }
    if (session.parameter("user").empty()) {
        return failure("no PostgreSQL user name specified in startup packet");
    }
    return session;
}

std::string packet_of(std::uint32_t code, std::string_view body) {
    std::string packet;
    put_u32(packet, static_cast<std::uint32_t>(8 + body.size()));
    put_u32(packet, code);
    packet += body;
    return packet;
}

}  // namespace

std::string_view session_request::parameter(std::string_view name) const noexcept {
    for (auto p = parameters.rbegin(); p != parameters.rend(); ++p) {
        if (p->first == name) {
            return p->second;
        }
    }
    return {};
}

std::uint32_t startup_size(std::string_view bytes) noexcept {
    const std::uint32_t size = u32_at(bytes.data());
    return size < 8 || size > longest_startup_packet ? 0 : size;
}

std::expected<startup_request, std::string> read_startup(std::string_view packet) {
    byte_reader reader(packet);
    if (reader.u32() != packet.size() || packet.size() < 8) {
        return failure("invalid length of startup packet");
    }
    const std::uint32_t code = reader.u32();
    switch (code) {
        case cancel_code:
            return read_cancel(reader);
        case ssl_code:
        case gss_code:
            if (!reader.complete()) {
                return failure("invalid length of startup packet");
            }
            if (code == ssl_code) {
                return ssl_request();
            }
            return gss_request();
        default:
            break;
    }
    if (code >> 16 != 3) {
        return failure("unsupported frontend protocol " + std::to_string(code >> 16) + "." +
                       std::to_string(code & 0xffff) + ": server supports 3.0 to 3.2");
    }
    return read_session(code, reader);
}

std::string ssl_request_packet() {
    return packet_of(ssl_code, {});
}

std::string cancel_packet(const cancel_request& which) {
    std::string body;
    put_u32(body, which.process);
    body += which.key;
    return packet_of(cancel_code, body);
}

std::string session_packet(std::uint32_t version,
                           const std::vector<std::pair<std::string, std::string>>& parameters) {
    std::string body;
    for (const auto& [name, value] : parameters) {
        put_text(body, name);
        put_text(body, value);
    }
    body += '\0';
    return packet_of(version, body);
}

}  // namespace weft::pool
