// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "auth/digest.h"
#include "auth/scram.h"
#include "auth/scram_reader.h"

namespace weft::pool {

namespace {

constexpr std::string_view plain_name = "SCRAM-SHA-256";
constexpr std::string_view plus_name = "SCRAM-SHA-256-PLUS";

std::unexpected<auth_error> unsupported_scram(std::string message) {
    return std::unexpected(auth_error{sqlstate_feature_not_supported, std::move(message), {}});
}

std::unexpected<auth_error> broken_protocol(std::string message, std::string detail = {}) {
    return std::unexpected(
        auth_error{sqlstate_protocol_violation, std::move(message), std::move(detail)});
}

std::unexpected<auth_error> not_authorized(std::string message, std::string detail = {}) {
    return std::unexpected(
        auth_error{sqlstate_invalid_authorization, std::move(message), std::move(detail)});
}

/// What a client may put after its nonce: extensions, which are ignored.
auth_result<void> check_extensions(scram_reader& reader) {
    while (!reader.at_end()) {
        if (const auto extension = reader.next(); !extension) {
            return std::unexpected(extension.error());
        }
    }
    return {};
}

struct last_message {
    std::string_view binding;
    std::string_view nonces;
    std::string_view without_proof;
    scram_key proof = {};
};

auth_result<last_message> parse_last(std::string_view message) {
    scram_reader reader(message);
    const auto binding = reader.value_of('c');
    if (!binding) {
        return std::unexpected(binding.error());
    }
    const auto nonces = reader.value_of('r');
    if (!nonces) {
        return std::unexpected(nonces.error());
    }
    for (;;) {
        const std::size_t before = reader.position();
        const auto attribute = reader.next();
        if (!attribute) {
            return std::unexpected(attribute.error());
        }
        if (attribute->name != 'p') {
            continue;  // an extension
        }
        const auto proof = from_base64(attribute->value);
        last_message parsed{*binding, *nonces, message.substr(0, before - 1)};
        if (!proof || proof->size() != parsed.proof.size()) {
            return malformed_scram("Malformed proof in client-final-message.");
        }
        if (!reader.at_end()) {
            return malformed_scram("Garbage found at the end of client-final-message.");
        }
        std::ranges::copy(*proof, parsed.proof.begin());
        return parsed;
    }
}

}  // namespace

std::string_view name_of(scram_mechanism mechanism) noexcept {
    return mechanism == scram_mechanism::sha_256 ? plain_name : plus_name;
}

auth_result<scram_mechanism> read_scram_mechanism(std::string_view name, bool plus_was_offered) {
    if (name == plain_name) {
        return scram_mechanism::sha_256;
    }
    if (name == plus_name && plus_was_offered) {
        return scram_mechanism::sha_256_plus;
    }
    return broken_protocol("client selected an invalid SASL authentication mechanism");
}

auth_result<std::string> scram_server::read_first(std::string_view message) {
    if (state_ != state::first) {
        return broken_protocol("unexpected SCRAM message");
    }
    auto challenge = accept_first(message);
    state_ = challenge ? state::last : state::failed;
    return challenge;
}

auth_result<std::string> scram_server::read_last(std::string_view message) {
    if (state_ != state::last) {
        return broken_protocol("unexpected SCRAM message");
    }
    auto signature = accept_last(message);
    state_ = signature ? state::succeeded : state::failed;
    return signature;
}

const scram_keys* scram_server::keys() const noexcept {
    return state_ == state::succeeded ? &keys_ : nullptr;
}

/// The gs2-header: how the client binds, and that it wants to be nobody else. Gives what follows.
auth_result<std::string_view> scram_server::read_header(std::string_view message) const {
    const bool plus = facts_.mechanism == scram_mechanism::sha_256_plus;
    scram_reader reader(message);
    const char flag = reader.peek();
    if (flag == 'p') {
        if (!plus) {
            return malformed_scram(
                "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message "
                "includes channel binding data.");
        }
        const auto type = reader.value_of('p');
        if (!type) {
            return std::unexpected(type.error());
        }
        if (*type != "tls-server-end-point") {
            return broken_protocol("unsupported SCRAM channel-binding type \"" + shown_text(*type) +
                                   "\"");
        }
    } else if (flag == 'n' || flag == 'y') {
        if (plus) {
            return malformed_scram(
                "The client selected SCRAM-SHA-256-PLUS, but the SCRAM message does not include "
                "channel binding data.");
        }
        if (flag == 'y' && !facts_.binding.empty()) {
            return not_authorized(
                "SCRAM channel binding negotiation error",
                "The client supports SCRAM channel binding but thinks the server does not.  "
                "However, this server does support channel binding.");
        }
        reader.skip(1);
        if (reader.peek() != ',') {
            return malformed_scram("Comma expected, but found character \"" +
                                   shown_byte(reader.peek()) + "\".");
        }
        reader.skip(1);
    } else {
        return malformed_scram("Unexpected channel-binding flag \"" + shown_byte(flag) + "\".");
    }
    if (reader.peek() == 'a') {
        return unsupported_scram("client uses authorization identity, but it is not supported");
    }
    if (reader.peek() != ',') {
        return malformed_scram("Unexpected attribute \"" + shown_byte(reader.peek()) +
                               "\" in client-first-message.");
    }
    reader.skip(1);
    return reader.rest();
}

auth_result<std::string> scram_server::accept_first(std::string_view message) {
    if (const auto size = check_scram_size(message); !size) {
        return std::unexpected(size.error());
    }
    const auto bare = read_header(message);
    if (!bare) {
        return std::unexpected(bare.error());
    }
    scram_reader reader(*bare);
    if (reader.peek() == 'm') {
        return unsupported_scram("client requires an unsupported SCRAM extension");
    }
    if (const auto user = reader.value_of('n'); !user) {
        return std::unexpected(user.error());
    }
    const auto nonce = reader.value_of('r');
    if (!nonce) {
        return std::unexpected(nonce.error());
    }
    if (!is_scram_printable(*nonce)) {
        return broken_protocol("non-printable characters in SCRAM nonce");
    }
    if (const auto rest = check_extensions(reader); !rest) {
        return std::unexpected(rest.error());
    }
    header_ = message.substr(0, message.size() - bare->size());
    first_bare_ = *bare;
    nonces_ = std::string(*nonce) + facts_.nonce;
    challenge_ = "r=" + nonces_ + ",s=" + to_base64(expected_.salt) +
                 ",i=" + std::to_string(expected_.iterations);
    return challenge_;
}

auth_result<std::string> scram_server::accept_last(std::string_view message) {
    if (const auto size = check_scram_size(message); !size) {
        return std::unexpected(size.error());
    }
    const auto last = parse_last(message);
    if (!last) {
        return std::unexpected(last.error());
    }
    const bool plus = facts_.mechanism == scram_mechanism::sha_256_plus;
    if (last->binding != to_base64(plus ? header_ + facts_.binding : header_)) {
        if (plus) {
            return not_authorized("SCRAM channel binding check failed");
        }
        return broken_protocol(
            "unexpected SCRAM channel-binding attribute in client-final-message");
    }
    if (last->nonces != nonces_) {
        return broken_protocol("invalid SCRAM response", "Nonce does not match.");
    }
    const std::string signed_text =
        scram_auth_message(first_bare_, challenge_, last->without_proof);
    const scram_key client_key =
        exclusive_or(last->proof, client_signature(expected_.stored_key, signed_text));
    if (!equal_in_constant_time(bytes_of(stored_key_of(client_key)),
                                bytes_of(expected_.stored_key))) {
        return std::unexpected(
            auth_error{sqlstate_invalid_password,
                       "password authentication failed for user \"" + facts_.user + '"',
                       {}});
    }
    keys_ = {{expected_.salt, expected_.iterations}, client_key, expected_.server_key};
    return "v=" + to_base64(bytes_of(server_signature(expected_.server_key, signed_text)));
}

}  // namespace weft::pool
