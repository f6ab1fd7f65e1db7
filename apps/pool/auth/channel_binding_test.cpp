// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <vector>

#include "auth/digest.h"
#include "auth/scram.h"

namespace weft::pool {
namespace {

using key_ptr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using certificate_ptr = std::unique_ptr<X509, decltype(&X509_free)>;

key_ptr elliptic_key() {
    return {EVP_EC_gen("P-256"), &EVP_PKEY_free};
}

key_ptr edwards_key() {
    return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free};
}

/// A certificate that little but its signature is in, as bytes.
std::vector<std::byte> certificate_by(EVP_PKEY* key, const EVP_MD* hash) {
    const certificate_ptr made(X509_new(), &X509_free);
    X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3'600);
    X509_set_pubkey(made.get(), key);
    EXPECT_GT(X509_sign(made.get(), key, hash), 0);
    unsigned char* der = nullptr;
    const int size = i2d_X509(made.get(), &der);
    EXPECT_GT(size, 0);
    const auto* const first = reinterpret_cast<const std::byte*>(der);
    std::vector<std::byte> bytes(first, first + size);
    OPENSSL_free(der);
    return bytes;
}

std::string hashed(const std::vector<std::byte>& bytes, const EVP_MD* hash) {
    unsigned char out[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    EVP_Digest(bytes.data(), bytes.size(), out, &size, hash, nullptr);
    return {out, out + size};
}

TEST(tls_server_end_point, is_the_hash_that_the_signature_uses) {
    const key_ptr key = elliptic_key();
    for (const EVP_MD* const hash : {EVP_sha256(), EVP_sha384(), EVP_sha512()}) {
        const auto certificate = certificate_by(key.get(), hash);
        EXPECT_EQ(tls_server_end_point(certificate), hashed(certificate, hash));
    }
}

TEST(tls_server_end_point, is_sha_256_where_the_signature_uses_sha_1) {
    const auto certificate = certificate_by(elliptic_key().get(), EVP_sha1());
    EXPECT_EQ(tls_server_end_point(certificate), hashed(certificate, EVP_sha256()));
}

TEST(tls_server_end_point, is_none_without_a_hash_or_a_certificate) {
    EXPECT_EQ(tls_server_end_point(certificate_by(edwards_key().get(), nullptr)), std::nullopt);
    EXPECT_EQ(tls_server_end_point({}), std::nullopt);
    auto cut = certificate_by(elliptic_key().get(), EVP_sha256());
    cut.pop_back();
    EXPECT_EQ(tls_server_end_point(cut), std::nullopt);
}

}  // namespace
}  // namespace weft::pool
