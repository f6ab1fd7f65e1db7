// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <net/if.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

#include <weft/socket.h>

#include "base/error.h"
#include "io/endpoint_text.h"
#include "io/socket_ops.h"

namespace weft {

namespace {

constexpr std::string_view unix_prefix = "unix:";
constexpr std::size_t path_offset = offsetof(sockaddr_un, sun_path);

bool parse_number(std::string_view text, std::uint32_t& number) noexcept {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    return !text.empty() && error == std::errc() && stop == end;
}

bool parse_port(std::string_view text, std::uint16_t& port) noexcept {
    std::uint32_t number = 0;
    if (!parse_number(text, number) || number > 0xffff) {
        return false;
    }
    port = static_cast<std::uint16_t>(number);
    return true;
}

/// inet_pton() wants a string with an end. False if `text` is too long to be an address.
template <std::size_t Size>
bool to_c_string(std::string_view text, std::array<char, Size>& buffer) noexcept {
    if (text.size() >= Size || text.find('\0') != text.npos) {
        return false;
    }
    *std::ranges::copy(text, buffer.begin()).out = '\0';
    return true;
}

}  // namespace

result<endpoint> endpoint::parse(std::string_view text) {
    auto parsed = text.starts_with(unix_prefix) ? parse_local(text.substr(unix_prefix.size()))
                  : text.starts_with('@')       ? parse_local(text)
                                                : parse_inet(text);
    if (!parsed) {
        return base::fail(parsed.error(), "parse", text);
    }
    return parsed;
}

result<endpoint> endpoint::parse_inet(std::string_view text) {
    const std::size_t colon = text.rfind(':');
    std::uint16_t port = 0;
    if (colon == text.npos || !parse_port(text.substr(colon + 1), port)) {
        return base::fail(errc::invalid_address);
    }
    const std::string_view host = text.substr(0, colon);
    if (host.starts_with('[') && host.ends_with(']')) {
        return parse_ipv6(host.substr(1, host.size() - 2), port);
    }
    endpoint parsed = loopback(port);
    std::array<char, INET_ADDRSTRLEN> buffer{};
    if (host == "*") {
        parsed.address_.ipv4.sin_addr.s_addr = htonl(INADDR_ANY);
    } else if (!to_c_string(host, buffer) ||
               ::inet_pton(AF_INET, buffer.data(), &parsed.address_.ipv4.sin_addr) != 1) {
        return base::fail(errc::invalid_address);
    }
    return parsed;
}

result<endpoint> endpoint::parse_local(std::string_view name) {
    endpoint parsed;
    sockaddr_un& address = parsed.address_.local;
    const bool abstract = name.starts_with('@');
    // A path needs room for its end; an abstract name has none, and may hold any byte.
    const std::size_t most = sizeof address.sun_path - (abstract ? 0 : 1);
    if (name.empty() || name == "@" || (!abstract && name.find('\0') != name.npos)) {
        return base::fail(errc::invalid_address);
    }
    if (name.size() > most) {
        return base::fail(std::errc::filename_too_long);
    }
    address.sun_family = AF_UNIX;
    std::ranges::copy(name, address.sun_path);
    if (abstract) {
        address.sun_path[0] = '\0';
    }
    parsed.size_ = static_cast<socklen_t>(path_offset + name.size() + (abstract ? 0 : 1));
    return parsed;
}

result<endpoint> endpoint::parse_ipv6(std::string_view host, std::uint16_t port) {
    endpoint parsed;
    sockaddr_in6& address = parsed.address_.ipv6;
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(port);
    parsed.size_ = sizeof address;
    const std::size_t percent = host.find('%');
    if (percent != host.npos) {
        const std::string_view zone = host.substr(percent + 1);
        std::array<char, IF_NAMESIZE> name{};
        if (!parse_number(zone, address.sin6_scope_id)) {
            address.sin6_scope_id = to_c_string(zone, name) ? ::if_nametoindex(name.data()) : 0;
            if (address.sin6_scope_id == 0) {
                return base::fail(errc::invalid_address);
            }
        }
        host = host.substr(0, percent);
    }
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (!to_c_string(host, buffer) ||
        ::inet_pton(AF_INET6, buffer.data(), &address.sin6_addr) != 1) {
        return base::fail(errc::invalid_address);
    }
    return parsed;
}

endpoint endpoint::loopback(std::uint16_t port) noexcept {
    endpoint made;
    made.address_.ipv4.sin_family = AF_INET;
    made.address_.ipv4.sin_port = htons(port);
    made.address_.ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    made.size_ = sizeof made.address_.ipv4;
    return made;
}

result<endpoint> endpoint::from_native(const sockaddr* address, socklen_t size) noexcept {
    endpoint made;
    if (size > sizeof made.address_ || size < sizeof address->sa_family) {
        return base::fail(std::errc::invalid_argument, "from_native");
    }
    std::memcpy(&made.address_, address, size);
    made.size_ = size;
    return made;
}

std::uint16_t endpoint::port() const noexcept {
    switch (family()) {
        case AF_INET:
            return ntohs(address_.ipv4.sin_port);
        case AF_INET6:
            return ntohs(address_.ipv6.sin6_port);
        default:
            return 0;
    }
}

std::string endpoint::to_string() const {
    return std::string(std::string_view(io::endpoint_text(*this)));
}

namespace io {

endpoint_text::endpoint_text(const endpoint& of) noexcept {
    switch (of.family()) {
        case AF_INET:
            append_ipv4(*reinterpret_cast<const sockaddr_in*>(of.data()));
            break;
        case AF_INET6:
            append_ipv6(*reinterpret_cast<const sockaddr_in6*>(of.data()));
            break;
        case AF_UNIX:
            append_local(*reinterpret_cast<const sockaddr_un*>(of.data()), of.size());
            break;
        default:
            break;
    }
}

void endpoint_text::append(std::string_view more) noexcept {
    more = more.substr(0, text_.size() - size_);
    std::ranges::copy(more, text_.data() + size_);
    size_ += more.size();
}

void endpoint_text::append(std::uint32_t number) noexcept {
    const auto end = std::to_chars(text_.data() + size_, text_.data() + text_.size(), number);
    size_ = static_cast<std::size_t>(end.ptr - text_.data());
}

void endpoint_text::append_ipv4(const sockaddr_in& address) noexcept {
    std::array<char, INET_ADDRSTRLEN> host{};
    ::inet_ntop(AF_INET, &address.sin_addr, host.data(), host.size());
    append(host.data());
    append(":");
    append(std::uint32_t{ntohs(address.sin_port)});
}

void endpoint_text::append_ipv6(const sockaddr_in6& address) noexcept {
    std::array<char, INET6_ADDRSTRLEN> host{};
    ::inet_ntop(AF_INET6, &address.sin6_addr, host.data(), host.size());
    append("[");
    append(host.data());
    if (address.sin6_scope_id != 0) {
        append("%");
        append(address.sin6_scope_id);
    }
    append("]:");
    append(std::uint32_t{ntohs(address.sin6_port)});
}

void endpoint_text::append_local(const sockaddr_un& address, std::size_t size) noexcept {
    const std::string_view name(address.sun_path, size - path_offset);
    append(unix_prefix);
    if (name.starts_with('\0')) {
        const std::size_t start = size_;
        append(name);
        // As ss(8) writes abstract names.
        std::replace(text_.data() + start, text_.data() + size_, '\0', '@');
    } else {
        append(name.substr(0, name.find('\0')));
    }
}

result<endpoint> endpoint_of(int fd, address_call call) noexcept {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    if (call(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
        return base::fail_errno("ask for an address");
    }
    return endpoint::from_native(reinterpret_cast<const sockaddr*>(&address), size);
}

}  // namespace io

}  // namespace weft
