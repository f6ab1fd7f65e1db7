// SPDX-License-Identifier: Apache-2.0
//
// What holds for whatever a reader of weft-pool's configuration makes of its bytes.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

#include "config/difference.h"
#include "config/setting_table.h"
#include "config/settings.h"
#include "require.h"

namespace weft::fuzz {

inline bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c >= 0; });
}

/// The file is called f.conf; the ini may include others.
inline void check_error(const std::string& error) {
    require(error.contains(": "), "an error says where", error);
    // The path of an include may be in it twice.
    require(error.size() < 10'000, "an error is short", error);
    require(std::ranges::none_of(
                error, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }),
            "an error is one line that moves no cursor", error);
}

inline void check_configuration(const pool::configuration& read) {
    const pool::settings& general = read.general;
    require(general.listen_port >= 0 && general.listen_port <= 65535, "listen_port");
    require(general.query_timeout.count() >= 0, "query_timeout");
    require(general.client_tls_protocols.v1_2 || general.client_tls_protocols.v1_3, "TLS");
    require(!read.databases.contains("*") && !read.databases.contains("pgbouncer"), "databases");
    for (const auto& [name, of] : read.databases) {
        require(!name.empty() && !name.contains('\0'), "the name of a database");
        require(!of.ports.empty() && of.pool_size.value_or(0) >= 0, "a database");
        for (std::size_t host = 0; host < of.hosts.size(); ++host) {
            require(pool::port_of(of, host) != 0, "the port of a host");
        }
        require(pool::find_database(read, name) == &of, "a database is found");
    }
    for (const auto& [name, rule] : read.tenants) {
        require(pool::rule_for(read, rule.database, rule.user, rule.application_name) != nullptr,
                "a tenant is found");
    }
    for (const pool::config_row& row : pool::show_config(read)) {
        require(!row.value.contains('\0'), "what is shown has no character 0", row.key);
    }
    require(pool::difference(read, read).empty(), "nothing differs from itself");
    for (const pool::change& each : pool::difference({}, read)) {
        require(pool::text_of(each).size() < 1000, "a change is a short line");
    }
}

}  // namespace weft::fuzz
