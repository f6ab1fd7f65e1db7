// SPDX-License-Identifier: Apache-2.0
#include "tls/identity.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "base/fd.h"

namespace weft::tls {

namespace {

/// A reader of `text`, which must live longer.
bio_ptr reader_of(std::string_view text) {
    return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// Never asks at the terminal.
int give_passphrase(char* buffer, int size, int /*writing*/, void* of) {
    const auto& passphrase = *static_cast<const std::string*>(of);
    if (passphrase.empty() || static_cast<std::size_t>(size) < passphrase.size()) {
        return -1;
    }
    std::memcpy(buffer, passphrase.data(), passphrase.size());
    return static_cast<int>(passphrase.size());
}

/// For messages.
std::string name_of(const std::string& file, std::string_view otherwise) {
    return file.empty() ? std::string(otherwise) : file;
}

std::expected<std::string, failure> text_of(const std::string& pem, const std::string& file) {
    return pem.empty() ? read_file(file) : pem;
}

}  // namespace

std::expected<std::string, failure> read_file(const std::string& path) {
    const base::unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    std::string text;
    ssize_t n = file.valid() ? 1 : -1;
    while (n > 0) {
        constexpr std::size_t step = 65536;
        const std::size_t size = text.size();
        text.resize(size + step);
        n = ::read(file.get(), text.data() + size, step);
        text.resize(size + static_cast<std::size_t>(std::max<ssize_t>(n, 0)));
    }
    if (n < 0) {
        const std::error_code error(errno, std::generic_category());
        return std::unexpected(failure{error, path + ": " + error.message()});
    }
    return text;
}

std::vector<x509_ptr> parse_certificates(std::string_view pem) {
    std::vector<x509_ptr> certificates;
    const bio_ptr in = reader_of(pem);
    ERR_clear_error();
    while (X509* const next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
        certificates.emplace_back(next);
    }
    const unsigned long error = ERR_peek_last_error();
    if (ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE) {
        ERR_clear_error();  // the end of the text
    } else {
        certificates.clear();
    }
    return certificates;
}

std::expected<identity, failure> identity::load(const tls_certificate& from) {
    if (from.chain_pem.empty() && from.chain_file.empty()) {
        return std::unexpected(failure{std::make_error_code(std::errc::invalid_argument),
                                       "a certificate needs chain_file or chain_pem"});
    }
    const std::string chain_name = name_of(from.chain_file, "the certificate");
    const auto chain_text = text_of(from.chain_pem, from.chain_file);
    if (!chain_text) {
        return std::unexpected(chain_text.error());
    }
    identity loaded;
    loaded.chain_.reset(sk_X509_new_null());
    for (x509_ptr& next : parse_certificates(*chain_text)) {
        if (loaded.certificate_ == nullptr) {
            loaded.certificate_ = std::move(next);
        } else if (sk_X509_push(loaded.chain_.get(), next.get()) > 0) {
            static_cast<void>(next.release());
        }
    }
    if (loaded.certificate_ == nullptr) {
        return std::unexpected(
            setup_failure(tls_errc::bad_certificate_file, chain_name, take_error()));
    }
    const bool own_file = !from.key_pem.empty() || !from.key_file.empty();
    const auto key_text = own_file ? text_of(from.key_pem, from.key_file) : chain_text;
    if (!key_text) {
        return std::unexpected(key_text.error());
    }
    const std::string key_name = own_file ? name_of(from.key_file, "the private key") : chain_name;
    loaded.key_.reset(PEM_read_bio_PrivateKey(reader_of(*key_text).get(), nullptr, &give_passphrase,
                                              const_cast<std::string*>(&from.passphrase)));
    if (loaded.key_ == nullptr) {
        return std::unexpected(setup_failure(tls_errc::bad_key_file, key_name, take_error()));
    }
    if (X509_check_private_key(loaded.certificate_.get(), loaded.key_.get()) != 1) {
        ERR_clear_error();
        return std::unexpected(setup_failure(tls_errc::key_mismatch, key_name, 0));
    }
    return loaded;
}

bool identity::is_for(const std::string& host) const noexcept {
    const int match = X509_check_host(certificate_.get(), host.data(), host.size(), 0, nullptr);
    ERR_clear_error();
    return match == 1;
}

bool identity::install(SSL_CTX& context) const noexcept {
    return SSL_CTX_use_cert_and_key(&context, certificate_.get(), key_.get(), chain_.get(), 1) == 1;
}

bool identity::install(SSL& connection) const noexcept {
    return SSL_use_cert_and_key(&connection, certificate_.get(), key_.get(), chain_.get(), 1) == 1;
}

std::expected<std::string, failure> system_authorities() {
    const char* const chosen = ::secure_getenv("SSL_CERT_FILE");
    if (chosen != nullptr && *chosen != '\0') {
        return read_file(chosen);
    }
    for (const char* const path : {
             "/etc/ssl/certs/ca-certificates.crt",  // Debian, Arch
             "/etc/pki/tls/certs/ca-bundle.crt",    // Fedora, RHEL
             "/etc/ssl/ca-bundle.pem",              // SUSE
             "/etc/ssl/cert.pem",                   // Alpine
         }) {
        if (auto text = read_file(path)) {
            return text;
        }
    }
    return std::unexpected(
        setup_failure(tls_errc::no_system_authorities, "the system's authorities", 0));
}

}  // namespace weft::tls
