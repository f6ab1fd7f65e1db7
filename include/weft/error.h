// SPDX-License-Identifier: Apache-2.0
//
// How weft reports failures of the world: peer gone, timeout, refused, cancelled. Bugs abort
// instead.
//
//     auto peer = weft::connect(*weft::endpoint::parse("127.0.0.1:5432"));
//     if (!peer && peer.error() == std::errc::connection_refused) ...
//     std::cerr << peer.error();    // connect 127.0.0.1:5432: Connection refused
#pragma once

#include <array>
#include <expected>
#include <iosfwd>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace weft {

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

/// The code in weft::error_category(). Thread-safe.
std::error_code make_error_code(errc code) noexcept;

}  // namespace weft

template <>
struct std::is_error_code_enum<weft::errc> : std::true_type {};

namespace weft {

/// A std::error_code that knows what failed: the operation, and where there is one its subject (an
/// address, a path, a name). It is compared as the code that it is. Codes of the operating system
/// come in std::generic_category() or std::system_category(), so that they compare equal to
/// std::errc; weft's own come in weft::error_category(), weft::dns::error_category() and
/// weft::tls_error_category(). Trivially copyable, 72 bytes; nothing is allocated but by message().
class error : public std::error_code {
public:
    /// Bytes of the longest subject; of a longer one the end is kept.
    static constexpr std::size_t most_of_subject = 47;

    error() noexcept = default;

    /// A code alone, or one of an enumeration of codes. Implicit: each is an error.
    error(const std::error_code& code) noexcept : std::error_code(code) {}
    template <class Enumeration>
        requires std::is_error_code_enum_v<Enumeration>
    error(Enumeration code) noexcept : std::error_code(code) {}

    /// `operation` is not copied: a string literal. `subject` is.
    error(const std::error_code& code, const char* operation,
          std::string_view subject = {}) noexcept;

    /// "connect", "read", ...: empty if it is not known.
    [[nodiscard]] std::string_view operation() const noexcept {
        return operation_ != nullptr ? operation_ : std::string_view();
    }
    /// What it was done to, or empty. Of a long one the end, behind "..."; '?' for control codes.
    [[nodiscard]] std::string_view subject() const noexcept { return subject_.data(); }

    /// As those of std::error_code: the operation goes, too.
    void assign(int code, const std::error_category& category) noexcept {
        *this = std::error_code(code, category);
    }
    /// No error any more: code 0 in std::system_category(), no operation, no subject.
    void clear() noexcept { *this = error(); }

    /// Operation, subject, the code's message, and where weft knows what to do, that. (A copy as
    /// std::error_code knows the code's message only.) Throws std::bad_alloc.
    [[nodiscard]] std::string message() const;

private:
    const char* operation_ = nullptr;
    std::array<char, most_of_subject + 1> subject_{};  // ends with '\0'
};

/// Writes the message.
std::ostream& operator<<(std::ostream& out, const error& failed);

/// A value or the reason why there is none.
template <class T>
using result = std::expected<T, error>;

}  // namespace weft
