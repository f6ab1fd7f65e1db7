// SPDX-License-Identifier: Apache-2.0
//
// OpenSSL's objects with owners.
//
// Where OpenSSL keeps things by kernel thread (its queue of errors, its random numbers) a fiber
// must not be suspended between two calls that belong together, since it may go on on another
// thread. Preemption is no suspension in that sense: it leaves a fiber on its kernel thread. So
// everything here that calls OpenSSL neither waits nor yields, and what OpenSSL calls back
// (bio.cpp, context.cpp) does not either.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weft::tls {

template <auto Free>
struct freed_by {
    template <class T>
    void operator()(T* object) const noexcept {
        Free(object);
    }
};

using bio_ptr = std::unique_ptr<BIO, freed_by<&BIO_free>>;
using key_ptr = std::unique_ptr<EVP_PKEY, freed_by<&EVP_PKEY_free>>;
using session_ptr = std::unique_ptr<SSL_SESSION, freed_by<&SSL_SESSION_free>>;
using ssl_ptr = std::unique_ptr<SSL, freed_by<&SSL_free>>;
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, freed_by<&SSL_CTX_free>>;
using x509_ptr = std::unique_ptr<X509, freed_by<&X509_free>>;

/// Of the errors that OpenSSL has queued on this kernel thread the one that says most, 0 if there
/// is none; the queue is empty afterwards.
unsigned long take_error() noexcept;

/// "bad end line" and the like; empty for 0.
std::string text_of(unsigned long error);

/// `text` without control characters, and not longer than is good for a line of a log: what comes
/// from a peer.
std::string printable(std::string_view text);

/// "CN=alice,O=Example" (RFC 2253), printable.
std::string text_of(const X509_NAME* name);

/// "2026-11-25 12:00:00 UTC", or "?".
std::string text_of(const ASN1_TIME* time);

/// The certificate as DER.
std::vector<std::byte> der_of(const X509& certificate);

/// What the certificate's subjectAltName lists: host names, IP addresses, URIs, mail addresses.
std::vector<std::string> names_of(const X509& certificate);

}  // namespace weft::tls
