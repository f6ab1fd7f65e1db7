// SPDX-License-Identifier: Apache-2.0
//
// The attributes of a SCRAM message (RFC 5802, section 5.1): "r=...,s=...,i=...". For
// scram_server.cpp and scram_client.cpp. Errors as PostgreSQL words them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "auth/errors.h"

namespace weft::pool {

struct scram_attribute {
    char name = 0;
    std::string_view value;
};

class scram_reader {
public:
    /// `text` must outlive this and what it gives.
    explicit scram_reader(std::string_view text) : text_(text) {}

    [[nodiscard]] bool at_end() const noexcept { return at_ == text_.size(); }
    /// Of the next byte; NUL at the end.
    [[nodiscard]] char peek() const noexcept { return at_end() ? '\0' : text_[at_]; }
    [[nodiscard]] std::string_view rest() const noexcept { return text_.substr(at_); }
    [[nodiscard]] std::size_t position() const noexcept { return at_; }

    void skip(std::size_t bytes) noexcept { at_ += bytes; }

    /// Goes beyond its comma.
    auth_result<std::string_view> value_of(char name);
    auth_result<scram_attribute> next();

private:
    std::string_view take_value() noexcept;

    std::string_view text_;
    std::size_t at_ = 0;
};

std::unexpected<auth_error> malformed_scram(std::string detail);

/// An error for what is empty, longer than longest_scram_message, or has a NUL.
auth_result<void> check_scram_size(std::string_view message);

/// 'x', or 0x1f for what cannot be shown.
std::string shown_byte(char byte);
/// What can be shown of it, at most some 30 characters.
std::string shown_text(std::string_view text);

/// Without commas, blanks and what is not ASCII.
bool is_scram_printable(std::string_view text) noexcept;

/// What both sides sign.
std::string scram_auth_message(std::string_view first_bare, std::string_view challenge,
                               std::string_view last_without_proof);

}  // namespace weft::pool
