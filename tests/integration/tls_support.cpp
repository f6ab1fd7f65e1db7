// SPDX-License-Identifier: Apache-2.0
#include "tls_support.h"

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <utility>

#if defined(__SANITIZE_THREAD__)
// OpenSSL is not built for ThreadSanitizer, which sees its memcpy() and free(), but not the counts
// of references between them.
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(*-reserved-identifier)
    return "called_from_lib:libcrypto.so.3\ncalled_from_lib:libssl.so.3\n";
}
#endif

namespace weft::testing {

namespace {

void require(bool good, const char* what) {
    if (!good) {
        throw std::runtime_error(what);
    }
}

std::shared_ptr<EVP_PKEY> make_key(bool rsa) {
    EVP_PKEY* const key = rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
    require(key != nullptr, "a key cannot be made");
    return {key, &EVP_PKEY_free};
}

template <class Write>
std::string pem_of(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()), &BIO_free);
    require(write(out.get()) == 1, "PEM cannot be written");
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(const key_pair& pair) {
    return pem_of([&](BIO* out) { return PEM_write_bio_X509(out, pair.certificate.get()); });
}

std::string pem_of_key(const key_pair& pair) {
    return pem_of([&](BIO* out) {
        return PEM_write_bio_PrivateKey(out, pair.key.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
}

void add_extension(X509* to, X509* issuer, int which, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, which, value.c_str()), &X509_EXTENSION_free);
    require(extension != nullptr && X509_add_ext(to, extension.get(), -1) == 1, "an extension");
}

std::string alternative_names(const std::vector<std::string>& names) {
    std::string text;
    for (const std::string& name : names) {
        std::array<unsigned char, 16> bytes{};
        const bool address = ::inet_pton(AF_INET, name.c_str(), bytes.data()) == 1 ||
                             ::inet_pton(AF_INET6, name.c_str(), bytes.data()) == 1;
        const bool uri = name.find("://") != std::string::npos;
        text += text.empty() ? "" : ",";
        text += address ? "IP:" : uri ? "URI:" : "DNS:";
        text += name;
    }
    return text;
}

/// By itself if `issuer` is null.
key_pair make_certificate(const certificate_wishes& wishes, bool is_authority,
                          const key_pair* issuer) {
    static std::atomic<long> serial = 1;
    key_pair made{.certificate = {X509_new(), &X509_free}, .key = make_key(wishes.rsa)};
    X509* const x = made.certificate.get();
    const key_pair& signer = issuer != nullptr ? *issuer : made;
    X509_set_version(x, X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(x), serial++);
    X509_gmtime_adj(X509_getm_notBefore(x), wishes.begins);
    X509_gmtime_adj(X509_getm_notAfter(x), wishes.ends);
    X509_set_pubkey(x, made.key.get());
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(wishes.common_name.c_str()),
                               -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(signer.certificate.get()));
    if (is_authority) {
        add_extension(x, signer.certificate.get(), NID_basic_constraints, "critical,CA:TRUE");
    } else {
        add_extension(x, signer.certificate.get(), NID_ext_key_usage, wishes.usage);
    }
    if (!wishes.names.empty()) {
        add_extension(x, signer.certificate.get(), NID_subject_alt_name,
                      alternative_names(wishes.names));
    }
    require(X509_sign(x, signer.key.get(), EVP_sha256()) != 0, "a certificate cannot be signed");
    return made;
}

tls_certificate in_memory(const key_pair& pair, const std::string& chain) {
    return {.chain_pem = pem_of(pair) + chain, .key_pem = pem_of_key(pair)};
}

}  // namespace

authority::authority(std::string name, long ends) : name_(std::move(name)) {
    own_ = make_certificate({.names = {}, .common_name = name_, .ends = ends}, true, nullptr);
}

authority authority::below(std::string name) const {
    authority made;
    made.name_ = std::move(name);
    made.own_ =
        make_certificate({.names = {}, .common_name = made.name_, .ends = 7200}, true, &own_);
    made.chain_ = pem_of(made.own_) + chain_;
    return made;
}

std::string authority::pem() const {
    return pem_of(own_);
}

tls_certificate authority::issue(const certificate_wishes& wishes) const {
    return in_memory(make_certificate(wishes, false, &own_), chain_);
}

tls_certificate self_signed(const certificate_wishes& wishes) {
    return in_memory(make_certificate(wishes, false, nullptr), "");
}

std::string encrypted_key(const tls_certificate& certificate, const std::string& passphrase) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> in(
        BIO_new_mem_buf(certificate.key_pem.data(), static_cast<int>(certificate.key_pem.size())),
        &BIO_free);
    const std::shared_ptr<EVP_PKEY> key(
        PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
    return pem_of([&](BIO* out) {
        return PEM_write_bio_PKCS8PrivateKey(out, key.get(), EVP_aes_128_cbc(), passphrase.data(),
                                             static_cast<int>(passphrase.size()), nullptr, nullptr);
    });
}

tls_context client_of(const tls_client_options& options) {
    std::string why;
    auto made = tls_context::client(options, &why);
    require(made.has_value(), why.c_str());
    return *made;
}

tls_context server_of(const tls_server_options& options) {
    std::string why;
    auto made = tls_context::server(options, &why);
    require(made.has_value(), why.c_str());
    return *made;
}

namespace {

tls_server_options with_certificate(tls_server_options options, const authority& root) {
    if (options.certificates.empty()) {
        options.certificates.push_back(root.issue());
    }
    return options;
}

tls_client_options with_root(tls_client_options options, const authority& root) {
    options.ca_pem += root.pem();
    return options;
}

}  // namespace

both_contexts::both_contexts(const tls_server_options& server_options,
                             tls_client_options client_options)
    : server(server_of(with_certificate(server_options, root))),
      client(client_of(with_root(std::move(client_options), root))) {}

tls_pair connect_tls(const tls_context& client, const tls_context& server, const std::string& name,
                     transport how) {
    auto pair = connect_pair(how);
    return {.client = tls_socket(std::move(pair.near), client, name),
            .server = tls_socket(std::move(pair.far), server)};
}

handshake_outcome shake_hands(runtime& home, tls_pair& pair) {
    handshake_outcome outcome;
    actor server(home, actor_kind::fiber,
                 [&] { outcome.server = error_of(pair.server.handshake(safety_net)); });
    outcome.client = error_of(pair.client.handshake(safety_net));
    server.join();
    return outcome;
}

void establish(runtime& home, tls_pair& pair) {
    const auto outcome = shake_hands(home, pair);
    EXPECT_FALSE(outcome.client) << outcome.client.message() << ": " << pair.client.explain();
    EXPECT_FALSE(outcome.server) << outcome.server.message() << ": " << pair.server.explain();
}

std::string read_text(tls_socket& from, std::size_t most, deadline until) {
    std::string text(most, '\0');
    const auto n = from.read(std::as_writable_bytes(std::span(text)), until);
    if (!n) {
        return "error: " + n.error().message();
    }
    text.resize(*n);
    return text;
}

std::string read_exactly(tls_socket& from, std::size_t size, deadline until) {
    std::string text(size, '\0');
    std::size_t have = 0;
    while (have < size) {
        const auto n = from.read(std::as_writable_bytes(std::span(text)).subspan(have), until);
        if (!n || *n == 0) {
            break;
        }
        have += *n;
    }
    text.resize(have);
    return text;
}

error write_text(tls_socket& to, std::string_view text, deadline until) {
    return error_of(to.write(bytes_of(text), until));
}

error read_error(tls_socket& from, deadline until) {
    std::array<std::byte, 64> buffer{};
    return error_of(from.read(buffer, until));
}

void echo(tls_socket& peer) {
    std::array<std::byte, 4096> buffer{};
    for (;;) {
        const auto n = peer.read(buffer, safety_net);
        if (!n || *n == 0 || !peer.write(std::span(buffer).first(*n), safety_net)) {
            break;
        }
    }
    static_cast<void>(peer.shutdown(safety_net));
}

}  // namespace weft::testing
