// SPDX-License-Identifier: Apache-2.0
//
// What the logins take from libcrypto: hashes, comparison, random bytes, Base64. Any thread.
//
// SHA-256 fails only without memory or with an OpenSSL configured not to have it; then these throw
// std::runtime_error: a login must not go on with a hash that is none.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/secret.h"

namespace weft::pool {

scram_key sha256(std::string_view bytes);
scram_key hmac_sha256(std::string_view key, std::string_view bytes);

/// 32 lower-case digits. Nothing where OpenSSL is restricted to FIPS.
std::optional<std::string> md5_digits(std::string_view bytes);

/// Takes as long wherever they differ; not so when they differ in length.
bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept;

void fill_with_random_bytes(std::span<unsigned char> bytes);

std::string to_base64(std::string_view bytes);
/// With padding, without blanks, as PostgreSQL reads it.
std::optional<std::string> from_base64(std::string_view text);

/// The bytes of a key as the functions here take them. As long as the key lives.
inline std::string_view bytes_of(std::span<const unsigned char> key) noexcept {
    return {reinterpret_cast<const char*>(key.data()), key.size()};
}

}  // namespace weft::pool
