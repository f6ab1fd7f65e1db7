// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "auth/digest.h"
#include "auth/scram.h"

namespace weft::pool {
namespace {

constexpr std::string_view plain_offer[] = {"SCRAM-SHA-256"};
constexpr std::string_view both_offers[] = {"SCRAM-SHA-256-PLUS", "SCRAM-SHA-256"};

scram_keys some_keys() {
    return derive_scram_keys("pencil", {"salt", 10}).value();
}

std::string text_of(const auth_error& error) {
    return std::string(error.sqlstate) + ' ' + error.message + '|' + error.detail;
}

scram_client plain_client() {
    return scram_client({}, "", "nonce");
}

/// Both sides, each with its own idea of the binding.
struct parties {
    scram_client client;
    scram_server server;

    parties(scram_choice choice, std::string client_binding, std::string server_binding,
            const scram_secret& secret = secret_of(some_keys()))
        : client(choice, client_binding, make_scram_nonce()),
          server({choice.mechanism, std::move(server_binding), make_scram_nonce(), "user"},
                 secret) {}

    /// "" if both are content, else the first error.
    std::string log_in(const scram_keys& keys) {
        const auto challenge = server.read_first(client.first());
        if (!challenge) {
            return challenge.error().message;
        }
        EXPECT_EQ(client.read_challenge(*challenge), keys.challenge);
        const auto answer = client.answer(keys);
        EXPECT_TRUE(answer);
        const auto signature = server.read_last(answer.value_or(""));
        if (!signature) {
            return signature.error().message;
        }
        EXPECT_FALSE(client.succeeded());
        const auto known = client.read_last(*signature);
        EXPECT_EQ(client.succeeded(), known.has_value());
        return known ? "" : known.error().message;
    }
};

TEST(scram_client, logs_in) {
    EXPECT_EQ(parties({}, "", "").log_in(some_keys()), "");
    EXPECT_EQ(parties({scram_mechanism::sha_256, true}, "hash", "").log_in(some_keys()), "");
    EXPECT_EQ(parties({scram_mechanism::sha_256, false}, "", "hash").log_in(some_keys()), "");
}

TEST(scram_client, does_not_log_in_by_another_password) {
    const scram_keys keys = derive_scram_keys("Pencil", some_keys().challenge).value();
    EXPECT_EQ(parties({}, "", "").log_in(keys), "password authentication failed for user \"user\"");
}

TEST(scram_client, logs_in_by_keys_that_another_client_has_shown) {
    parties to_pooler({}, "", "");
    ASSERT_EQ(to_pooler.log_in(some_keys()), "");
    ASSERT_NE(to_pooler.server.keys(), nullptr);
    EXPECT_EQ(parties({}, "", "").log_in(*to_pooler.server.keys()), "");
}

TEST(scram_client, binds_to_the_channel) {
    const scram_choice plus{scram_mechanism::sha_256_plus, true};
    const std::string hash("\x80\0\xff,", 4);
    EXPECT_EQ(parties(plus, hash, hash).log_in(some_keys()), "");
    EXPECT_EQ(parties(plus, hash, "other").log_in(some_keys()),
              "SCRAM channel binding check failed");
    EXPECT_EQ(parties({scram_mechanism::sha_256, true}, hash, hash).log_in(some_keys()),
              "SCRAM channel binding negotiation error");
}

TEST(scram_client, notices_a_server_that_does_not_know_the_password) {
    scram_secret half = secret_of(some_keys());
    half.server_key[0] = static_cast<unsigned char>(half.server_key[0] ^ 1U);
    parties both({}, "", "", half);
    EXPECT_EQ(both.log_in(some_keys()), "incorrect server signature");
}

TEST(scram_client, says_nothing_by_keys_for_another_challenge) {
    const std::string salt = to_base64("salt");
    for (const std::string& challenge :
         {"r=nonce+,s=" + salt + ",i=11", "r=nonce+,s=" + to_base64("Salt") + ",i=10"}) {
        scram_client client = plain_client();
        ASSERT_TRUE(client.read_challenge(challenge));
        const auto answer = client.answer(some_keys());
        ASSERT_FALSE(answer);
        EXPECT_EQ(answer.error().sqlstate, "28000");
        EXPECT_EQ(answer.error().message, "SCRAM keys do not fit the server's challenge");
    }
}

TEST(scram_client, refuses_malformed_challenges) {
    const std::string malformed = "08P01 malformed SCRAM message|";
    const std::string nonce = "08P01 invalid SCRAM response|Nonce does not match.";
    const std::pair<std::string, std::string> messages[] = {
        {"", malformed + "The message is empty."},
        {"r=nonce+" + std::string(1'017, 'x'), malformed + "The message is too long."},
        {std::string("r=nonce+\0", 9), malformed + "Message length does not match input length."},
        {"m=x,r=nonce+,s=c2FsdA==,i=10", malformed + "Expected attribute \"r\" but found \"'m'\"."},
        {"r=", nonce},
        {"r=nonce,s=c2FsdA==,i=10", nonce},
        {"r=nonc+,s=c2FsdA==,i=10", nonce},
        {"r=nonce\x7f,s=c2FsdA==,i=10", nonce},
        {"r=nonce+", malformed + "Expected attribute \"s\" but found \"0x00\"."},
        {"r=nonce+,s=,i=10", malformed + "Invalid salt."},
        {"r=nonce+,s=c2Fsd,i=10", malformed + "Invalid salt."},
        {"r=nonce+,s=c2FsdA==", malformed + "Expected attribute \"i\" but found \"0x00\"."},
        {"r=nonce+,s=c2FsdA==,i=", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=0", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=-1", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=1x", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=10000001", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=99999999999", malformed + "Invalid iteration count."},
        {"r=nonce+,s=c2FsdA==,i=10,x=1",
         malformed + "Garbage found at the end of server-first-message."},
    };
    for (const auto& [message, error] : messages) {
        scram_client client = plain_client();
        const auto challenge = client.read_challenge(message);
        ASSERT_FALSE(challenge) << message;
        EXPECT_EQ(text_of(challenge.error()), error) << message;
    }
    EXPECT_TRUE(plain_client().read_challenge("r=nonce+,s=c2FsdA==,i=10000000"));
}

TEST(scram_client, refuses_malformed_last_messages) {
    const std::string malformed = "08P01 malformed SCRAM message|";
    const std::string key = to_base64(std::string(32, 'k'));
    const std::pair<std::string, std::string> messages[] = {
        {"", malformed + "The message is empty."},
        {"x", malformed + "Expected attribute \"v\" but found \"'x'\"."},
        {"e", malformed + "Expected character \"=\" for attribute \"e\"."},
        {"e=invalid-proof", "28000 error received from server in SCRAM exchange: invalid-proof|"},
        {"e=\x1b[2J", "28000 error received from server in SCRAM exchange: ?[2J|"},
        {"v=", malformed + "Malformed server signature."},
        {"v=AAAA", malformed + "Malformed server signature."},
        {"v=" + key + ",x=1", malformed + "Garbage found at the end of server-final-message."},
        {"v=" + key, "28000 incorrect server signature|"},
    };
    for (const auto& [message, error] : messages) {
        scram_client client = plain_client();
        ASSERT_TRUE(client.read_challenge("r=nonce+,s=c2FsdA==,i=10"));
        ASSERT_TRUE(client.answer(some_keys()));
        const auto known = client.read_last(message);
        ASSERT_FALSE(known) << message;
        EXPECT_EQ(text_of(known.error()), error) << message;
        EXPECT_FALSE(client.succeeded());
    }
}

TEST(scram_client, takes_each_message_once) {
    constexpr std::string_view unexpected = "08P01 unexpected SCRAM message|";
    constexpr std::string_view challenge = "r=nonce+,s=c2FsdA==,i=10";
    scram_client client = plain_client();
    EXPECT_EQ(text_of(client.answer(some_keys()).error()), unexpected);
    EXPECT_EQ(text_of(client.read_last("v=").error()), unexpected);
    ASSERT_TRUE(client.read_challenge(challenge));
    EXPECT_EQ(text_of(client.read_challenge(challenge).error()), unexpected);
    EXPECT_EQ(text_of(client.read_last("v=").error()), unexpected);
    ASSERT_TRUE(client.answer(some_keys()));
    EXPECT_EQ(text_of(client.answer(some_keys()).error()), unexpected);
    ASSERT_FALSE(client.read_last("v="));
    EXPECT_EQ(text_of(client.read_last("v=").error()), unexpected);
}

TEST(choose_scram_mechanism, binds_where_both_can) {
    using use = channel_binding_use;
    const auto chosen = [](std::span<const std::string_view> offered, std::string_view binding,
                           use how) {
        const auto choice = choose_scram_mechanism(offered, binding, how);
        return choice ? scram_client(*choice, binding, "").first() : choice.error().message;
    };
    const std::string bound = "p=tls-server-end-point,,n=,r=";
    EXPECT_EQ(chosen(both_offers, "hash", use::prefer), bound);
    EXPECT_EQ(chosen(both_offers, "hash", use::require), bound);
    EXPECT_EQ(chosen(both_offers, "hash", use::disable), "n,,n=,r=");
    EXPECT_EQ(chosen(both_offers, "", use::prefer), "n,,n=,r=");
    EXPECT_EQ(chosen(plain_offer, "hash", use::prefer), "y,,n=,r=");
    EXPECT_EQ(chosen(plain_offer, "hash", use::disable), "n,,n=,r=");
    EXPECT_EQ(chosen(plain_offer, "", use::disable), "n,,n=,r=");
    const std::string required =
        "channel binding is required, but not supported by server's authentication request";
    EXPECT_EQ(chosen(both_offers, "", use::require), required);
    EXPECT_EQ(chosen(plain_offer, "hash", use::require), required);
    constexpr std::string_view other_offers[] = {"SCRAM-SHA-1", "OAUTHBEARER"};
    const std::string none = "none of the server's SASL authentication mechanisms are supported";
    EXPECT_EQ(chosen(other_offers, "hash", use::prefer), none);
    EXPECT_EQ(chosen({}, "", use::prefer), none);
    EXPECT_EQ(chosen(std::span(both_offers).first(1), "", use::prefer), none);
}

}  // namespace
}  // namespace weft::pool
