// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <memory>

#include "auth/scram.h"

namespace weft::pool {

namespace {

struct free_certificate {
    void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};

/// The hash that its signature uses; SHA-256 instead of MD5 and SHA-1 (RFC 5929, section 4.1).
const EVP_MD* binding_hash(X509* certificate) {
    int digest = NID_undef;
    if (X509_get_signature_info(certificate, &digest, nullptr, nullptr, nullptr) != 1) {
        return nullptr;
    }
    if (digest == NID_md5 || digest == NID_sha1) {
        return EVP_sha256();
    }
    return EVP_get_digestbynid(digest);
}

}  // namespace

std::optional<std::string> tls_server_end_point(std::span<const std::byte> certificate) {
    const auto* at = reinterpret_cast<const unsigned char*>(certificate.data());
    const std::unique_ptr<X509, free_certificate> parsed(
        d2i_X509(nullptr, &at, static_cast<long>(certificate.size())));
    const EVP_MD* hash = parsed ? binding_hash(parsed.get()) : nullptr;
    std::array<unsigned char, EVP_MAX_MD_SIZE> bytes;
    unsigned size = 0;
    if (hash == nullptr || X509_digest(parsed.get(), hash, bytes.data(), &size) != 1) {
        return std::nullopt;
    }
    return std::string(bytes.begin(), bytes.begin() + size);
}

}  // namespace weft::pool
