// SPDX-License-Identifier: Apache-2.0
//
// Shorthands for making error codes out of errno.
#pragma once

#include <cerrno>
#include <expected>
#include <system_error>

#include <weft/error.h>

namespace weft::base {

/// `code` is an errno value.
inline std::unexpected<std::error_code> fail(int code) noexcept {
    return std::unexpected(std::error_code(code, std::generic_category()));
}

inline std::unexpected<std::error_code> fail(std::errc code) noexcept {
    return std::unexpected(std::make_error_code(code));
}

inline std::unexpected<std::error_code> fail(errc code) noexcept {
    return std::unexpected(make_error_code(code));
}

/// Of the errno that the last system call on this kernel thread left. Call it at once, before
/// anything that may suspend the fiber.
inline std::unexpected<std::error_code> fail_errno() noexcept {
    return fail(errno);
}

}  // namespace weft::base
