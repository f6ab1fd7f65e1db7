// SPDX-License-Identifier: Apache-2.0
//
// Rules and who fits them; hba_parser.cpp reads them.
#include "auth/hba.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>
#include <ranges>

namespace weft::pool {

namespace {

bool fits_name(const hba_names& names, std::string_view name, bool same) {
    return names.all || (names.same_user && same) || names.names.contains(name);
}

bool fits_connection(const hba_rule& rule, const hba_client& client) {
    using connection = hba_rule::connection;
    const bool local = client.address.kind == hba_address::family::local;
    switch (rule.kind) {
        case connection::local:
            return local;
        case connection::host:
            return !local;
        case connection::host_tls:
            return !local && client.tls;
        case connection::host_plain:
            break;
    }
    return !local && !client.tls;
}

bool fits_address(const hba_rule& rule, const hba_address& address) {
    if (rule.kind == hba_rule::connection::local || rule.any_address) {
        return true;
    }
    if (rule.address.kind != address.kind) {
        return false;
    }
    for (std::size_t i = 0; i < address.bytes.size(); ++i) {
        if ((address.bytes[i] & rule.mask[i]) != rule.address.bytes[i]) {
            return false;
        }
    }
    return true;
}

bool fits(const hba_rule& rule, const hba_client& client) {
    const bool same = client.user == client.database;
    const bool database = client.physical_replication
                              ? rule.databases.replication
                              : fits_name(rule.databases, client.database, same);
    return database && fits_name(rule.users, client.user, same) && fits_connection(rule, client) &&
           fits_address(rule, client.address);
}

hba_address ipv4_of(const void* bytes) noexcept {
    hba_address address{hba_address::family::ipv4, {}};
    std::memcpy(address.bytes.data(), bytes, sizeof(in_addr));
    return address;
}

}  // namespace

std::string_view name_of(hba_method method) noexcept {
    constexpr std::string_view names[] = {"trust",         "reject", "md5", "password",
                                          "scram-sha-256", "cert",   "peer"};
    return names[static_cast<std::size_t>(method)];
}

hba_address hba_address::from_native(const sockaddr* address) noexcept {
    if (address->sa_family == AF_INET) {
        return ipv4_of(&reinterpret_cast<const sockaddr_in*>(address)->sin_addr);
    }
    if (address->sa_family != AF_INET6) {
        return {};
    }
    const in6_addr& ipv6 = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&ipv6)) {
        return ipv4_of(&ipv6.s6_addr[12]);
    }
    hba_address result{family::ipv6, {}};
    std::memcpy(result.bytes.data(), &ipv6, sizeof ipv6);
    return result;
}

std::optional<hba_address> hba_address::parse(std::string_view text) {
    const std::string terminated(text);
    hba_address address;
    if (terminated.find('\0') != std::string::npos) {
        return std::nullopt;
    }
    if (inet_pton(AF_INET, terminated.c_str(), address.bytes.data()) == 1) {
        address.kind = family::ipv4;
    } else if (inet_pton(AF_INET6, terminated.c_str(), address.bytes.data()) == 1) {
        address.kind = family::ipv6;
    } else {
        return std::nullopt;
    }
    return address;
}

const hba_rule* hba_rules::match(const hba_client& client) const {
    const auto found = std::ranges::find_if(
        rules_, [&client](const hba_rule& rule) { return fits(rule, client); });
    return found == rules_.end() ? nullptr : &*found;
}

}  // namespace weft::pool
