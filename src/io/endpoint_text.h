// SPDX-License-Identifier: Apache-2.0
//
// An endpoint as text, without allocating: for errors, and for endpoint::to_string().
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include <weft/socket.h>

namespace weft::io {

class endpoint_text {
public:
    explicit endpoint_text(const endpoint& of) noexcept;
    operator std::string_view() const noexcept { return {text_.data(), size_}; }

private:
    void append(std::string_view more) noexcept;
    void append(std::uint32_t number) noexcept;
    void append_ipv4(const sockaddr_in& address) noexcept;
    void append_ipv6(const sockaddr_in6& address) noexcept;
    void append_local(const sockaddr_un& address, std::size_t size) noexcept;

    static constexpr std::size_t longest = sizeof "unix:" - 1 + sizeof sockaddr_un::sun_path;

    std::array<char, longest> text_;
    std::size_t size_ = 0;
};

}  // namespace weft::io
