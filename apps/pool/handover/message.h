// SPDX-License-Identifier: Apache-2.0
//
// What two processes of weft-pool tell each other when the one takes over what the other has:
//
//     the new one                              the old one
//     hello                   ->
//                             <-  doors with the listening sockets, or refusal
//     serving                 ->               (until this the old one can go back)
//                             <-  keys of pools; clients, each with its socket, as they idle
//     cancel                  ->               (of a client that is still there)
//                             ...              until the old one ends
//
// A message is a length, which counts what follows it, a letter, and a body. Descriptors come with
// its first byte. Pure functions; any thread. The bytes are those of a process of the same user,
// of whatever version: they are checked nevertheless.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "auth/scram_keys.h"
#include "session/switches.h"

namespace weft::pool::handover {

/// Of these messages. Processes that differ refuse each other.
inline constexpr std::uint32_t version = 2;

/// Of a message. A client that has more prepared stays where it is.
inline constexpr std::size_t longest_message = std::size_t{32} << 20;

/// As many as clients there may ever have been: a bound for what is reserved.
inline constexpr std::uint32_t most_numbers = 1U << 24;

struct hello {
    std::uint32_t version = handover::version;
    bool operator==(const hello&) const = default;
};

struct refusal {
    std::string why;
    bool operator==(const refusal&) const = default;
};

/// With as many descriptors.
struct doors {
    std::uint8_t count = 0;
    std::string unix_file;      ///< of one of them, to be removed in the end; empty: none
    std::uint32_t numbers = 0;  ///< the highest that a client's cancel key may have
    switches::lasting off = {};
    bool operator==(const doors&) const = default;
};

struct serving {
    bool operator==(const serving&) const = default;
};

/// With which a pool logs in. Secret.
struct pool_keys {
    std::string database;
    std::string user;
    scram_keys keys;
};

/// With its socket.
struct idle_client {
    std::string database;
    std::string user;
    std::string application_name;  ///< that it came with
    std::uint32_t number = 0;
    std::string cancel_key;
    std::uint64_t connected_us = 0;  ///< so long ago
    std::uint64_t active_us = 0;
    std::vector<std::pair<std::string, std::string>> parameters;
    std::string settings;                                         ///< a journal; empty: none
    std::vector<std::pair<std::string, std::string>> statements;  ///< by the client's names
    std::string unread;                                           ///< what it has sent meanwhile
    bool operator==(const idle_client&) const = default;
};

struct cancel {
    std::uint32_t number = 0;
    std::string key;
    bool operator==(const cancel&) const = default;
};

using message = std::variant<hello, refusal, doors, serving, pool_keys, idle_client, cancel>;

/// How many descriptors come with it.
std::size_t descriptors_of(const message& what) noexcept;

/// With its length.
std::string encode(const message& what);

/// Of the four bytes that a message begins with: how many follow. Nothing: there can be none.
std::expected<std::uint32_t, std::string> length_of(std::string_view bytes);

/// Without its length. The error is for the log, without any of the bytes.
std::expected<message, std::string> decode(std::string_view body);

}  // namespace weft::pool::handover
