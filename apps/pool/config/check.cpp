// SPDX-License-Identifier: Apache-2.0
#include "config/check.h"

#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "config/setting_values.h"

namespace weft::pool {

namespace {

/// TLS with clients needs a certificate, and the older versions are gone.
std::expected<void, std::string> check_tls(const settings& of, std::vector<std::string>& warnings) {
    if (of.client_tls_sslmode != sslmode::disable &&
        (of.client_tls_key_file.empty() || of.client_tls_cert_file.empty())) {
        return std::unexpected(
            "client_tls_sslmode needs client_tls_key_file and client_tls_cert_file");
    }
    if (of.client_tls_sslmode >= sslmode::verify_ca && of.client_tls_ca_file.empty()) {
        return std::unexpected("client_tls_sslmode = verify-ca needs client_tls_ca_file");
    }
    for (const auto& [name, versions] :
         {std::pair("client_tls_protocols", of.client_tls_protocols),
          std::pair("server_tls_protocols", of.server_tls_protocols)}) {
        if (versions.v1_0 || versions.v1_1) {
            warnings.push_back(fmt::format(
                "{}: TLS 1.0 and 1.1 are not spoken; 1.2 and newer are, as far as it allows them",
                name));
        }
    }
    return {};
}

std::expected<void, std::string> check_database(std::string_view name, const database& of,
                                                const settings& general) {
    if (of.tls_direct && of.tls_sslmode.value_or(general.server_tls_sslmode) < sslmode::require) {
        return std::unexpected(fmt::format(
            "database {}: tls_direct needs tls_sslmode = require or more", in_quotes(name)));
    }
    if (of.ports.size() != 1 && of.ports.size() != of.hosts.size()) {
        return std::unexpected(
            fmt::format("database {}: port must be one, or one for each host", in_quotes(name)));
    }
    return {};
}

}  // namespace

std::expected<void, std::string> check_together(configuration& read) {
    if (auto fits = check_tls(read.general, read.warnings); !fits) {
        return fits;
    }
    if (read.general.auth_type == auth_type::hba && read.general.auth_hba_file.empty()) {
        return std::unexpected("auth_type = hba needs auth_hba_file");
    }
    if (read.fallback) {
        if (auto fits = check_database("*", *read.fallback, read.general); !fits) {
            return fits;
        }
    }
    for (const auto& [name, of] : read.databases) {
        if (auto fits = check_database(name, of, read.general); !fits) {
            return fits;
        }
    }
    return {};
}

}  // namespace weft::pool
