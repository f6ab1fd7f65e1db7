// SPDX-License-Identifier: Apache-2.0
#include "tls/openssl.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>

namespace weft::tls {

namespace {

constexpr std::size_t longest_text = 300;

/// Empty if there is something in it that no name has: "good.example\0.evil.example".
std::string text_of(const ASN1_IA5STRING& value) {
    const std::string_view text(reinterpret_cast<const char*>(ASN1_STRING_get0_data(&value)),
                                static_cast<std::size_t>(ASN1_STRING_length(&value)));
    const bool plain =
        std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 127; });
    return plain ? std::string(text) : std::string();
}

std::string text_of_address(const ASN1_OCTET_STRING& value) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int size = ASN1_STRING_length(&value);
    if (size != 4 && size != 16) {
        return {};
    }
    const int family = size == 4 ? AF_INET : AF_INET6;
    return ::inet_ntop(family, ASN1_STRING_get0_data(&value), text.data(), text.size()) != nullptr
               ? std::string(text.data())
               : std::string();
}

std::string text_of(const GENERAL_NAME& name) {
    switch (name.type) {
        case GEN_DNS:
            return text_of(*name.d.dNSName);
        case GEN_URI:
            return text_of(*name.d.uniformResourceIdentifier);
        case GEN_EMAIL:
            return text_of(*name.d.rfc822Name);
        case GEN_IPADD:
            return text_of_address(*name.d.iPAddress);
        default:
            return {};
    }
}

}  // namespace

unsigned long take_error() noexcept {
    // The first is the cause, but lower parts of OpenSSL may have queued details before the one of
    // the TLS library.
    unsigned long best = 0;
    while (const unsigned long error = ERR_get_error()) {
        if (best == 0 || (ERR_GET_LIB(best) != ERR_LIB_SSL && ERR_GET_LIB(error) == ERR_LIB_SSL)) {
            best = error;
        }
    }
    return best;
}

std::string text_of(unsigned long error) {
    if (error == 0) {
        return {};
    }
    const char* const reason = ERR_reason_error_string(error);
    return reason != nullptr ? reason : "OpenSSL error " + std::to_string(error);
}

std::string printable(std::string_view text) {
    std::string out;
    for (const char c : text.substr(0, longest_text)) {
        out += c >= ' ' && c < 127 ? c : '?';
    }
    return text.size() > longest_text ? out + "..." : out;
}

std::string text_of(const X509_NAME* name) {
    const bio_ptr out(BIO_new(BIO_s_mem()));
    if (name == nullptr || out == nullptr ||
        X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253) < 0) {
        ERR_clear_error();
        return "?";
    }
    char* data = nullptr;
    const long size = BIO_get_mem_data(out.get(), &data);
    return printable(std::string_view(data, static_cast<std::size_t>(size)));
}

std::string text_of(const ASN1_TIME* time) {
    std::tm parts{};
    std::array<char, 32> text{};
    if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1 ||
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S UTC", &parts) == 0) {
        ERR_clear_error();
        return "?";
    }
    return text.data();
}

std::vector<std::byte> der_of(const X509& certificate) {
    const int size = i2d_X509(&certificate, nullptr);
    std::vector<std::byte> bytes(static_cast<std::size_t>(std::max(size, 0)));
    if (!bytes.empty()) {
        auto* at = reinterpret_cast<unsigned char*>(bytes.data());
        i2d_X509(&certificate, &at);
    }
    return bytes;
}

std::vector<std::string> names_of(const X509& certificate) {
    std::vector<std::string> names;
    auto* const all = static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr));
    if (all == nullptr) {
        ERR_clear_error();
        return names;
    }
    const std::unique_ptr<GENERAL_NAMES, freed_by<&GENERAL_NAMES_free>> owner(all);
    for (int i = 0; i < sk_GENERAL_NAME_num(all); ++i) {
        std::string text = text_of(*sk_GENERAL_NAME_value(all, i));
        if (!text.empty()) {
            names.push_back(std::move(text));
        }
    }
    return names;
}

}  // namespace weft::tls
