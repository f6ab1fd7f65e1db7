// SPDX-License-Identifier: Apache-2.0
//
// Shorthands for making errors out of errno. `operation`: see weft::error.
#pragma once

#include <cerrno>
#include <expected>
#include <string_view>
#include <system_error>

#include <weft/error.h>

namespace weft::base {

/// `code` is an errno value.
inline std::error_code code_of(int code) noexcept {
    return {code, std::generic_category()};
}
inline std::error_code code_of(std::errc code) noexcept {
    return std::make_error_code(code);
}
inline std::error_code code_of(const std::error_code& code) noexcept {
    return code;
}

template <class Code>
std::unexpected<error> fail(Code code, const char* operation = nullptr,
                            std::string_view subject = {}) noexcept {
    return std::unexpected(error(code_of(code), operation, subject));
}

/// Of the errno that the last system call on this kernel thread left. Call it at once, before
/// anything that may suspend the fiber.
inline std::unexpected<error> fail_errno(const char* operation = nullptr,
                                         std::string_view subject = {}) noexcept {
    return fail(errno, operation, subject);
}

}  // namespace weft::base
