// SPDX-License-Identifier: Apache-2.0
#include "tls/failure.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <initializer_list>
#include <utility>
#include <vector>

#include "tls/openssl.h"

namespace weft {

namespace {

const char* message_of(tls_errc code) noexcept {
    switch (code) {
        case tls_errc::unknown_authority:
            return "no trusted authority has signed the peer's certificate: give its authority in "
                   "ca_file, or let the peer send the whole chain";
        case tls_errc::self_signed:
            return "the peer's certificate is signed by itself: to trust it, give it in ca_file";
        case tls_errc::expired:
            return "the peer's certificate, or one above it, is over: the peer needs a new one";
        case tls_errc::not_yet_valid:
            return "the peer's certificate, or one above it, is not valid yet: compare the clocks";
        case tls_errc::wrong_name:
            return "the server's certificate is for other names than the one asked for";
        case tls_errc::wrong_purpose:
            return "the peer's certificate is not for this use (extendedKeyUsage, CA)";
        case tls_errc::revoked:
            return "the peer's certificate was revoked";
        case tls_errc::invalid_certificate:
            return "the peer's certificate is invalid or too weak";
        case tls_errc::no_client_certificate:
            return "the client sent no certificate, which this server requires";
        case tls_errc::certificate_refused:
            return "the peer refuses our certificate, or requires one: see the peer's log";
        case tls_errc::handshake_refused:
            return "the peer refuses the handshake: no common cipher, or it requires a certificate";
        case tls_errc::name_refused:
            return "the server knows nothing of the name that it was asked for";
        case tls_errc::no_common_application:
            return "there is no application protocol (ALPN) that both sides speak";
        case tls_errc::no_common_version:
            return "there is no version of TLS that both sides speak: compare minimum and maximum";
        case tls_errc::no_common_cipher:
            return "there is no cipher that both sides speak";
        case tls_errc::not_tls:
            return "the peer does not speak TLS: is it the right port?";
        case tls_errc::bad_data:
            return "the peer broke the rules of TLS, or the data was changed on its way";
        case tls_errc::peer_alert:
            return "the peer gave up with an alert";
        case tls_errc::truncated:
            return "the connection ended without close_notify: data may be missing";
        case tls_errc::bad_certificate_file:
            return "the certificate cannot be read: PEM is expected";
        case tls_errc::bad_key_file:
            return "the private key cannot be read: PEM is expected, and the right passphrase";
        case tls_errc::key_mismatch:
            return "the private key belongs to another certificate";
        case tls_errc::bad_authority_file:
            return "the authorities cannot be read: PEM is expected";
        case tls_errc::no_system_authorities:
            return "the system has no file of authorities: install ca-certificates, set "
                   "SSL_CERT_FILE or give ca_file";
        case tls_errc::internal:
            return "OpenSSL failed";
    }
    return "unknown TLS error";
}

class category final : public std::error_category {
public:
    [[nodiscard]] const char* name() const noexcept override { return "weft.tls"; }

    [[nodiscard]] std::string message(int code) const override {
        return message_of(static_cast<tls_errc>(code));
    }

    [[nodiscard]] std::error_condition default_error_condition(int code) const noexcept override {
        switch (static_cast<tls_errc>(code)) {
            case tls_errc::truncated:
                return std::errc::connection_aborted;
            case tls_errc::bad_data:
            case tls_errc::not_tls:
                return std::errc::protocol_error;
            default:
                return {code, *this};
        }
    }
};

}  // namespace

const std::error_category& tls_error_category() noexcept {
    static const category instance;
    return instance;
}

std::error_code make_error_code(tls_errc code) noexcept {
    return {static_cast<int>(code), tls_error_category()};
}

namespace tls {

namespace {

tls_errc code_of_verification(int error) noexcept {
    switch (error) {
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
        case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
        case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
        case X509_V_ERR_CERT_UNTRUSTED:
        case X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return tls_errc::unknown_authority;
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
            return tls_errc::self_signed;
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return tls_errc::expired;
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return tls_errc::not_yet_valid;
        case X509_V_ERR_HOSTNAME_MISMATCH:
        case X509_V_ERR_IP_ADDRESS_MISMATCH:
            return tls_errc::wrong_name;
        case X509_V_ERR_INVALID_PURPOSE:
        case X509_V_ERR_INVALID_CA:
            return tls_errc::wrong_purpose;
        case X509_V_ERR_CERT_REVOKED:
            return tls_errc::revoked;
        default:
            return tls_errc::invalid_certificate;
    }
}

// Not operator+: g++ 12 warns of memory that it does not touch.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::string text;
    for (const std::string_view part : parts) {
        text.append(part);
    }
    return text;
}

/// "a, b, c and 97 more"
std::string listed(const std::vector<std::string>& names) {
    constexpr std::size_t most = 5;
    if (names.empty()) {
        return "no host (a common name does not count: subjectAltName is needed)";
    }
    std::string text = printable(names.front());
    for (std::size_t i = 1; i < std::min(names.size(), most); ++i) {
        text = joined({text, ", ", printable(names[i])});
    }
    if (names.size() > most) {
        text = joined({text, " and ", std::to_string(names.size() - most), " more"});
    }
    return text;
}

/// The subject, or the names of a certificate that has none.
std::string described(const X509& certificate) {
    const X509_NAME* const subject = X509_get_subject_name(&certificate);
    return X509_NAME_entry_count(subject) > 0 ? text_of(subject) : listed(names_of(certificate));
}

std::string text_of_verification(tls_errc code, X509_STORE_CTX& checked, std::string_view whose,
                                 std::string_view wanted) {
    const X509* const certificate = X509_STORE_CTX_get_current_cert(&checked);
    const std::string_view reason =
        X509_verify_cert_error_string(X509_STORE_CTX_get_error(&checked));
    if (certificate == nullptr) {
        return joined({whose, " is not accepted: ", reason});
    }
    const std::string which =
        X509_STORE_CTX_get_error_depth(&checked) == 0
            ? joined({whose, " (", described(*certificate), ")"})
            : joined({"the authority ", described(*certificate), " above ", whose});
    switch (code) {
        case tls_errc::unknown_authority:
            return joined(
                {"nobody whom we trust has signed ", whose, ": the chain ends at ",
                 text_of(X509_get_issuer_name(certificate)),
                 "; give that authority in ca_file, or let the peer send the whole chain"});
        case tls_errc::self_signed:
            return joined({which, " is signed by itself; to trust it, give it in ca_file"});
        case tls_errc::expired:
            return joined({which, " expired on ", text_of(X509_get0_notAfter(certificate))});
        case tls_errc::not_yet_valid:
            return joined(
                {which, " is not valid before ", text_of(X509_get0_notBefore(certificate))});
        case tls_errc::wrong_name:
            return joined({whose, " is for ", listed(names_of(*certificate)), ", not for ",
                           printable(wanted)});
        default:
            return joined({which, " is not accepted: ", reason});
    }
}

/// Of an alert that the peer sent.
tls_errc code_of_alert(int alert, bool in_handshake) noexcept {
    switch (alert) {
        case SSL3_AD_NO_CERTIFICATE:
        case SSL_AD_BAD_CERTIFICATE:
        case SSL_AD_UNSUPPORTED_CERTIFICATE:
        case SSL_AD_CERTIFICATE_REVOKED:
        case SSL_AD_CERTIFICATE_EXPIRED:
        case SSL_AD_CERTIFICATE_UNKNOWN:
        case SSL_AD_UNKNOWN_CA:
        case SSL_AD_ACCESS_DENIED:
        case SSL_AD_BAD_CERTIFICATE_STATUS_RESPONSE:
        case SSL_AD_BAD_CERTIFICATE_HASH_VALUE:
        case SSL_AD_CERTIFICATE_REQUIRED:
            return tls_errc::certificate_refused;  // with TLS 1.3 after the client's handshake
        default:
            break;
    }
    if (!in_handshake) {
        return tls_errc::peer_alert;
    }
    switch (alert) {
        case SSL_AD_HANDSHAKE_FAILURE:
        case SSL_AD_INSUFFICIENT_SECURITY:
            return tls_errc::handshake_refused;
        case SSL_AD_UNRECOGNIZED_NAME:
            return tls_errc::name_refused;
        case SSL_AD_NO_APPLICATION_PROTOCOL:
            return tls_errc::no_common_application;
        case SSL_AD_PROTOCOL_VERSION:
            return tls_errc::no_common_version;
        default:
            return tls_errc::peer_alert;
    }
}

/// What we found wrong ourselves.
tls_errc code_of_reason(int reason, bool in_handshake) noexcept {
    switch (reason) {
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        case SSL_R_NO_CERTIFICATES_RETURNED:
            return tls_errc::no_client_certificate;
        case SSL_R_CERTIFICATE_VERIFY_FAILED:
            return tls_errc::invalid_certificate;
        case SSL_R_NO_APPLICATION_PROTOCOL:
            return tls_errc::no_common_application;
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_WRONG_SSL_VERSION:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_VERSION_TOO_HIGH:
        case SSL_R_NO_PROTOCOLS_AVAILABLE:
        case SSL_R_UNKNOWN_SSL_VERSION:
            return tls_errc::no_common_version;
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_CIPHERS_AVAILABLE:
        case SSL_R_NO_SHARED_SIGNATURE_ALGORITHMS:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_GROUPS:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM:
            return tls_errc::no_common_cipher;
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_UNKNOWN_PROTOCOL:
            return tls_errc::not_tls;
        case SSL_R_WRONG_VERSION_NUMBER:
        case SSL_R_BAD_RECORD_TYPE:
        case SSL_R_PACKET_LENGTH_TOO_LONG:
        case SSL_R_ENCRYPTED_LENGTH_TOO_LONG:
            return in_handshake ? tls_errc::not_tls : tls_errc::bad_data;
        case SSL_R_UNEXPECTED_EOF_WHILE_READING:
            return tls_errc::truncated;
        case ERR_R_MALLOC_FAILURE:
        case ERR_R_INTERNAL_ERROR:
            return tls_errc::internal;
        default:
            return tls_errc::bad_data;
    }
}

}  // namespace

failure verification_failure(X509_STORE_CTX& checked, bool of_server, std::string_view wanted) {
    const tls_errc code = code_of_verification(X509_STORE_CTX_get_error(&checked));
    return {code, text_of_verification(
                      code, checked,
                      of_server ? "the server's certificate" : "the client's certificate", wanted)};
}

failure connection_failure(unsigned long error, bool in_handshake) {
    if (ERR_GET_LIB(error) != ERR_LIB_SSL) {
        return {tls_errc::internal, joined({message_of(tls_errc::internal), ": ", text_of(error)})};
    }
    const int reason = ERR_GET_REASON(error);
    constexpr int last_alert = SSL_AD_REASON_OFFSET + 255;
    if (reason > SSL_AD_REASON_OFFSET && reason <= last_alert) {
        const int alert = reason - SSL_AD_REASON_OFFSET;
        const tls_errc code = code_of_alert(alert, in_handshake);
        return {code, joined({message_of(code), " (its alert: ", SSL_alert_desc_string_long(alert),
                              ")"})};
    }
    const tls_errc code = code_of_reason(reason, in_handshake);
    if (code == tls_errc::truncated) {
        return truncation(in_handshake);
    }
    return {code, joined({message_of(code), " (", text_of(error), ")"})};
}

failure truncation(bool in_handshake) {
    return {tls_errc::truncated, in_handshake
                                     ? "the peer closed the connection during the handshake"
                                     : message_of(tls_errc::truncated)};
}

failure setup_failure(tls_errc code, const std::string& what, unsigned long error) {
    std::string text = joined({what, ": ", message_of(code)});
    if (error != 0) {
        text = joined({text, " (", text_of(error), ")"});
    }
    return {code, std::move(text)};
}

}  // namespace tls

}  // namespace weft
