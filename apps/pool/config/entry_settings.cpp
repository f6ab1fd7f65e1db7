// SPDX-License-Identifier: Apache-2.0
#include "config/setting_table.h"

namespace weft::pool {

namespace {

using enum change_takes;

// Each sorted by name, as find_setting() relies on.

using d = database;
constexpr setting<database> of_database[] = {
    {"application_name", &d::application_name, "Sent to the server at its start.", reconnect},
    {"auth_dbname", &d::auth_dbname, "As the general setting."},
    {"auth_query", &d::auth_query, "As the general setting."},
    {"auth_user", &d::auth_user, "As the general setting."},
    {"client_encoding", &d::client_encoding, "Sent to the server at its start.", reconnect},
    {"connect_query", &d::connect_query, "Runs on each new server connection.", reconnect},
    {"datestyle", &d::datestyle, "Sent to the server at its start.", reconnect},
    {"dbname", &d::dbname, "The server's database; empty: the name that the client asked for.",
     reconnect},
    {.name = "headroom", .where = &d::headroom, .about = "As the general setting.", .own = true},
    {"host", &d::hosts,
     "Names, addresses, or Unix sockets (/folder, @abstract); empty: unix_socket_dir.", reconnect},
    {"load_balance_hosts", &d::load_balance_hosts,
     "round-robin: the next host for each connection; disable: the next one after a failure.",
     reconnect},
    {"max_db_client_connections", &d::max_db_client_connections, "As the general setting."},
    {"max_db_connections", &d::max_db_connections, "As the general setting."},
    {.name = "max_protocol_version",
     .where = &d::max_protocol_version,
     .about =
         "What servers are asked for: 3.0; 3.2 or latest, as some that are no PostgreSQL cannot.",
     .takes = reconnect,
     .own = true},
    {.name = "max_waiting_clients",
     .where = &d::max_waiting_clients,
     .about = "As the general setting.",
     .own = true},
    {"min_pool_size", &d::min_pool_size, "As the general setting."},
    {"password", &d::password, "The password of user; empty: what auth_file says.", reconnect,
     writing::secret},
    {"pool_mode", &d::pool_mode, "As the general setting."},
    {"pool_size", &d::pool_size, "Server connections of each pool; 0: no limit."},
    {.name = "port",
     .where = &d::ports,
     .about = "One for all hosts, or one for each of them.",
     .takes = reconnect,
     .least = 1,
     .most = 65535},
    {"query_wait_timeout", &d::query_wait_timeout, "As the general setting.", reload,
     writing::in_seconds},
    {"reserve_pool_size", &d::reserve_pool_size, "As the general setting."},
    {.name = "server_lifetime",
     .where = &d::server_lifetime,
     .about = "As the general setting.",
     .how = writing::in_seconds,
     .zero_is_absent = true},
    {.name = "target_session_attrs",
     .where = &d::target_session_attrs,
     .about = "What a host must be to be used, as with libpq.",
     .takes = reconnect,
     .own = true},
    {"timezone", &d::timezone, "Sent to the server at its start.", reconnect},
    {.name = "tls_direct",
     .where = &d::tls_direct,
     .about = "TLS begins without a question, as with libpq's sslnegotiation=direct.",
     .takes = reconnect,
     .own = true},
    {.name = "tls_sslmode",
     .where = &d::tls_sslmode,
     .about = "As the general server_tls_sslmode.",
     .takes = reconnect,
     .own = true},
    {"user", &d::user, "All clients share the connections of this user; empty: each has its own.",
     reconnect},
};

using u = user;
constexpr setting<user> of_user[] = {
    {.name = "client_idle_timeout",
     .where = &u::client_idle_timeout,
     .about = "As the general setting.",
     .how = writing::in_seconds,
     .zero_is_absent = true},
    {.name = "idle_transaction_timeout",
     .where = &u::idle_transaction_timeout,
     .about = "As the general setting.",
     .how = writing::in_seconds,
     .zero_is_absent = true},
    {"max_user_client_connections", &u::max_user_client_connections, "As the general setting."},
    {"max_user_connections", &u::max_user_connections, "As the general setting."},
    {"pool_mode", &u::pool_mode, "As the general setting."},
    {"pool_size", &u::pool_size, "Server connections of each pool of the user; 0: no limit."},
    {.name = "query_timeout",
     .where = &u::query_timeout,
     .about = "As the general setting.",
     .how = writing::in_seconds,
     .zero_is_absent = true},
    {"query_wait_timeout", &u::query_wait_timeout, "As the general setting.", reload,
     writing::in_seconds},
    {"reserve_pool_size", &u::reserve_pool_size, "As the general setting."},
    {.name = "transaction_timeout",
     .where = &u::transaction_timeout,
     .about = "As the general setting.",
     .how = writing::in_seconds,
     .zero_is_absent = true},
};

using t = tenant;
constexpr setting<tenant> of_tenant[] = {
    {.name = "application_name",
     .where = &t::application_name,
     .about = "Only clients with this application_name.",
     .own = true},
    {.name = "burst",
     .where = &t::burst,
     .about = "Quota that it may keep unused for later.",
     .how = writing::in_seconds,
     .own = true},
    {.name = "database",
     .where = &t::database,
     .about = "Only clients of this database.",
     .own = true},
    {.name = "max_waiting_clients",
     .where = &t::max_waiting_clients,
     .about =
         "Its clients that may wait in a pool; who comes later is refused. 0: no limit of its own.",
     .own = true},
    {.name = "nice",
     .where = &t::nice,
     .about = "Priority, as of processes: each step down makes the weight 1.25 times as great.",
     // As weft::least_nice and weft::greatest_nice.
     .least = -20,
     .most = 19,
     .own = true},
    {.name = "period",
     .where = &t::period,
     .about = "What quota counts for.",
     .how = writing::in_seconds,
     .least = 1000,
     .own = true},
    {.name = "quota",
     .where = &t::quota,
     .about = "Server time per period beyond which it waits; 0: no limit.",
     .how = writing::in_seconds,
     .own = true},
    {.name = "slice",
     .where = {},
     .about = "Server time in a row; short for those who must not wait long.",
     .instead = "not yet; a higher weight shortens waits",
     .own = true},
    {.name = "user", .where = &t::user, .about = "Only clients of this user.", .own = true},
    {.name = "weight",
     .where = &t::weight,
     .about = "Its share of server time is this to the sum of all who want some.",
     // As weft::least_weight and weft::greatest_weight.
     .least = 2,
     .most = 1 << 18,
     .own = true},
};

}  // namespace

std::span<const setting<database>> database_settings() noexcept {
    return of_database;
}
std::span<const setting<user>> user_settings() noexcept {
    return of_user;
}
std::span<const setting<tenant>> tenant_settings() noexcept {
    return of_tenant;
}

}  // namespace weft::pool
