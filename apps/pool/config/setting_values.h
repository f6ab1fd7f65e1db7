// SPDX-License-Identifier: Apache-2.0
//
// Values of settings as text: each type that a setting can have is read (read_value), written as
// PgBouncer writes it (plain_text) and as TOML (toml_text). For setting_table.cpp. Pure.
//
// Numbers are read as PgBouncer reads them: 0x1f and 0777 are hexadecimal and octal. Times take a
// unit, which PgBouncer does not know. Words are compared without regard to case.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/setting_table.h"
#include "config/settings.h"

namespace weft::pool {

/// What a value must be within, and how it is written.
struct value_rules {
    writing how = writing::plain;
    std::int64_t least = 0;
    std::int64_t most = 0;
};

using read_result = std::expected<void, std::string>;

template <class Word>
struct words_of;

template <>
struct words_of<pool_mode> {
    static constexpr std::array<std::pair<std::string_view, pool_mode>, 3> all{{
        {"session", pool_mode::session},
        {"transaction", pool_mode::transaction},
        {"statement", pool_mode::statement},
    }};
};

template <>
struct words_of<auth_type> {
    static constexpr std::array<std::pair<std::string_view, auth_type>, 8> all{{
        {"any", auth_type::any},
        {"trust", auth_type::trust},
        {"plain", auth_type::plain},
        {"md5", auth_type::md5},
        {"scram-sha-256", auth_type::scram_sha_256},
        {"cert", auth_type::cert},
        {"hba", auth_type::hba},
        {"pam", auth_type::pam},
    }};
};

template <>
struct words_of<sslmode> {
    static constexpr std::array<std::pair<std::string_view, sslmode>, 6> all{{
        {"disable", sslmode::disable},
        {"allow", sslmode::allow},
        {"prefer", sslmode::prefer},
        {"require", sslmode::require},
        {"verify-ca", sslmode::verify_ca},
        {"verify-full", sslmode::verify_full},
    }};
};

template <>
struct words_of<load_balance_hosts> {
    static constexpr std::array<std::pair<std::string_view, load_balance_hosts>, 2> all{{
        {"disable", load_balance_hosts::disable},
        {"round-robin", load_balance_hosts::round_robin},
    }};
};

template <>
struct words_of<target_session_attrs> {
    static constexpr std::array<std::pair<std::string_view, target_session_attrs>, 6> all{{
        {"any", target_session_attrs::any},
        {"read-write", target_session_attrs::read_write},
        {"read-only", target_session_attrs::read_only},
        {"primary", target_session_attrs::primary},
        {"standby", target_session_attrs::standby},
        {"prefer-standby", target_session_attrs::prefer_standby},
    }};
};

/// The newest is "latest", too, as libpq has it.
template <>
struct words_of<protocol_version> {
    static constexpr std::array<std::pair<std::string_view, protocol_version>, 3> all{{
        {"3.0", protocol_version::v3_0},
        {"3.2", protocol_version::v3_2},
        {"latest", protocol_version::v3_2},
    }};
};

template <>
struct words_of<log_format> {
    static constexpr std::array<std::pair<std::string_view, log_format>, 2> all{{
        {"text", log_format::text},
        {"json", log_format::json},
    }};
};

template <class T>
concept word = requires { words_of<T>::all; };

[[nodiscard]] bool same_word(std::string_view a, std::string_view b) noexcept;
/// Without blanks at its ends.
[[nodiscard]] std::string_view trimmed(std::string_view text) noexcept;
/// The parts between commas, trimmed, without empty ones.
[[nodiscard]] std::vector<std::string> split_list(std::string_view text);
/// That an entry may be called so: it is not empty and has no control characters.
[[nodiscard]] bool is_entry_name(std::string_view name) noexcept;
/// `text` in quotation marks, as TOML has it.
[[nodiscard]] std::string toml_quoted(std::string_view text);
/// Without what moves a cursor or begins a line: for messages.
[[nodiscard]] std::string printable(std::string_view text);
/// What a message may quote: without what moves a cursor, and not much of it.
[[nodiscard]] std::string in_quotes(std::string_view text);

/// "must be one of a, b" for words, which are in the table above.
template <word T>
std::string wrong_word() {
    std::string all = "must be ";
    for (std::size_t i = 0; i < words_of<T>::all.size(); ++i) {
        all += i == 0 ? "" : i + 1 == words_of<T>::all.size() ? " or " : ", ";
        all += words_of<T>::all[i].first;
    }
    return all;
}

[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules, bool& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules, int& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     std::uint32_t& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     microseconds& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     std::string& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     std::vector<std::string>& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     std::vector<std::uint16_t>& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     tls_protocols& into);
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     tenant_key& into);

template <word T>
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& /*rules*/, T& into) {
    for (const auto& [name, value] : words_of<T>::all) {
        if (same_word(name, text)) {
            into = value;
            return {};
        }
    }
    return std::unexpected(wrong_word<T>());
}

/// -1 stands for "absent", as in PgBouncer's connection strings.
template <class T>
[[nodiscard]] read_result read_value(std::string_view text, const value_rules& rules,
                                     std::optional<T>& into) {
    if (text == "-1") {
        into.reset();
        return {};
    }
    T value{};
    read_result read = read_value(text, rules, value);
    if (read) {
        into = value;
    }
    return read;
}

[[nodiscard]] std::string plain_text(bool value, const value_rules& rules);
[[nodiscard]] std::string plain_text(int value, const value_rules& rules);
[[nodiscard]] std::string plain_text(std::uint32_t value, const value_rules& rules);
[[nodiscard]] std::string plain_text(microseconds value, const value_rules& rules);
[[nodiscard]] std::string plain_text(const std::string& value, const value_rules& rules);
[[nodiscard]] std::string plain_text(const std::vector<std::string>& value,
                                     const value_rules& rules);
[[nodiscard]] std::string plain_text(const std::vector<std::uint16_t>& value,
                                     const value_rules& rules);
[[nodiscard]] std::string plain_text(const tls_protocols& value, const value_rules& rules);
[[nodiscard]] std::string plain_text(const tenant_key& value, const value_rules& rules);

template <word T>
[[nodiscard]] std::string plain_text(T value, const value_rules& /*rules*/) {
    for (const auto& [name, known] : words_of<T>::all) {
        if (known == value) {
            return std::string(name);
        }
    }
    std::unreachable();
}

[[nodiscard]] std::string toml_text(bool value, const value_rules& rules);
[[nodiscard]] std::string toml_text(int value, const value_rules& rules);
[[nodiscard]] std::string toml_text(std::uint32_t value, const value_rules& rules);
[[nodiscard]] std::string toml_text(microseconds value, const value_rules& rules);
[[nodiscard]] std::string toml_text(const std::string& value, const value_rules& rules);
[[nodiscard]] std::string toml_text(const std::vector<std::string>& value,
                                    const value_rules& rules);
[[nodiscard]] std::string toml_text(const std::vector<std::uint16_t>& value,
                                    const value_rules& rules);
[[nodiscard]] std::string toml_text(const tls_protocols& value, const value_rules& rules);
[[nodiscard]] std::string toml_text(const tenant_key& value, const value_rules& rules);

template <word T>
[[nodiscard]] std::string toml_text(T value, const value_rules& rules) {
    return toml_quoted(plain_text(value, rules));
}

}  // namespace weft::pool
