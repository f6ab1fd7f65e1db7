// SPDX-License-Identifier: Apache-2.0
//
// What a DNS server answered, read from its bytes. c-ares' own readers leave out what a cache
// needs: the time to live of SRV and PTR records, and that of "no such name" (RFC 2308).
//
// The bytes are untrusted: whatever they are, there is an answer, at worst errc::bad_answer, and
// its size is bounded by theirs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include <weft/dns.h>

namespace weft::dns {

enum class record_type : std::uint16_t { a = 1, cname = 5, soa = 6, ptr = 12, aaaa = 28, srv = 33 };

/// What each message begins with, in bytes (RFC 1035, 4.1.1).
inline constexpr std::size_t header_size = 12;

/// At most so many records of an answer are kept.
inline constexpr std::size_t most_records = 256;

struct answer {
    std::error_code error = {};  ///< or one of the following is not empty
    std::vector<endpoint> addresses = {};
    std::vector<std::string> names = {};
    std::vector<service> services = {};
    /// How long it may be kept, in seconds; 0: not at all.
    std::uint32_t ttl = 0;
};

/// `wanted`: a, aaaa, ptr or srv. Throws std::bad_alloc.
answer read_answer(std::span<const unsigned char> message, record_type wanted);

/// What a server's response code means; none for 0.
std::error_code error_of_response(int code) noexcept;

/// Lower case, as names are compared. ASCII only.
std::string lower(std::string_view name);

}  // namespace weft::dns
