// SPDX-License-Identifier: Apache-2.0
#include "auth/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <stdexcept>

namespace weft::pool {

namespace {

constexpr std::string_view base64_digits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

const unsigned char* octets(std::string_view bytes) noexcept {
    return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

scram_key sha256(std::string_view bytes) {
    scram_key hash;
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr) != 1 ||
        size != hash.size()) {
        throw std::runtime_error("libcrypto did not compute SHA-256");
    }
    return hash;
}

scram_key hmac_sha256(std::string_view key, std::string_view bytes) {
    scram_key hash;
    unsigned size = 0;
    if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), octets(bytes), bytes.size(),
             hash.data(), &size) == nullptr ||
        size != hash.size()) {
        throw std::runtime_error("libcrypto did not compute HMAC-SHA-256");
    }
    return hash;
}

std::optional<std::string> md5_digits(std::string_view bytes) {
    std::array<unsigned char, 16> hash;
    unsigned size = 0;
    if (EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_md5(), nullptr) != 1 ||
        size != hash.size()) {
        return std::nullopt;
    }
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (const unsigned char byte : hash) {
        text += digits[byte >> 4U];
        text += digits[byte & 0xfU];
    }
    return text;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

void fill_with_random_bytes(std::span<unsigned char> bytes) {
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("libcrypto has no random bytes");
    }
}

std::string to_base64(std::string_view bytes) {
    std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');  // it writes a NUL at the end
    EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), octets(bytes),
                    static_cast<int>(bytes.size()));
    text.pop_back();
    return text;
}

std::optional<std::string> from_base64(std::string_view text) {
    // EVP_DecodeBlock skips blanks, and takes padding for zeros.
    const std::size_t digits = std::min(text.find_first_not_of(base64_digits), text.size());
    const std::size_t padding = text.size() - digits;
    if (text.size() % 4 != 0 || padding > 2 ||
        text.find_first_not_of('=', digits) != std::string_view::npos ||
        text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max())) {
        return std::nullopt;
    }
    std::string bytes(text.size() / 4 * 3, '\0');
    if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), octets(text),
                        static_cast<int>(text.size())) < 0) {
        return std::nullopt;
    }
    bytes.resize(bytes.size() - padding);
    return bytes;
}

}  // namespace weft::pool
