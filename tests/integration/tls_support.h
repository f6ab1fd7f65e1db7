// SPDX-License-Identifier: Apache-2.0
//
// For tests of TLS: authorities and certificates, made when they are needed; connected pairs.
#pragma once

#include <gmock/gmock.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <weft/tls.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "sockets.h"

namespace weft::testing {

struct certificate_wishes {
    std::vector<std::string> names = {"localhost"};  ///< host names, IP addresses, URIs
    std::string common_name = "test";
    long begins = -3600;  ///< seconds from now
    long ends = 3600;
    std::string usage = "serverAuth,clientAuth";
    bool rsa = false;
};

struct key_pair {
    std::shared_ptr<X509> certificate;
    std::shared_ptr<EVP_PKEY> key;
};

/// Signs certificates.
class authority {
public:
    /// Signed by itself.
    explicit authority(std::string name, long ends = 7200);

    /// One below this.
    [[nodiscard]] authority below(std::string name) const;

    /// Its own certificate.
    [[nodiscard]] std::string pem() const;

    /// With the chain up to, and without, the one that is signed by itself.
    [[nodiscard]] tls_certificate issue(const certificate_wishes& wishes = {}) const;

private:
    authority() = default;

    std::string name_;
    key_pair own_;
    std::string chain_;  // PEM of what is to be sent behind a certificate
};

/// A certificate that is signed by itself.
tls_certificate self_signed(const certificate_wishes& wishes = {});

/// The key of `certificate`, encrypted.
std::string encrypted_key(const tls_certificate& certificate, const std::string& passphrase);

/// Contexts whose making cannot fail.
tls_context client_of(const tls_client_options& options);
tls_context server_of(const tls_server_options& options);

/// A context of each side: the client trusts `root`, which has signed the server's certificate.
struct both_contexts {
    explicit both_contexts(const tls_server_options& server = {}, tls_client_options client = {});

    authority root{"Test Root"};
    tls_context server;
    tls_context client;
};

struct tls_pair {
    tls_socket client;
    tls_socket server;
};

/// Connected, no handshake yet.
tls_pair connect_tls(const tls_context& client, const tls_context& server,
                     const std::string& name = "localhost", transport how = transport::tcp);

struct handshake_outcome {
    error client;
    error server;
};

/// Both sides at the same time: the server on a fiber of `home`, the client here.
handshake_outcome shake_hands(runtime& home, tls_pair& pair);

/// As above, which must succeed.
void establish(runtime& home, tls_pair& pair);

// As for sockets (sockets.h).
std::string read_text(tls_socket& from, std::size_t most = 1024, deadline until = safety_net);
std::string read_exactly(tls_socket& from, std::size_t size, deadline until = safety_net);
error write_text(tls_socket& to, std::string_view text, deadline until = safety_net);

/// Reads once; the error or nothing.
error read_error(tls_socket& from, deadline until = safety_net);

/// The second if the call began after close().
inline auto ended_by_close() {
    return ::testing::AnyOf(::testing::Eq(make_error_code(std::errc::operation_canceled)),
                            ::testing::Eq(make_error_code(std::errc::bad_file_descriptor)));
}

/// Writes back what comes, until the end; then says shutdown().
void echo(tls_socket& peer);

}  // namespace weft::testing
