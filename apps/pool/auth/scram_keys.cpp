// SPDX-License-Identifier: Apache-2.0
#include "auth/scram_keys.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <functional>
#include <stdexcept>
#include <utility>

#include "auth/digest.h"
#include "auth/saslprep.h"

namespace weft::pool {

namespace {

constexpr std::size_t salt_size = 16;   // PostgreSQL's
constexpr std::size_t nonce_size = 18;  // likewise

/// Different for each user and each purpose.
scram_key derived_bytes(const salting_key& key, std::string_view purpose, std::string_view user) {
    std::string of(purpose);
    of += '\0';
    of += user;
    return hmac_sha256(bytes_of(key.bytes), of);
}

}  // namespace

auth_result<scram_keys> derive_scram_keys(std::string_view password, scram_challenge challenge) {
    if (challenge.iterations < 1 || challenge.iterations > most_scram_iterations) {
        return std::unexpected(
            auth_error{sqlstate_protocol_violation, "SCRAM iteration count is out of range",
                       "It is " + std::to_string(challenge.iterations) + ", and may be 1 to " +
                           std::to_string(most_scram_iterations) + "."});
    }
    const std::string prepared = saslprep(password);
    scram_key salted;
    const int done = PKCS5_PBKDF2_HMAC(
        prepared.data(), static_cast<int>(prepared.size()),
        reinterpret_cast<const unsigned char*>(challenge.salt.data()),
        static_cast<int>(challenge.salt.size()), static_cast<int>(challenge.iterations),
        EVP_sha256(), static_cast<int>(salted.size()), salted.data());
    if (done != 1) {
        throw std::runtime_error("libcrypto did not compute PBKDF2");
    }
    scram_keys keys{std::move(challenge), hmac_sha256(bytes_of(salted), "Client Key"),
                    hmac_sha256(bytes_of(salted), "Server Key")};
    OPENSSL_cleanse(salted.data(), salted.size());
    return keys;
}

scram_secret secret_of(const scram_keys& keys) {
    return {keys.challenge.iterations, keys.challenge.salt, stored_key_of(keys.client_key),
            keys.server_key};
}

scram_key stored_key_of(const scram_key& client_key) {
    return sha256(bytes_of(client_key));
}

scram_key client_signature(const scram_key& stored_key, std::string_view auth_message) {
    return hmac_sha256(bytes_of(stored_key), auth_message);
}

scram_key server_signature(const scram_key& server_key, std::string_view auth_message) {
    return hmac_sha256(bytes_of(server_key), auth_message);
}

scram_key exclusive_or(const scram_key& a, const scram_key& b) noexcept {
    scram_key result;
    std::ranges::transform(a, b, result.begin(), std::bit_xor<>());
    return result;
}

salting_key make_salting_key() {
    salting_key key;
    fill_with_random_bytes(key.bytes);
    return key;
}

scram_challenge challenge_for(const salting_key& key, std::string_view user,
                              std::uint32_t iterations) {
    const scram_key bytes = derived_bytes(key, "salt", user);
    return {std::string(bytes_of(bytes).substr(0, salt_size)), iterations};
}

scram_secret unanswerable_secret(const salting_key& key, std::string_view user,
                                 std::uint32_t iterations) {
    // To answer, a client needs the bytes that SHA-256 makes this StoredKey of: nobody knows any.
    return {iterations, challenge_for(key, user, iterations).salt,
            derived_bytes(key, "stored key", user), derived_bytes(key, "server key", user)};
}

std::string make_scram_nonce() {
    std::array<unsigned char, nonce_size> bytes;
    fill_with_random_bytes(bytes);
    return to_base64(bytes_of(bytes));
}

}  // namespace weft::pool
