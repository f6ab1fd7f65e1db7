// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <charconv>
#include <utility>

#include "auth/digest.h"
#include "auth/scram.h"
#include "auth/scram_reader.h"

namespace weft::pool {

namespace {

std::unexpected<auth_error> refused_server(std::string message, std::string detail = {}) {
    return std::unexpected(
        auth_error{sqlstate_invalid_authorization, std::move(message), std::move(detail)});
}

std::unexpected<auth_error> out_of_order() {
    return std::unexpected(auth_error{sqlstate_protocol_violation, "unexpected SCRAM message", {}});
}

std::string header_for(scram_choice choice) {
    if (choice.mechanism == scram_mechanism::sha_256_plus) {
        return "p=tls-server-end-point,,";
    }
    return choice.could_bind ? "y,," : "n,,";
}

std::uint32_t asked_iterations(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = error == std::errc() && end == text.data() + text.size();
    return whole && value <= most_scram_iterations ? value : 0;
}

}  // namespace

auth_result<scram_choice> choose_scram_mechanism(std::span<const std::string_view> offered,
                                                 std::string_view binding,
                                                 channel_binding_use use) {
    const auto offers = [offered](scram_mechanism mechanism) {
        return std::ranges::find(offered, name_of(mechanism)) != offered.end();
    };
    const bool can_bind = !binding.empty() && use != channel_binding_use::disable;
    if (can_bind && offers(scram_mechanism::sha_256_plus)) {
        return scram_choice{scram_mechanism::sha_256_plus, true};
    }
    if (use == channel_binding_use::require) {
        return refused_server(
            "channel binding is required, but not supported by server's authentication request");
    }
    if (!offers(scram_mechanism::sha_256)) {
        return refused_server("none of the server's SASL authentication mechanisms are supported");
    }
    return scram_choice{scram_mechanism::sha_256, can_bind};
}

scram_client::scram_client(scram_choice choice, std::string_view binding, std::string nonce)
    : header_(header_for(choice)), nonce_(std::move(nonce)) {
    bound_ = header_;
    if (choice.mechanism == scram_mechanism::sha_256_plus) {
        bound_ += binding;
    }
}

std::string scram_client::first_bare() const {
    return "n=,r=" + nonce_;
}

std::string scram_client::first() const {
    return header_ + first_bare();
}

auth_result<scram_challenge> scram_client::read_challenge(std::string_view message) {
    if (state_ != state::first) {
        return out_of_order();
    }
    auto challenge = accept_challenge(message);
    state_ = challenge ? state::challenged : state::failed;
    return challenge;
}

auth_result<scram_challenge> scram_client::accept_challenge(std::string_view message) {
    if (const auto size = check_scram_size(message); !size) {
        return std::unexpected(size.error());
    }
    scram_reader reader(message);
    const auto nonces = reader.value_of('r');
    if (!nonces) {
        return std::unexpected(nonces.error());
    }
    if (!nonces->starts_with(nonce_) || nonces->size() == nonce_.size() ||
        !is_scram_printable(*nonces)) {
        return std::unexpected(auth_error{sqlstate_protocol_violation, "invalid SCRAM response",
                                          "Nonce does not match."});
    }
    const auto encoded = reader.value_of('s');
    if (!encoded) {
        return std::unexpected(encoded.error());
    }
    auto salt = from_base64(*encoded);
    if (!salt || salt->empty()) {
        return malformed_scram("Invalid salt.");
    }
    const auto count = reader.value_of('i');
    if (!count) {
        return std::unexpected(count.error());
    }
    const std::uint32_t iterations = asked_iterations(*count);
    if (iterations == 0) {
        return malformed_scram("Invalid iteration count.");
    }
    if (!reader.at_end()) {
        return malformed_scram("Garbage found at the end of server-first-message.");
    }
    nonces_ = *nonces;
    challenge_text_ = message;
    challenge_ = {std::move(*salt), iterations};
    return challenge_;
}

auth_result<std::string> scram_client::answer(const scram_keys& keys) {
    if (state_ != state::challenged) {
        return out_of_order();
    }
    if (keys.challenge != challenge_) {
        state_ = state::failed;
        return refused_server("SCRAM keys do not fit the server's challenge",
                              "The server has another secret for this user.");
    }
    std::string message = "c=" + to_base64(bound_) + ",r=" + nonces_;
    const std::string signed_text = scram_auth_message(first_bare(), challenge_text_, message);
    const scram_key proof = exclusive_or(
        keys.client_key, client_signature(stored_key_of(keys.client_key), signed_text));
    expected_signature_ = server_signature(keys.server_key, signed_text);
    state_ = state::answered;
    return message + ",p=" + to_base64(bytes_of(proof));
}

auth_result<void> scram_client::read_last(std::string_view message) {
    if (state_ != state::answered) {
        return out_of_order();
    }
    auto known = accept_last(message);
    state_ = known ? state::succeeded : state::failed;
    return known;
}

auth_result<void> scram_client::accept_last(std::string_view message) const {
    if (const auto size = check_scram_size(message); !size) {
        return size;
    }
    scram_reader reader(message);
    if (reader.peek() == 'e') {
        const auto error = reader.value_of('e');
        if (!error) {
            return std::unexpected(error.error());
        }
        return refused_server("error received from server in SCRAM exchange: " +
                              shown_text(*error));
    }
    const auto encoded = reader.value_of('v');
    if (!encoded) {
        return std::unexpected(encoded.error());
    }
    if (!reader.at_end()) {
        return malformed_scram("Garbage found at the end of server-final-message.");
    }
    const auto signature = from_base64(*encoded);
    if (!signature || signature->size() != expected_signature_.size()) {
        return malformed_scram("Malformed server signature.");
    }
    if (!equal_in_constant_time(*signature, bytes_of(expected_signature_))) {
        return refused_server("incorrect server signature");
    }
    return {};
}

}  // namespace weft::pool
