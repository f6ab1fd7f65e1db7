// SPDX-License-Identifier: Apache-2.0
//
// settings: a set of options as OpenSSL has them, an SSL_CTX and what it calls back. Never changes
// once it is made, so all connections share it without a lock, and one that began with it keeps it
// when the context has got another one (context.h).
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <weft/tls.h>

#include "tls/failure.h"
#include "tls/identity.h"
#include "tls/openssl.h"
#include "tls/session_cache.h"
#include "tls/ticket_keys.h"

namespace weft::tls {

/// What OpenSSL's callbacks know of a connection. Set as the app data of its SSL.
struct connection_data {
    std::string name;      ///< of the server, as the client wants it
    failure verification;  ///< the first check of the peer's certificate that failed
};

class settings {
public:
    using made = std::expected<std::shared_ptr<const settings>, failure>;

    static made make(const tls_client_options& options);
    /// `keys` may be shared with settings whose sessions may be resumed with these.
    static made make(const tls_server_options& options, std::shared_ptr<ticket_keys> keys);

    settings(const settings&) = delete;
    settings& operator=(const settings&) = delete;
    ~settings() = default;

    [[nodiscard]] bool of_server() const noexcept { return of_server_; }
    [[nodiscard]] bool asks_clients() const noexcept { return asks_clients_; }
    [[nodiscard]] const std::shared_ptr<ticket_keys>& keys() const noexcept { return keys_; }

    /// A connection with `data`, which must live as long as it. Null when memory is out; see `why`
    /// for what else can be wrong.
    [[nodiscard]] ssl_ptr connect(connection_data& data, failure& why) const;

    /// A handshake failed. The session that a client offered may be the reason.
    void give_up_sessions(const connection_data& data) const { sessions_.forget(data.name); }

private:
    explicit settings(bool of_server, std::size_t sessions)
        : of_server_(of_server), sessions_(sessions) {}

    failure configure(tls_version minimum, tls_version maximum,
                      const std::vector<std::string>& alpn);
    failure trust(const std::string& file, const std::string& pem);
    failure add_authorities(std::string_view pem, const std::string& name);
    failure configure_server(const tls_server_options& options);
    failure configure_client(const tls_client_options& options);
    failure add(const tls_certificate& certificate);
    void resume(SSL& connection, const std::string& name) const;
    bool name_server(SSL& connection, const std::string& name, failure& why) const;

    // What OpenSSL calls back; within a call on a connection, or before there is any.
    static int verify(int good, X509_STORE_CTX* checked);
    static int select_alpn(SSL* connection, const unsigned char** out, unsigned char* out_size,
                           const unsigned char* offered, unsigned offered_size, void* self);
    static int accept_name(SSL* connection, int* alert, void* self);
    static int choose_certificate(SSL* connection, void* self);
    static int keep_session(SSL* connection, SSL_SESSION* session);
    static int crypt_ticket(SSL* connection, unsigned char* name, unsigned char* iv,
                            EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt);

    const bool of_server_;
    bool asks_clients_ = false;
    tls_check check_ = tls_check::full;
    ssl_ctx_ptr context_;
    std::vector<identity> identities_;
    std::string alpn_;  // as it goes over the wire
    mutable session_cache sessions_;
    std::shared_ptr<ticket_keys> keys_;
};

}  // namespace weft::tls
