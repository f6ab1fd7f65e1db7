// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <initializer_list>

#include "auth/digest.h"
#include "auth/scram.h"

namespace weft::pool {
namespace {

// RFC 7677, section 3.
constexpr std::string_view rfc_first = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
constexpr std::string_view rfc_nonce = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view rfc_challenge =
    "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
constexpr std::string_view rfc_last_without_proof =
    "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
constexpr std::string_view rfc_proof = "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";

scram_keys keys_of(std::string_view password) {
    return derive_scram_keys(password, {*from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4'096}).value();
}

const scram_secret& rfc_secret() {
    static const scram_secret made = secret_of(keys_of("pencil"));
    return made;
}

scram_server plain_server(std::string binding = {}) {
    return scram_server(
        {scram_mechanism::sha_256, std::move(binding), std::string(rfc_nonce), "user"},
        rfc_secret());
}

scram_server plus_server(std::string binding) {
    return scram_server(
        {scram_mechanism::sha_256_plus, std::move(binding), std::string(rfc_nonce), "user"},
        rfc_secret());
}

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) {
        text += part;
    }
    return text;
}

/// "sqlstate message|detail"
std::string shown(const auth_error& error) {
    return std::string(error.sqlstate) + ' ' + error.message + '|' + error.detail;
}

std::string error_of_first(std::string_view message, scram_server login = plain_server()) {
    const auto challenge = login.read_first(message);
    EXPECT_EQ(login.keys(), nullptr);
    return challenge ? "none" : shown(challenge.error());
}

std::string error_of_last(std::string_view message, scram_server login = plain_server(),
                          std::string_view first = rfc_first) {
    EXPECT_TRUE(login.read_first(first));
    const auto signature = login.read_last(message);
    EXPECT_EQ(login.keys() == nullptr, !signature);
    return signature ? "none" : shown(signature.error());
}

std::string rfc_last() {
    return joined({rfc_last_without_proof, ",p=", rfc_proof});
}

/// What a client that knows the keys sends.
std::string signed_last(const scram_keys& keys, std::string_view first_bare,
                        const std::string& without_proof) {
    const std::string text =
        std::string(first_bare) + ',' + std::string(rfc_challenge) + ',' + without_proof;
    const scram_key proof =
        exclusive_or(keys.client_key, client_signature(stored_key_of(keys.client_key), text));
    return without_proof + ",p=" + to_base64(bytes_of(proof));
}

TEST(scram_server, answers_as_in_rfc_7677) {
    scram_server login = plain_server();
    EXPECT_EQ(login.read_first(rfc_first), rfc_challenge);
    EXPECT_EQ(login.keys(), nullptr);
    EXPECT_EQ(login.read_last(rfc_last()), "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(scram_server, recovers_the_keys_of_the_client) {
    scram_server login = plain_server();
    ASSERT_TRUE(login.read_first(rfc_first));
    ASSERT_TRUE(login.read_last(rfc_last()));
    const scram_keys expected = keys_of("pencil");
    ASSERT_NE(login.keys(), nullptr);
    EXPECT_EQ(login.keys()->challenge, expected.challenge);
    EXPECT_EQ(login.keys()->client_key, expected.client_key);
    EXPECT_EQ(login.keys()->server_key, expected.server_key);
}

TEST(scram_server, refuses_a_wrong_password) {
    const std::string last =
        signed_last(keys_of("pencil "), rfc_first.substr(3), std::string(rfc_last_without_proof));
    EXPECT_EQ(error_of_last(last), "28P01 password authentication failed for user \"user\"|");
}

TEST(scram_server, refuses_who_does_not_exist_like_a_wrong_password) {
    const salting_key key = make_salting_key();
    const auto challenge = [](std::string_view user, const scram_secret& secret) {
        scram_server login({scram_mechanism::sha_256, "", std::string(rfc_nonce), "nobody"},
                           secret);
        return login.read_first("n,,n=" + std::string(user) + ",r=x").value();
    };
    const scram_secret nobody = unanswerable_secret(key, "nobody");
    EXPECT_EQ(
        challenge("nobody", nobody),
        challenge("nobody", secret_of(*derive_scram_keys("pw", challenge_for(key, "nobody")))));
    scram_server login({scram_mechanism::sha_256, "", std::string(rfc_nonce), "nobody"}, nobody);
    EXPECT_EQ(error_of_last(rfc_last(), std::move(login)),
              "28P01 password authentication failed for user \"nobody\"|");
}

TEST(scram_server, ignores_the_name_and_unknown_extensions) {
    const std::string_view first = "n,,n=,r=rOprNGfwEbeRWgbNEkqO,x=1,Y=";
    const std::string last = signed_last(keys_of("pencil"), first.substr(3),
                                         joined({rfc_last_without_proof, ",z=9,w="}));
    EXPECT_EQ(error_of_last(last, plain_server(), first), "none");
}

TEST(scram_server, binds_to_the_channel) {
    const std::string_view first = "p=tls-server-end-point,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const auto last = [&](std::string_view header, std::string_view binding) {
        const std::string bound = std::string(header) + std::string(binding);
        return signed_last(keys_of("pencil"), first.substr(24),
                           "c=" + to_base64(bound) + std::string(rfc_last_without_proof.substr(6)));
    };
    const std::string hash(32, '\x80');
    const std::string_view header = "p=tls-server-end-point,,";
    EXPECT_EQ(error_of_last(last(header, hash), plus_server(hash), first), "none");
    // Somebody between has another certificate.
    EXPECT_EQ(error_of_last(last(header, std::string(32, '\x81')), plus_server(hash), first),
              "28000 SCRAM channel binding check failed|");
    EXPECT_EQ(error_of_last(last(header, ""), plus_server(hash), first),
              "28000 SCRAM channel binding check failed|");
    EXPECT_EQ(error_of_last(last("n,,", ""), plus_server(hash), first),
              "28000 SCRAM channel binding check failed|");
}

TEST(scram_server, notices_that_the_offer_to_bind_was_removed) {
    EXPECT_EQ(error_of_first("y,,n=,r=x", plain_server("hash")),
              "28000 SCRAM channel binding negotiation error|The client supports SCRAM channel "
              "binding but thinks the server does not.  However, this server does support channel "
              "binding.");
    EXPECT_EQ(error_of_first("n,,n=,r=x", plain_server("hash")), "none");
    EXPECT_EQ(error_of_first("y,,n=,r=x"), "none");
}

TEST(scram_server, compares_what_was_said_of_binding) {
    const std::string_view first = "y,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const auto last = [&](const std::string& binding) {
        return signed_last(keys_of("pencil"), first.substr(3),
                           "c=" + binding + std::string(rfc_last_without_proof.substr(6)));
    };
    EXPECT_EQ(error_of_last(last("eSws"), plain_server(), first), "none");
    EXPECT_EQ(error_of_last(last("biws"), plain_server(), first),
              "08P01 unexpected SCRAM channel-binding attribute in client-final-message|");
    EXPECT_EQ(error_of_last("c=eSws,r=x,p=" + std::string(rfc_proof)),
              "08P01 unexpected SCRAM channel-binding attribute in client-final-message|");
}

TEST(scram_server, refuses_malformed_first_messages) {
    const std::string malformed = "08P01 malformed SCRAM message|";
    const std::pair<std::string, std::string> messages[] = {
        {"", "The message is empty."},
        {std::string("n,,n=,r=x\0", 10), "Message length does not match input length."},
        {"n,,n=,r=" + std::string(1'017, 'x'), "The message is too long."},
        {"x", "Unexpected channel-binding flag \"'x'\"."},
        {"\xff", "Unexpected channel-binding flag \"0xff\"."},
        {"n", "Comma expected, but found character \"0x00\"."},
        {"yn", "Comma expected, but found character \"'n'\"."},
        {"n,", "Unexpected attribute \"0x00\" in client-first-message."},
        {"n,n=", "Unexpected attribute \"'n'\" in client-first-message."},
        {"n,,", "Expected attribute \"n\" but found \"0x00\"."},
        {"n,,r=x", "Expected attribute \"n\" but found \"'r'\"."},
        {"n,,n", "Expected character \"=\" for attribute \"n\"."},
        {"n,,n=", "Expected attribute \"r\" but found \"0x00\"."},
        {"n,,n=,", "Expected attribute \"r\" but found \"0x00\"."},
        {"n,,n=,x=1,r=x", "Expected attribute \"r\" but found \"'x'\"."},
        {"n,,n=,r=x,1=2", "Attribute expected, but found invalid character \"'1'\"."},
        {"n,,n=,r=x,,", "Attribute expected, but found invalid character \"','\"."},
        {"n,,n=,r=x,a", "Expected character \"=\" for attribute \"a\"."},
        {"p=tls-server-end-point,,n=,r=x",
         "The client selected SCRAM-SHA-256 without channel binding, but the SCRAM message "
         "includes "
         "channel binding data."},
    };
    for (const auto& [message, detail] : messages) {
        EXPECT_EQ(error_of_first(message), malformed + detail) << message;
    }
    EXPECT_EQ(error_of_first("n,,n=,r=" + std::string(1'016, 'x')), "none");
}

TEST(scram_server, refuses_first_messages_that_ask_for_more) {
    EXPECT_EQ(error_of_first("n,a=admin,n=,r=x"),
              "0A000 client uses authorization identity, but it is not supported|");
    EXPECT_EQ(error_of_first("n,,m=x,n=,r=x"),
              "0A000 client requires an unsupported SCRAM extension|");
    EXPECT_EQ(error_of_first("n,,n=,r=a b"), "08P01 non-printable characters in SCRAM nonce|");
    EXPECT_EQ(error_of_first("n,,n=,r=\xc3\xa9"), "08P01 non-printable characters in SCRAM nonce|");
}

TEST(scram_server, refuses_first_messages_that_do_not_bind_though_chosen) {
    for (const std::string_view message : {"n,,n=,r=x", "y,,n=,r=x"}) {
        EXPECT_EQ(error_of_first(message, plus_server("hash")),
                  "08P01 malformed SCRAM message|The client selected SCRAM-SHA-256-PLUS, but the "
                  "SCRAM message does not include channel binding data.");
    }
    EXPECT_EQ(error_of_first("p=tls-unique,,n=,r=x", plus_server("hash")),
              "08P01 unsupported SCRAM channel-binding type \"tls-unique\"|");
    EXPECT_EQ(error_of_first("p=\x1b" + std::string(40, 'x') + ",,n=,r=x", plus_server("hash")),
              "08P01 unsupported SCRAM channel-binding type \"?" + std::string(29, 'x') + "\"|");
    EXPECT_EQ(error_of_first("p,", plus_server("hash")),
              "08P01 malformed SCRAM message|Expected character \"=\" for attribute \"p\".");
}

TEST(scram_server, refuses_malformed_last_messages) {
    const std::string malformed = "08P01 malformed SCRAM message|";
    const std::string without_proof(rfc_last_without_proof);
    const std::pair<std::string, std::string> messages[] = {
        {"", "The message is empty."},
        {std::string(1'025, 'c'), "The message is too long."},
        {std::string("c=\0", 3), "Message length does not match input length."},
        {"r=x", "Expected attribute \"c\" but found \"'r'\"."},
        {"c=biws", "Expected attribute \"r\" but found \"0x00\"."},
        {without_proof, "Attribute expected, but found end of string."},
        {without_proof + ",", "Attribute expected, but found end of string."},
        {without_proof + ",x=1", "Attribute expected, but found end of string."},
        {without_proof + ",p", "Expected character \"=\" for attribute \"p\"."},
        {without_proof + ",p=", "Malformed proof in client-final-message."},
        {without_proof + ",p=AAAA", "Malformed proof in client-final-message."},
        {without_proof + ",p=!", "Malformed proof in client-final-message."},
        {rfc_last() + ",x=1", "Garbage found at the end of client-final-message."},
    };
    for (const auto& [message, detail] : messages) {
        EXPECT_EQ(error_of_last(message), malformed + detail) << message;
    }
}

TEST(scram_server, refuses_another_nonce) {
    const std::string proof = ",p=" + std::string(rfc_proof);
    for (const std::string_view nonces :
         {"", "rOprNGfwEbeRWgbNEkqO", "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k",
          "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k00"}) {
        EXPECT_EQ(error_of_last("c=biws,r=" + std::string(nonces) + proof),
                  "08P01 invalid SCRAM response|Nonce does not match.");
    }
}

TEST(scram_server, takes_each_message_once) {
    constexpr std::string_view unexpected = "08P01 unexpected SCRAM message|";
    scram_server fresh = plain_server();
    EXPECT_EQ(shown(fresh.read_last(rfc_last()).error()), unexpected);
    scram_server login = plain_server();
    ASSERT_TRUE(login.read_first(rfc_first));
    EXPECT_EQ(shown(login.read_first(rfc_first).error()), unexpected);
    ASSERT_TRUE(login.read_last(rfc_last()));
    EXPECT_EQ(shown(login.read_last(rfc_last()).error()), unexpected);
    // One guess a login.
    scram_server guessed = plain_server();
    ASSERT_TRUE(guessed.read_first(rfc_first));
    ASSERT_FALSE(guessed.read_last("guess"));
    EXPECT_EQ(shown(guessed.read_last(rfc_last()).error()), unexpected);
    scram_server failed = plain_server();
    ASSERT_FALSE(failed.read_first("x"));
    EXPECT_EQ(shown(failed.read_first(rfc_first).error()), unexpected);
}

TEST(read_scram_mechanism, takes_what_was_offered) {
    EXPECT_EQ(read_scram_mechanism("SCRAM-SHA-256", false), scram_mechanism::sha_256);
    EXPECT_EQ(read_scram_mechanism("SCRAM-SHA-256", true), scram_mechanism::sha_256);
    EXPECT_EQ(read_scram_mechanism("SCRAM-SHA-256-PLUS", true), scram_mechanism::sha_256_plus);
    for (const std::string_view name : {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "", "scram-sha-256"}) {
        EXPECT_EQ(shown(read_scram_mechanism(name, false).error()),
                  "08P01 client selected an invalid SASL authentication mechanism|");
    }
}

}  // namespace
}  // namespace weft::pool
