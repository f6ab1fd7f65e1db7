// SPDX-License-Identifier: Apache-2.0
//
// Who may connect how: rules as in PostgreSQL's pg_hba.conf, in the part of it that PgBouncer has.
// The first rule that fits decides; if none does, the client is refused.
//
//     local     DATABASES USERS          METHOD [map=NAME]
//     host      DATABASES USERS ADDRESS  METHOD [map=NAME]
//     hostssl, hostnossl: with TLS only, without only
//
// DATABASES: names, all, sameuser, replication; USERS: names, all, sameuser (as in PgBouncer: who
// is named as the database); lists with commas, "quoted names" that mean themselves, @file.
// ADDRESS: all, 192.0.2.0/24, 192.0.2.0 255.255.255.0, 2001:db8::/32. METHOD: trust, reject, md5,
// password, scram-sha-256, cert, peer.
//
// An address with bits beyond its mask fits nobody, as in PgBouncer; PostgreSQL ignores the bits. A
// warning says so.
//
// A line that cannot be read is an error and no rule. PgBouncer goes on without it, which may let
// in whom it was to keep out; PostgreSQL takes none of the file. The caller chooses.
//
// Parsing: any thread. hba_rules: a value; match() from any thread.
#pragma once

#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "auth/errors.h"

namespace weft::pool {

enum class hba_method : std::uint8_t { trust, reject, md5, password, scram_sha_256, cert, peer };

/// As in the file.
std::string_view name_of(hba_method method) noexcept;

/// Where a client comes from.
struct hba_address {
    enum class family : std::uint8_t { local, ipv4, ipv6 };

    family kind = family::local;
    std::array<unsigned char, 16> bytes = {};  ///< the first four of IPv4

    /// As a system call returned it. IPv4 within IPv6 (::ffff:192.0.2.1) is IPv4. What is neither
    /// is local.
    static hba_address from_native(const sockaddr* address) noexcept;
    /// Numbers only.
    static std::optional<hba_address> parse(std::string_view text);

    bool operator==(const hba_address&) const = default;
};

/// What is known of a client when it has sent its startup message.
struct hba_client {
    hba_address address;
    bool tls = false;
    bool physical_replication = false;  ///< fits rules for the database `replication` only
    std::string_view database;
    std::string_view user;
};

struct hba_names {
    bool all = false;
    bool same_user = false;
    bool replication = false;
    std::set<std::string, std::less<>> names;
};

struct hba_rule {
    enum class connection : std::uint8_t { local, host, host_tls, host_plain };

    connection kind = connection::local;
    hba_names databases;
    hba_names users;
    bool any_address = false;
    hba_address address;
    std::array<unsigned char, 16> mask = {};
    hba_method method = hba_method::reject;
    std::string map;       ///< of map=; else empty
    std::size_t line = 0;  ///< in the file
};

class hba_rules {
public:
    hba_rules() = default;
    explicit hba_rules(std::vector<hba_rule> rules) : rules_(std::move(rules)) {}

    /// The rule that decides; null: none, refuse. As long as this lives.
    [[nodiscard]] const hba_rule* match(const hba_client& client) const;

    [[nodiscard]] const std::vector<hba_rule>& rules() const noexcept { return rules_; }

private:
    std::vector<hba_rule> rules_;
};

struct hba_file {
    hba_rules rules;
    std::vector<line_error> errors;
    std::vector<line_error> warnings;  ///< read, but likely not meant so
};

/// Gives the text of a file that a list of names refers to by @file; nothing if it cannot.
using hba_file_reader = std::function<std::optional<std::string>(std::string_view name)>;

/// Without a reader, @file is an error.
hba_file parse_hba(std::string_view text, const hba_file_reader& read_file = nullptr);

}  // namespace weft::pool
