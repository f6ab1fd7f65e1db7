// SPDX-License-Identifier: Apache-2.0
//
// What the servers of the lab do with a message, in both forms that weft::serve takes: plain code
// for process, thread and fiber, and a coroutine. Both read messages of a fixed size, do the work,
// obey the poison in the message (message.h), and echo it. They end when the client does.
//
// Pure functions; the handlers that they make are called from many threads at once.
#pragma once

#include "message.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include <weft/serve.h>

namespace weft::lab {

enum class work_kind : std::uint8_t {
    /// Nothing.
    echo,
    /// Uses this many microseconds of CPU time.
    compute,
    /// Waits for this many microseconds.
    sleep,
    /// Allocates this many KiB, writes to each page, and frees them.
    alloc,
};

struct work {
    work_kind kind = work_kind::echo;
    std::uint64_t amount = 0;

    friend bool operator==(const work&, const work&) = default;
};

inline constexpr std::uint64_t most_work_us = 60'000'000;
inline constexpr std::uint64_t most_work_kib = 1024 * 1024;
inline constexpr std::size_t largest_message = 64 * 1024;

/// "echo", "compute:US", "sleep:US", "alloc:KB". The error is a sentence for the user.
std::expected<work, std::string> parse_work(std::string_view text);
std::string to_string(const work& what);

/// How long one request from each of `clients` takes, at most `at_once` of them at a time, on one
/// CPU that does nothing else.
std::chrono::nanoseconds work_time(const work& what, std::uint64_t clients,
                                   std::uint64_t at_once) noexcept;

handler make_handler(work what, std::size_t message_size);
async_handler make_async_handler(work what, std::size_t message_size);

/// Does what a poisoned message asks for; returns from none and leak only.
void obey(poison_kind poison);

/// What a poisoned message of the kind leak takes and never gives back.
inline constexpr std::size_t leaked_bytes_per_message = 1024 * 1024;

}  // namespace weft::lab
