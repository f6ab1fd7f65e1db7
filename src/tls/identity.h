// SPDX-License-Identifier: Apache-2.0
//
// Reading certificates, keys and authorities: PEM, in files or in memory. Blocks on the files.
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <weft/tls.h>

#include "tls/failure.h"
#include "tls/openssl.h"

namespace weft::tls {

/// A certificate, those above it, and its key, which fits.
class identity {
public:
    static std::expected<identity, failure> load(const tls_certificate& from);

    /// Whether it is for that host.
    [[nodiscard]] bool is_for(const std::string& host) const noexcept;

    /// What connections of `context` show by default. False: OpenSSL refuses; see its error.
    [[nodiscard]] bool install(SSL_CTX& context) const noexcept;
    [[nodiscard]] bool install(SSL& connection) const noexcept;

private:
    struct chain_freer {
        void operator()(STACK_OF(X509) * chain) const noexcept {
            sk_X509_pop_free(chain, &X509_free);
        }
    };

    x509_ptr certificate_;
    std::unique_ptr<STACK_OF(X509), chain_freer> chain_;
    key_ptr key_;
};

/// All certificates of a PEM text; none if it is damaged, whose error OpenSSL has then.
std::vector<x509_ptr> parse_certificates(std::string_view pem);

/// What a PEM file holds.
std::expected<std::string, failure> read_file(const std::string& path);

/// The file of the system's authorities, whatever the distribution.
std::expected<std::string, failure> system_authorities();

}  // namespace weft::tls
