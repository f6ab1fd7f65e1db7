// SPDX-License-Identifier: Apache-2.0
//
// The keys of SCRAM-SHA-256 (RFC 5802, section 3; RFC 7677) and what is derived from them. Pure
// functions: any thread; digest.h says when they throw. One of them is slow on purpose:
// derive_scram_keys(), some milliseconds for 4,096 iterations. Call it in weft::blocking, and keep
// what it gives: salt and iterations say for which challenges it serves.
//
// ClientKey is as good as the password for who asks with this salt and these iterations, so keys
// are secrets: never logged, not even in part.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/errors.h"
#include "auth/secret.h"

namespace weft::pool {

/// PostgreSQL's default (scram_iterations).
inline constexpr std::uint32_t default_scram_iterations = 4'096;
/// What a server may ask for: some seconds of work.
inline constexpr std::uint32_t most_scram_iterations = 10'000'000;

/// What a server asks of a client.
struct scram_challenge {
    std::string salt;  ///< bytes
    std::uint32_t iterations = 0;

    bool operator==(const scram_challenge&) const = default;
};

/// What a client needs to answer one challenge and to know its server.
struct scram_keys {
    scram_challenge challenge;  ///< that they answer
    scram_key client_key = {};
    scram_key server_key = {};
};

/// Slow. Fails if iterations are none or more than most_scram_iterations.
auth_result<scram_keys> derive_scram_keys(std::string_view password, scram_challenge challenge);

/// What a server keeps of them.
scram_secret secret_of(const scram_keys& keys);

/// H(ClientKey), by which a server knows the client.
scram_key stored_key_of(const scram_key& client_key);

/// HMAC(StoredKey, AuthMessage); ClientKey xor this is the client's proof.
scram_key client_signature(const scram_key& stored_key, std::string_view auth_message);
/// HMAC(ServerKey, AuthMessage)
scram_key server_signature(const scram_key& server_key, std::string_view auth_message);

scram_key exclusive_or(const scram_key& a, const scram_key& b) noexcept;

/// Random, made once a process and kept for as long: makes salts that look random, and are the same
/// for the same user. So a login tells no one whether a user exists, has a plain password, or got
/// one since the last try.
struct salting_key {
    std::array<unsigned char, 32> bytes;
};

salting_key make_salting_key();

/// The challenge for a user whose stored secret names none: plain passwords, and users who do not
/// exist.
scram_challenge challenge_for(const salting_key& key, std::string_view user,
                              std::uint32_t iterations = default_scram_iterations);

/// That no client can answer: for users who do not exist, or have no password, or an md5 one. The
/// same for the same user.
scram_secret unanswerable_secret(const salting_key& key, std::string_view user,
                                 std::uint32_t iterations = default_scram_iterations);

/// 18 random bytes in Base64, as PostgreSQL's.
std::string make_scram_nonce();

}  // namespace weft::pool
