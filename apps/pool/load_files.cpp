// SPDX-License-Identifier: Apache-2.0
#include "load_files.h"

#include <fstream>
#include <iterator>
#include <memory>
#include <string_view>
#include <utility>

#include "auth/pam.h"
#include "config/load.h"
#include "config/setting_table.h"
#include "status/status_server.h"

namespace weft::pool {

namespace {

using file_failure = std::unexpected<std::string>;
using file_step = std::expected<void, std::string>;

std::expected<std::string, std::string> text_of(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) {
        return file_failure(path + ": cannot be read");
    }
    return std::string(std::istreambuf_iterator<char>(file), {});
}

file_step read_users(loaded_configuration& into) {
    const std::string& path = into.config.general.auth_file;
    if (path.empty()) {
        return {};
    }
    const auto text = text_of(path);
    if (!text) {
        return file_failure(text.error());
    }
    into.users = parse_userlist(*text);
    if (const auto& wrong = into.users.error) {
        return file_failure(path + ":" + std::to_string(wrong->line) + ": " + wrong->message);
    }
    return {};
}

file_step read_idents(loaded_configuration& into) {
    const std::string& path = into.config.general.auth_ident_file;
    if (path.empty()) {
        return {};
    }
    const auto text = text_of(path);
    if (!text) {
        return file_failure(text.error());
    }
    ident_file file = parse_ident(*text);
    if (!file.errors.empty()) {
        return file_failure(path + ":" + std::to_string(file.errors.front().line) + ": " +
                            file.errors.front().message);
    }
    into.idents = std::move(file.maps);
    return {};
}

file_step read_rules(loaded_configuration& into) {
    const settings& general = into.config.general;
    if (general.auth_type != auth_type::hba) {
        return {};
    }
    const auto text = text_of(general.auth_hba_file);
    if (!text) {
        return file_failure(text.error());
    }
    hba_file file = parse_hba(*text);
    if (!file.errors.empty()) {
        return file_failure(general.auth_hba_file + ":" + std::to_string(file.errors.front().line) +
                            ": " + file.errors.front().message);
    }
    for (const line_error& odd : file.warnings) {
        into.config.warnings.push_back(general.auth_hba_file + ":" + std::to_string(odd.line) +
                                       ": " + odd.message);
    }
    into.hba = std::move(file.rules);
    return read_idents(into);
}

file_step check_pam(loaded_configuration& into) {
    if (into.config.general.auth_type == auth_type::pam && !has_pam()) {
        into.config.warnings.emplace_back(
            "auth_type = pam is not honoured, weft-pool was built without it: all clients are "
            "refused");
    }
    return {};
}

/// The oldest and the newest that are allowed.
template <class Options>
void allow(const tls_protocols& versions, Options& options) {
    options.minimum = versions.v1_2 ? tls_version::v1_2 : tls_version::v1_3;
    options.maximum = versions.v1_3 ? tls_version::v1_3 : tls_version::v1_2;
}

file_step make_client_tls(loaded_configuration& into) {
    const settings& general = into.config.general;
    if (general.client_tls_sslmode == sslmode::disable) {
        return {};
    }
    tls_server_options options;
    options.certificates = {
        {.chain_file = general.client_tls_cert_file, .key_file = general.client_tls_key_file}};
    // Who offers protocols at all must offer this one: then no other protocol's client can be led
    // here. Clients before PostgreSQL 17 offer none.
    options.alpn = {std::string(tls_application)};
    options.ca_file = general.client_tls_ca_file;
    if (general.client_tls_sslmode >= sslmode::verify_ca) {
        options.client_certificate = tls_client_certificate::required;
    } else if (!options.ca_file.empty()) {
        options.client_certificate = tls_client_certificate::optional;
    }
    allow(general.client_tls_protocols, options);
    std::string why;
    auto made = tls_context::server(options, &why);
    if (!made) {
        return file_failure("client TLS: " + why);
    }
    into.client_tls = *std::move(made);
    return {};
}

file_step make_server_tls(loaded_configuration& into, sslmode mode) {
    if (mode == sslmode::disable || into.server_tls.contains(mode)) {
        return {};
    }
    const settings& general = into.config.general;
    tls_client_options options;
    options.ca_file = general.server_tls_ca_file;
    options.alpn = {std::string(tls_application)};
    options.check = mode == sslmode::verify_full ? tls_check::full
                    : mode == sslmode::verify_ca ? tls_check::authority
                                                 : tls_check::none;
    if (!general.server_tls_cert_file.empty()) {
        options.certificate = tls_certificate{.chain_file = general.server_tls_cert_file,
                                              .key_file = general.server_tls_key_file};
    }
    allow(general.server_tls_protocols, options);
    std::string why;
    auto made = tls_context::client(options, &why);
    if (!made) {
        return file_failure("server TLS: " + why);
    }
    into.server_tls.emplace(mode, *std::move(made));
    return {};
}

/// One for each mode that a database has.
file_step make_all_server_tls(loaded_configuration& into) {
    const sslmode general = into.config.general.server_tls_sslmode;
    file_step done = make_server_tls(into, general);
    if (done && into.config.fallback) {
        done = make_server_tls(into, into.config.fallback->tls_sslmode.value_or(general));
    }
    for (const auto& [name, each] : into.config.databases) {
        if (done) {
            done = make_server_tls(into, each.tls_sslmode.value_or(general));
        }
    }
    return done;
}

file_step check_addresses(loaded_configuration& of) {
    const settings& general = of.config.general;
    for (const auto& [name, value] : {std::pair("metrics_listen", &general.metrics_listen),
                                      std::pair("status_listen", &general.status_listen)}) {
        const auto found = parse_status_address(*value);
        if (!value->empty() && !found) {
            return file_failure(std::string(name) + ": " + found.error());
        }
    }
    return {};
}

}  // namespace

std::expected<configuration_ptr, std::string> complete(configuration config) {
    auto loaded = std::make_shared<loaded_configuration>();
    loaded->config = std::move(config);
    for (const auto part : {&read_users, &read_rules, &check_pam, &make_client_tls,
                            &make_all_server_tls, &check_addresses}) {
        if (const file_step done = part(*loaded); !done) {
            return file_failure(done.error());
        }
    }
    return loaded;
}

std::expected<configuration_ptr, std::string> load_files(const std::string& path,
                                                         const settings* running) {
    auto config = load_configuration(path);
    if (!config) {
        return file_failure(config.error());
    }
    if (running != nullptr) {
        keep_until_restart(config->general, *running);
    }
    return complete(*std::move(config));
}

}  // namespace weft::pool
