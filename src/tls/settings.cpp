// SPDX-License-Identifier: Apache-2.0
#include "tls/settings.h"

#include <arpa/inet.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <exception>
#include <new>
#include <ranges>
#include <utility>

#include "base/clock.h"

namespace weft::tls {

namespace {

constexpr std::string_view session_context = "weft";

failure invalid(std::string text) {
    return {std::make_error_code(std::errc::invalid_argument), std::move(text)};
}

failure openssl_failed(const std::string& what) {
    return setup_failure(tls_errc::internal, what, take_error());
}

int native(tls_version version) noexcept {
    return version == tls_version::v1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

bool is_address(const std::string& name) noexcept {
    std::array<unsigned char, sizeof(in6_addr)> bytes{};
    return ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
           ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
}

connection_data& data_of(SSL* connection) noexcept {
    return *static_cast<connection_data*>(SSL_get_app_data(connection));
}

const settings* settings_of(SSL* connection) noexcept {
    return static_cast<const settings*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(connection)));
}

}  // namespace

settings::made settings::make(const tls_client_options& options) {
    const std::shared_ptr<settings> fresh(new settings(false, options.session_cache));
    failure why = fresh->configure(options.minimum, options.maximum, options.alpn);
    if (!why.code) {
        why = fresh->configure_client(options);
    }
    if (why.code) {
        return std::unexpected(std::move(why));
    }
    return fresh;
}

settings::made settings::make(const tls_server_options& options,
                              std::shared_ptr<ticket_keys> keys) {
    const std::shared_ptr<settings> fresh(new settings(true, 0));
    fresh->keys_ = std::move(keys);
    failure why = fresh->configure(options.minimum, options.maximum, options.alpn);
    if (!why.code) {
        why = fresh->configure_server(options);
    }
    if (why.code) {
        return std::unexpected(std::move(why));
    }
    return fresh;
}

/// What both sides have. The failure has no code if there is none.
failure settings::configure(tls_version minimum, tls_version maximum,
                            const std::vector<std::string>& alpn) {
    if (maximum < minimum) {
        return invalid("the maximum version of TLS is below the minimum");
    }
    for (const std::string& protocol : alpn) {
        if (protocol.empty() || protocol.size() > 255) {
            return invalid("the name of an application protocol (ALPN) has 1 to 255 bytes");
        }
        alpn_ += static_cast<char>(protocol.size());
        alpn_ += protocol;
    }
    context_.reset(SSL_CTX_new(of_server_ ? TLS_server_method() : TLS_client_method()));
    SSL_CTX* const c = context_.get();
    if (c == nullptr || SSL_CTX_set_min_proto_version(c, native(minimum)) != 1 ||
        SSL_CTX_set_max_proto_version(c, native(maximum)) != 1) {
        return openssl_failed("a TLS context");
    }
    SSL_CTX_set_app_data(c, this);
    // No renegotiation: a read would wait for a write, at the peer's wish, as often as it wants.
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    // Idle connections have no buffers. One recv() gets all that is there, and not a header first.
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(c, 1);
    // Whom the user lists is trusted, whether or not it is the end of a chain.
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(c), X509_V_FLAG_PARTIAL_CHAIN);
    return {};
}

failure settings::configure_client(const tls_client_options& options) {
    SSL_CTX* const c = context_.get();
    check_ = options.check;
    if (check_ == tls_check::none) {
        SSL_CTX_set_verify(c, SSL_VERIFY_NONE, nullptr);
    } else {
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER, &verify);
        if (failure why = trust(options.ca_file, options.ca_pem); why.code) {
            return why;
        }
    }
    if (options.certificate) {
        if (failure why = add(*options.certificate); why.code) {
            return why;
        }
    }
    if (!alpn_.empty() &&
        SSL_CTX_set_alpn_protos(c, reinterpret_cast<const unsigned char*>(alpn_.data()),
                                static_cast<unsigned>(alpn_.size())) != 0) {
        return openssl_failed("the application protocols");
    }
    if (options.session_cache != 0) {
        SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        SSL_CTX_sess_set_new_cb(c, &keep_session);
    }
    return {};
}

failure settings::configure_server(const tls_server_options& options) {
    SSL_CTX* const c = context_.get();
    if (options.certificates.empty()) {
        return invalid("a TLS server needs a certificate");
    }
    for (const tls_certificate& certificate : options.certificates) {
        if (failure why = add(certificate); why.code) {
            return why;
        }
    }
    SSL_CTX_set_tlsext_servername_callback(c, &accept_name);
    SSL_CTX_set_cert_cb(c, &choose_certificate, this);
    if (!alpn_.empty()) {
        SSL_CTX_set_alpn_select_cb(c, &select_alpn, this);
    }
    asks_clients_ = options.client_certificate != tls_client_certificate::none;
    if (asks_clients_) {
        if (options.ca_file.empty() && options.ca_pem.empty()) {
            return invalid("client certificates are checked by ca_file or ca_pem: give one");
        }
        const bool required = options.client_certificate == tls_client_certificate::required;
        SSL_CTX_set_verify(c, SSL_VERIFY_PEER | (required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0),
                           &verify);
        if (failure why = trust(options.ca_file, options.ca_pem); why.code) {
            return why;
        }
    }
    SSL_CTX_set_session_id_context(c,
                                   reinterpret_cast<const unsigned char*>(session_context.data()),
                                   static_cast<unsigned>(session_context.size()));
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    if (options.session_tickets) {
        SSL_CTX_set_tlsext_ticket_key_evp_cb(c, &crypt_ticket);
    } else {
        SSL_CTX_set_options(c, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(c, 0);
    }
    return {};
}

failure settings::add(const tls_certificate& certificate) {
    auto loaded = identity::load(certificate);
    if (!loaded) {
        return loaded.error();
    }
    // The first is what everybody gets for whom choose_certificate() finds none.
    if (identities_.empty() && !loaded->install(*context_)) {
        return setup_failure(tls_errc::bad_certificate_file, "the certificate", take_error());
    }
    identities_.push_back(std::move(*loaded));
    return {};
}

failure settings::trust(const std::string& file, const std::string& pem) {
    if (file.empty() && pem.empty()) {
        const auto text = system_authorities();
        return text ? add_authorities(*text, "the system's authorities") : text.error();
    }
    if (!file.empty()) {
        const auto text = read_file(file);
        if (failure why = text ? add_authorities(*text, file) : text.error(); why.code) {
            return why;
        }
    }
    return pem.empty() ? failure() : add_authorities(pem, "ca_pem");
}

failure settings::add_authorities(std::string_view pem, const std::string& name) {
    const std::vector<x509_ptr> authorities = parse_certificates(pem);
    if (authorities.empty()) {
        return setup_failure(tls_errc::bad_authority_file, name, take_error());
    }
    X509_STORE* const store = SSL_CTX_get_cert_store(context_.get());
    for (const x509_ptr& authority : authorities) {
        if (X509_STORE_add_cert(store, authority.get()) != 1 ||
            (of_server_ && SSL_CTX_add_client_CA(context_.get(), authority.get()) != 1)) {
            return setup_failure(tls_errc::bad_authority_file, name, take_error());
        }
    }
    return {};
}

ssl_ptr settings::connect(connection_data& data, failure& why) const {
    ERR_clear_error();
    ssl_ptr fresh(SSL_new(context_.get()));
    if (fresh == nullptr || SSL_set_app_data(fresh.get(), &data) != 1) {
        ERR_clear_error();
        why = {std::make_error_code(std::errc::not_enough_memory), {}};
        return nullptr;
    }
    if (of_server_) {
        SSL_set_accept_state(fresh.get());
        return fresh;
    }
    SSL_set_connect_state(fresh.get());
    if (!name_server(*fresh, data.name, why)) {
        return nullptr;
    }
    resume(*fresh, data.name);
    return fresh;
}

/// With TLS 1.3 a ticket is used once, so that nobody can tell that two connections are of one
/// client; servers send two for one.
void settings::resume(SSL& connection, const std::string& name) const {
    session_ptr earlier = sessions_.take(name);
    if (earlier == nullptr || SSL_SESSION_is_resumable(earlier.get()) != 1) {
        return;
    }
    if (SSL_SESSION_get_protocol_version(earlier.get()) < TLS1_3_VERSION) {
        if (session_ptr copy(SSL_SESSION_dup(earlier.get())); copy != nullptr) {
            sessions_.put(name, std::move(copy));
        }
    }
    SSL_set_session(&connection, earlier.get());
}

/// Of a client: whom it asks for, and whom it expects.
bool settings::name_server(SSL& connection, const std::string& name, failure& why) const {
    const bool address = is_address(name);
    if (name.empty()) {
        if (check_ != tls_check::full) {
            return true;
        }
        why = invalid("the server's name is needed to check its certificate: give server_name");
        return false;
    }
    // To OpenSSL a dot at the beginning stands for all hosts below.
    bool good = !name.starts_with('.') &&
                (address || SSL_set_tlsext_host_name(&connection, name.c_str()) == 1);
    if (good && check_ == tls_check::full) {
        X509_VERIFY_PARAM* const param = SSL_get0_param(&connection);
        X509_VERIFY_PARAM_set_hostflags(
            param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
        good = address ? X509_VERIFY_PARAM_set1_ip_asc(param, name.c_str()) == 1
                       : X509_VERIFY_PARAM_set1_host(param, name.data(), name.size()) == 1;
    }
    if (!good) {
        ERR_clear_error();
        why = invalid("no name of a server: " + printable(name));
    }
    return good;
}

// No exception may pass through OpenSSL, which is C.

int settings::verify(int good, X509_STORE_CTX* checked) {
    if (good == 1) {
        return 1;
    }
    auto* const connection = static_cast<SSL*>(
        X509_STORE_CTX_get_ex_data(checked, SSL_get_ex_data_X509_STORE_CTX_idx()));
    connection_data& data = data_of(connection);
    try {
        if (!data.verification.code) {
            data.verification =
                verification_failure(*checked, SSL_is_server(connection) == 0, data.name);
        }
    } catch (const std::exception&) {
        data.verification.code = tls_errc::invalid_certificate;
    }
    return 0;
}

int settings::select_alpn(SSL* /*connection*/, const unsigned char** out, unsigned char* out_size,
                          const unsigned char* offered, unsigned offered_size, void* self) {
    const std::string& ours = static_cast<const settings*>(self)->alpn_;
    unsigned char* chosen = nullptr;
    if (SSL_select_next_proto(
            &chosen, out_size, reinterpret_cast<const unsigned char*>(ours.data()),
            static_cast<unsigned>(ours.size()), offered, offered_size) != OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

/// Any name. With TLS 1.2 a session keeps only a name that was accepted, and a client that resumes
/// it is asked for none.
int settings::accept_name(SSL* /*connection*/, int* /*alert*/, void* /*self*/) {
    return SSL_TLSEXT_ERR_OK;
}

int settings::choose_certificate(SSL* connection, void* self) {
    const auto& all = static_cast<const settings*>(self)->identities_;
    const char* const asked = SSL_get_servername(connection, TLSEXT_NAMETYPE_host_name);
    if (asked == nullptr || all.size() < 2) {
        return 1;
    }
    try {
        const std::string name(asked);
        bool found = false;
        // Backwards: of several with keys of the same kind the last one that is installed counts.
        for (const identity& candidate : all | std::views::reverse) {
            if (!candidate.is_for(name)) {
                continue;
            }
            if (!found) {
                SSL_certs_clear(connection);
                found = true;
            }
            if (!candidate.install(*connection)) {
                return 0;
            }
        }
    } catch (const std::bad_alloc&) {
        return 0;
    }
    return 1;
}

/// The session stays OpenSSL's (which is what 0 says), since the connection goes on to use it; the
/// cache gets a copy, which no other thread knows.
int settings::keep_session(SSL* connection, SSL_SESSION* session) {
    if (session_ptr copy(SSL_SESSION_dup(session)); copy != nullptr) {
        try {
            settings_of(connection)->sessions_.put(data_of(connection).name, std::move(copy));
        } catch (const std::bad_alloc&) {
            return 0;  // it will be a full handshake next time
        }
    }
    return 0;
}

namespace {

bool start_cipher(const ticket_key& key, const unsigned char* iv, EVP_CIPHER_CTX* cipher,
                  EVP_MAC_CTX* mac, bool encrypt) noexcept {
    std::array<char, 7> digest{"SHA256"};
    std::array<unsigned char, 32> secret = key.mac;
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, secret.data(), secret.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
        OSSL_PARAM_construct_end()};
    return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv,
                             encrypt ? 1 : 0) == 1 &&
           EVP_MAC_CTX_set_params(mac, parameters.data()) == 1;
}

}  // namespace

/// 1: done. 2: done, and the client shall get a new ticket. 0: a ticket that nobody knows. -1:
/// error.
int settings::crypt_ticket(SSL* connection, unsigned char* name, unsigned char* iv,
                           EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac, int encrypt) {
    ticket_keys& keys = *settings_of(connection)->keys_;
    const base::nanoseconds_t now = base::now_ns();
    if (encrypt != 0) {
        const auto key = keys.current(now);
        if (!key || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) != 1 ||
            !start_cipher(*key, iv, cipher, mac, true)) {
            return -1;
        }
        std::memcpy(name, key->name.data(), key->name.size());
        return 1;
    }
    const auto found = keys.find(name, now);
    if (!found) {
        return 0;
    }
    if (!start_cipher(found->key, iv, cipher, mac, false)) {
        return -1;
    }
    // TLS 1.3 wants a ticket used once.
    return found->old || SSL_version(connection) >= TLS1_3_VERSION ? 2 : 1;
}

}  // namespace weft::tls
