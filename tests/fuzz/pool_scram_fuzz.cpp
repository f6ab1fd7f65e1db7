// SPDX-License-Identifier: Apache-2.0
//
// What the other side of a SCRAM login may send: the first byte says which side we are and how we
// bind, the rest is its messages, a line each. Nobody logs in without the password.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/scram.h"
#include "require.h"

namespace {

using namespace weft::pool;
using weft::fuzz::require;

void check_error(const auth_error& error) {
    require(error.sqlstate.size() == 5, "an SQLSTATE", error.sqlstate);
    require(!error.message.empty(), "a message");
    for (const char c : error.message + error.detail) {
        require(c >= ' ' && c <= '~', "a text that can be shown", error.message);
    }
}

const scram_keys& our_keys() {
    static const scram_keys keys = derive_scram_keys("pencil", {"salt", 1}).value();
    return keys;
}

std::string_view next_message(std::string_view& rest) {
    const std::size_t end = rest.find('\n');
    const std::string_view message = rest.substr(0, end);
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    return message;
}

void as_server(scram_mechanism mechanism, const char* binding, std::string_view rest) {
    scram_server login({mechanism, binding, "server", "user"}, secret_of(our_keys()));
    const auto challenge = login.read_first(next_message(rest));
    if (!challenge) {
        check_error(challenge.error());
        return;
    }
    require(challenge->ends_with("server,s=c2FsdA==,i=1"), "our challenge", *challenge);
    const auto signature = login.read_last(next_message(rest));
    if (!signature) {
        check_error(signature.error());
        require(login.keys() == nullptr, "no keys of a client that failed");
        return;
    }
    require(login.keys() != nullptr && login.keys()->client_key == our_keys().client_key,
            "only who knows the password logs in");
}

void as_client(scram_choice choice, std::string_view rest) {
    scram_client login(choice, "hash", "client");
    const auto challenge = login.read_challenge(next_message(rest));
    if (!challenge) {
        check_error(challenge.error());
        return;
    }
    require(challenge->iterations >= 1 && challenge->iterations <= most_scram_iterations,
            "iterations that can be computed");
    // Keys as if they were derived for it, which would take long.
    const auto answer = login.answer({*challenge, our_keys().client_key, our_keys().server_key});
    require(answer && answer->starts_with("c="), "an answer");
    const auto known = login.read_last(next_message(rest));
    require(known.has_value() == login.succeeded(), "an error or success");
    if (!known) {
        check_error(known.error());
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) {
        return 0;
    }
    const std::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
    switch (data[0] % 6) {
        case 0:
            as_server(scram_mechanism::sha_256, "", rest);
            break;
        case 1:
            as_server(scram_mechanism::sha_256, "hash", rest);
            break;
        case 2:
            as_server(scram_mechanism::sha_256_plus, "hash", rest);
            break;
        case 3:
            as_client({scram_mechanism::sha_256, false}, rest);
            break;
        case 4:
            as_client({scram_mechanism::sha_256, true}, rest);
            break;
        default:
            as_client({scram_mechanism::sha_256_plus, true}, rest);
            break;
    }
    return 0;
}
