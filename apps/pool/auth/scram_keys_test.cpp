// SPDX-License-Identifier: Apache-2.0
#include "auth/scram_keys.h"

#include <gtest/gtest.h>

#include "auth/digest.h"

namespace weft::pool {
namespace {

TEST(derive_scram_keys, makes_what_postgres_stores) {
    const secret stored = secret::parse(
        "SCRAM-SHA-256$4096:MlFymXlSUTFnMcV4RRL7jA==$"
        "raUSN/"
        "FqiJVufIWhM7+aPNJtP9t44LW+xhogjbmRRBM=:qGBFPs2VDT57YPS+nEIsK6bOPIrBWMhXjwkUXc1KmG4=");
    const auto keys = derive_scram_keys("pencil", {stored.scram().salt, stored.scram().iterations});
    ASSERT_TRUE(keys);
    EXPECT_EQ(secret_of(*keys), stored.scram());
}

TEST(derive_scram_keys, sign_as_in_rfc_7677) {
    const auto keys =
        derive_scram_keys("pencil", {*from_base64("W22ZaJ0SNY7soEsUEjb6gQ=="), 4'096});
    ASSERT_TRUE(keys);
    constexpr std::string_view signed_text =
        "n=user,r=rOprNGfwEbeRWgbNEkqO,"
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,"
        "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const scram_key proof = exclusive_or(
        keys->client_key, client_signature(stored_key_of(keys->client_key), signed_text));
    EXPECT_EQ(to_base64(bytes_of(proof)), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    EXPECT_EQ(to_base64(bytes_of(server_signature(keys->server_key, signed_text))),
              "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
}

TEST(derive_scram_keys, bounds_the_iterations) {
    for (const std::uint32_t iterations : {0U, most_scram_iterations + 1, 4'294'967'295U}) {
        const auto keys = derive_scram_keys("pencil", {"salt", iterations});
        ASSERT_FALSE(keys);
        EXPECT_EQ(keys.error().sqlstate, "08P01");
    }
    EXPECT_TRUE(derive_scram_keys("pencil", {"salt", 1}));
}

TEST(challenge_for, is_the_same_for_the_same_user_only) {
    const salting_key key = make_salting_key();
    const scram_challenge alice = challenge_for(key, "alice");
    EXPECT_EQ(alice.iterations, default_scram_iterations);
    EXPECT_EQ(alice.salt.size(), 16U);
    EXPECT_EQ(challenge_for(key, "alice"), alice);
    EXPECT_NE(challenge_for(key, "bob").salt, alice.salt);
    EXPECT_NE(challenge_for(make_salting_key(), "alice").salt, alice.salt);
}

TEST(unanswerable_secret, looks_like_that_of_a_plain_password) {
    const salting_key key = make_salting_key();
    const scram_secret of_nobody = unanswerable_secret(key, "alice", 100);
    const auto of_password = derive_scram_keys("pencil", challenge_for(key, "alice", 100));
    ASSERT_TRUE(of_password);
    EXPECT_EQ(of_nobody.salt, of_password->challenge.salt);
    EXPECT_EQ(of_nobody.iterations, of_password->challenge.iterations);
    EXPECT_EQ(of_nobody, unanswerable_secret(key, "alice", 100));
    EXPECT_NE(of_nobody.stored_key, secret_of(*of_password).stored_key);
    EXPECT_NE(of_nobody.stored_key, unanswerable_secret(key, "bob", 100).stored_key);
    EXPECT_NE(of_nobody.stored_key, of_nobody.server_key);
}

TEST(make_scram_nonce, is_another_one_each_time) {
    const std::string nonce = make_scram_nonce();
    EXPECT_EQ(nonce.size(), 24U);
    EXPECT_TRUE(from_base64(nonce));
    EXPECT_NE(make_scram_nonce(), nonce);
}

}  // namespace
}  // namespace weft::pool
