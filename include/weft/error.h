// SPDX-License-Identifier: Apache-2.0
//
// How weft reports failures of the world: peer gone, timeout, refused, cancelled. Bugs abort
// instead. Codes of the operating system come in std::generic_category() or
// std::system_category(), so that they compare equal to std::errc; weft's own come in
// weft::error_category().
#pragma once

#include <expected>
#include <string>
#include <system_error>

namespace weft {

/// A value or the reason why there is none.
template <class T>
using result = std::expected<T, std::error_code>;

/// Conditions that the operating system has no code for.
enum class errc {
    /// The peer ended the stream before all the bytes asked for had come.
    unexpected_end_of_stream = 1,
    /// The text is no address that weft understands.
    invalid_address,
    /// The server refuses new connections: its limit is reached or it is draining.
    connection_limit,
    /// Nothing can be sent to a closed channel, or received from one that is empty, too.
    channel_closed,
    /// What was to come within so many bytes has not, or there is no room for so many.
    limit_exceeded,
};

/// The category of weft::errc. Thread-safe.
const std::error_category& error_category() noexcept;

std::error_code make_error_code(errc code) noexcept;

}  // namespace weft

template <>
struct std::is_error_code_enum<weft::errc> : std::true_type {};
