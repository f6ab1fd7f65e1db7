// SPDX-License-Identifier: Apache-2.0
#include "auth/scram_reader.h"

#include <algorithm>
#include <utility>

#include "auth/scram.h"

namespace weft::pool {

namespace {

bool is_ascii_letter(char c) noexcept {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

}  // namespace

std::string_view scram_reader::take_value() noexcept {
    const std::size_t end = std::min(text_.find(',', at_), text_.size());
    const std::string_view value = text_.substr(at_, end - at_);
    at_ = std::min(end + 1, text_.size());
    return value;
}

auth_result<std::string_view> scram_reader::value_of(char name) {
    if (peek() != name) {
        return malformed_scram(std::string("Expected attribute \"") + name + "\" but found \"" +
                               shown_byte(peek()) + "\".");
    }
    skip(1);
    if (peek() != '=') {
        return malformed_scram(std::string("Expected character \"=\" for attribute \"") + name +
                               "\".");
    }
    skip(1);
    return take_value();
}

auth_result<scram_attribute> scram_reader::next() {
    if (at_end()) {
        return malformed_scram("Attribute expected, but found end of string.");
    }
    const char name = peek();
    if (!is_ascii_letter(name)) {
        return malformed_scram("Attribute expected, but found invalid character \"" +
                               shown_byte(name) + "\".");
    }
    const auto value = value_of(name);
    if (!value) {
        return std::unexpected(value.error());
    }
    return scram_attribute{name, *value};
}

std::unexpected<auth_error> malformed_scram(std::string detail) {
    return std::unexpected(
        auth_error{sqlstate_protocol_violation, "malformed SCRAM message", std::move(detail)});
}

auth_result<void> check_scram_size(std::string_view message) {
    if (message.empty()) {
        return malformed_scram("The message is empty.");
    }
    if (message.size() > longest_scram_message) {
        return malformed_scram("The message is too long.");
    }
    if (message.find('\0') != std::string_view::npos) {
        return malformed_scram("Message length does not match input length.");
    }
    return {};
}

std::string shown_byte(char byte) {
    constexpr std::string_view digits = "0123456789abcdef";
    if (byte >= '!' && byte <= '~') {
        return {'\'', byte, '\''};
    }
    const auto bits = static_cast<unsigned char>(byte);
    return {'0', 'x', digits[bits >> 4U], digits[bits & 0xfU]};
}

std::string shown_text(std::string_view text) {
    constexpr std::size_t most = 30;
    std::string shown(text.substr(0, most));
    std::ranges::replace_if(shown, [](char c) { return c < '!' || c > '~'; }, '?');
    return shown;
}

bool is_scram_printable(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c >= '!' && c <= '~' && c != ','; });
}

std::string scram_auth_message(std::string_view first_bare, std::string_view challenge,
                               std::string_view last_without_proof) {
    std::string message(first_bare);
    message += ',';
    message += challenge;
    message += ',';
    message += last_without_proof;
    return message;
}

}  // namespace weft::pool
