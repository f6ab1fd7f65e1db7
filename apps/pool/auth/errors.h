// SPDX-License-Identifier: Apache-2.0
//
// What can be wrong with what others send or write. No text here ever holds a secret: of a message
// it says what was expected, of a file the line.
#pragma once

#include <cstddef>
#include <expected>
#include <string>
#include <string_view>

namespace weft::pool {

/// Why a login cannot go on. To the client as an ErrorResponse, or into the log about a server.
struct auth_error {
    std::string_view sqlstate;  ///< one of the constants below
    std::string message;        ///< as PostgreSQL words it
    std::string detail;         ///< may be empty
};

template <class T>
using auth_result = std::expected<T, auth_error>;

inline constexpr std::string_view sqlstate_protocol_violation = "08P01";
inline constexpr std::string_view sqlstate_feature_not_supported = "0A000";
inline constexpr std::string_view sqlstate_invalid_authorization = "28000";
inline constexpr std::string_view sqlstate_invalid_password = "28P01";
inline constexpr std::string_view sqlstate_internal_error = "XX000";

/// What is wrong, or odd, with a line of a file.
struct line_error {
    std::size_t line = 0;  ///< from 1
    std::string message;
};

}  // namespace weft::pool
