// SPDX-License-Identifier: Apache-2.0
//
// What failed: a code to act upon and a sentence for people.
#pragma once

#include <openssl/x509_vfy.h>

#include <string>
#include <string_view>
#include <system_error>

#include <weft/tls.h>

namespace weft::tls {

struct failure {
    std::error_code code;
    std::string text;
};

/// A check of the peer's certificate failed: what X509_STORE_CTX says in the verify callback.
/// `wanted` is the name that it should be for.
failure verification_failure(X509_STORE_CTX& checked, bool of_server, std::string_view wanted);

/// What OpenSSL queued when a call on a connection failed.
failure connection_failure(unsigned long error, bool in_handshake);

/// The connection ended where it must not.
failure truncation(bool in_handshake);

/// OpenSSL failed while a context was made.
failure setup_failure(tls_errc code, const std::string& what, unsigned long error);

}  // namespace weft::tls
