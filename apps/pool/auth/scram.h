// SPDX-License-Identifier: Apache-2.0
//
// Both sides of the login SCRAM-SHA-256 and SCRAM-SHA-256-PLUS (RFC 5802, 7677; channel binding by
// tls-server-end-point, RFC 5929). Small machines over the bytes inside of PostgreSQL's SASL
// messages; no machine waits or computes long. Use by one thread at a time; when a call fails, the
// login is over.
//
// The server side, for a client:
//
//     const auto mechanism = read_scram_mechanism(name, !binding.empty());      // or refuse
//     scram_server login({*mechanism, binding, make_scram_nonce(), user}, secret);
//     auto challenge = login.read_first(initial_response);        // -> AuthenticationSASLContinue
//     auto proof = login.read_last(response);                     // -> AuthenticationSASLFinal
//     login.keys();                                               // logs in to PostgreSQL, too
//
// where secret is the user's stored scram_secret; of a plain password
// secret_of(derive_scram_keys(password, challenge_for(key, user))), computed once and kept; or
// unanswerable_secret(). The client side, to a server:
//
//     const auto mechanism = choose_scram_mechanism(offered, binding, use);     // or refuse
//     scram_client login(*mechanism, binding, make_scram_nonce());
//     login.first();                                              // -> SASLInitialResponse
//     auto challenge = login.read_challenge(text);
//     keys: kept ones if keys.challenge == *challenge, or derive_scram_keys(password, *challenge)
//     auto answer = login.answer(keys);                           // -> SASLResponse
//     auto known = login.read_last(text);                         // the server knows the password
//
// Errors are worded and numbered as PostgreSQL's. The user's name is taken from the startup
// message; the one within SCRAM is not looked at, as in PostgreSQL.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "auth/errors.h"
#include "auth/scram_keys.h"
#include "auth/secret.h"

namespace weft::pool {

/// Longer messages are refused unread: PostgreSQL's bound for those of clients.
inline constexpr std::size_t longest_scram_message = 1'024;

enum class scram_mechanism : std::uint8_t { sha_256, sha_256_plus };

/// "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
std::string_view name_of(scram_mechanism mechanism) noexcept;

/// What a client has chosen. An error unless it was offered: -PLUS only to a client with a binding.
auth_result<scram_mechanism> read_scram_mechanism(std::string_view name, bool plus_was_offered);

/// What the setting channel_binding of a connection to a server says.
enum class channel_binding_use : std::uint8_t { disable, prefer, require };

/// What the client side chooses: the mechanism, and what it tells the server about binding.
struct scram_choice {
    scram_mechanism mechanism = scram_mechanism::sha_256;
    /// The client could bind, the server did not offer it. If the server did, somebody between has
    /// removed it: the server notices.
    bool could_bind = false;
};

/// Of what a server offers. `binding`: of the TLS connection; empty without one.
auth_result<scram_choice> choose_scram_mechanism(std::span<const std::string_view> offered,
                                                 std::string_view binding, channel_binding_use use);

/// The hash of a server's certificate (DER) that is its tls-server-end-point. Nothing if the bytes
/// are no certificate or its signature names no hash (Ed25519): then there is no binding.
std::optional<std::string> tls_server_end_point(std::span<const std::byte> certificate);

class scram_server {
public:
    struct facts {
        scram_mechanism mechanism = scram_mechanism::sha_256;
        std::string binding;  ///< of the TLS connection, if -PLUS was offered; else empty
        std::string nonce;    ///< of make_scram_nonce()
        std::string user;     ///< for the error
    };

    scram_server(facts about, scram_secret expected)
        : facts_(std::move(about)), expected_(std::move(expected)) {}

    /// client-first-message -> server-first-message
    auth_result<std::string> read_first(std::string_view message);

    /// client-final-message -> server-final-message. When there is one, the client knows the
    /// password.
    auth_result<std::string> read_last(std::string_view message);

    /// With these a scram_client logs in where the stored secret is the same one. Null until
    /// read_last() has succeeded; as long as this lives.
    [[nodiscard]] const scram_keys* keys() const noexcept;

private:
    enum class state : std::uint8_t { first, last, succeeded, failed };

    auth_result<std::string> accept_first(std::string_view message);
    auth_result<std::string> accept_last(std::string_view message);
    [[nodiscard]] auth_result<std::string_view> read_header(std::string_view message) const;

    facts facts_;
    scram_secret expected_;
    state state_ = state::first;
    std::string header_;  ///< gs2-header: how the client binds
    std::string first_bare_;
    std::string challenge_;
    std::string nonces_;
    scram_keys keys_;
};

class scram_client {
public:
    /// `binding`: of the TLS connection; used by -PLUS only.
    scram_client(scram_choice choice, std::string_view binding, std::string nonce);

    /// client-first-message
    [[nodiscard]] std::string first() const;

    /// server-first-message
    auth_result<scram_challenge> read_challenge(std::string_view message);

    /// client-final-message. An error if the keys are for another challenge than the one read: the
    /// stored secret is not the server's.
    auth_result<std::string> answer(const scram_keys& keys);

    /// server-final-message. An error if the server does not know the password, or says that we do
    /// not.
    auth_result<void> read_last(std::string_view message);

    /// A server that says that all is well before this has not shown that it knows the password.
    [[nodiscard]] bool succeeded() const noexcept { return state_ == state::succeeded; }

private:
    enum class state : std::uint8_t { first, challenged, answered, succeeded, failed };

    [[nodiscard]] std::string first_bare() const;
    auth_result<scram_challenge> accept_challenge(std::string_view message);
    [[nodiscard]] auth_result<void> accept_last(std::string_view message) const;

    state state_ = state::first;
    std::string header_;  ///< gs2-header
    std::string bound_;   ///< it and the binding: what the server compares
    std::string nonce_;
    std::string nonces_;  ///< ours and the server's
    std::string challenge_text_;
    scram_challenge challenge_;
    scram_key expected_signature_ = {};
};

}  // namespace weft::pool
