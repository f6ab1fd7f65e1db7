// SPDX-License-Identifier: Apache-2.0
//
// What a configuration of weft-pool says, as plain values: whoever reads one (config/ini.h,
// config/toml.h) fills it, all else only looks. Names and meanings are PgBouncer's (its
// doc/config.md) where it has them; each default is PgBouncer's unless the comment beside it says
// otherwise. A time of 0 means "no limit" as there, with the one exception that says so.
//
// config/setting_table.h describes each member: how it is written, what it is for, and what a
// change of it takes. A member that is not in a table there cannot be set.
//
// Secrets are here in the clear (database::password): never print one of these structs whole.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weft::pool {

using std::chrono::microseconds;
using std::chrono::seconds;

/// When a server connection may serve another client.
enum class pool_mode : std::uint8_t { session, transaction, statement };

/// How clients prove who they are.
enum class auth_type : std::uint8_t { any, trust, plain, md5, scram_sha_256, cert, hba, pam };

enum class sslmode : std::uint8_t { disable, allow, prefer, require, verify_ca, verify_full };

/// Which of several hosts a new server connection goes to.
enum class load_balance_hosts : std::uint8_t { disable, round_robin };

/// What a server must be to be used; as libpq's.
enum class target_session_attrs : std::uint8_t {
    any,
    read_write,
    read_only,
    primary,
    standby,
    prefer_standby
};

/// Of PostgreSQL's protocol.
enum class protocol_version : std::uint8_t { v3_0, v3_2 };

enum class log_format : std::uint8_t { text, json };

/// Versions of TLS that a configuration allows.
struct tls_protocols {
    bool v1_0 = false;
    bool v1_1 = false;
    bool v1_2 = true;
    bool v1_3 = true;

    bool operator==(const tls_protocols&) const = default;
};

/// What makes clients one tenant: those that agree in all that is true here.
struct tenant_key {
    bool database = true;
    bool user = true;
    bool application_name = false;

    bool operator==(const tenant_key&) const = default;
};

/// [pgbouncer] of the ini, [pool] of the TOML.
struct settings {
    // Where it listens, and as whom it runs.
    std::vector<std::string> listen_addr;  ///< "*": all addresses; none: Unix sockets only
    int listen_port = 6432;
    int listen_backlog = 4096;             ///< PgBouncer: 128, too few for a storm of clients
    std::string unix_socket_dir = "/tmp";  ///< "@...": abstract; empty: none
    int unix_socket_mode = 0777;
    std::string unix_socket_group;
    bool so_reuseport = false;
    std::string user;
    std::string pidfile;

    // Pools.
    enum pool_mode pool_mode = pool_mode::session;
    int max_client_conn = 100;
    int default_pool_size = 20;  ///< 0: no limit
    int min_pool_size = 0;
    int reserve_pool_size = 0;
    microseconds reserve_pool_timeout = seconds(5);
    int max_db_connections = 0;  ///< 0: no limit, here and in the next three
    int max_db_client_connections = 0;
    int max_user_connections = 0;
    int max_user_client_connections = 0;
    bool server_round_robin = false;

    // What follows a client from server to server.
    std::vector<std::string> track_extra_parameters = {"IntervalStyle"};
    std::vector<std::string> ignore_startup_parameters;
    bool application_name_add_host = false;
    bool disable_pqexec = false;
    int max_prepared_statements = 200;

    // Who may come.
    enum auth_type auth_type = auth_type::md5;
    std::string auth_file;
    std::string auth_hba_file;
    std::string auth_ident_file;
    std::string auth_user;  ///< empty: auth_query is not run
    std::string auth_query =
        "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END "
        "FROM pg_authid WHERE rolname=$1 AND rolcanlogin";
    std::string auth_dbname;  ///< empty: the client's database
    int scram_iterations = 4096;
    std::vector<std::string> admin_users;
    std::vector<std::string> stats_users;

    // Logs.
    std::string logfile;
    bool log_connections = true;
    bool log_disconnections = true;
    bool log_pooler_errors = true;
    bool log_stats = true;
    microseconds stats_period = seconds(60);

    // Servers: checks and ages.
    std::string server_reset_query = "DISCARD ALL";
    bool server_reset_query_always = false;
    microseconds server_check_delay = seconds(30);
    std::string server_check_query = "<empty>";    ///< "<empty>": an empty query; empty: no check
    microseconds server_lifetime = seconds(3600);  ///< 0: a connection is used once, then closed
    microseconds server_idle_timeout = seconds(600);
    microseconds server_connect_timeout = seconds(15);
    microseconds server_login_retry = seconds(15);

    // Clients: patience.
    microseconds client_login_timeout = seconds(60);
    microseconds client_idle_timeout{0};
    microseconds query_timeout{0};
    microseconds query_wait_timeout = seconds(120);
    microseconds query_wait_notify = seconds(5);
    microseconds cancel_wait_timeout = seconds(10);
    microseconds idle_transaction_timeout{0};
    microseconds transaction_timeout{0};
    microseconds suspend_timeout = seconds(10);
    std::string login_notify_message;

    // Names of hosts.
    microseconds dns_max_ttl = seconds(15);
    microseconds dns_nxdomain_ttl = seconds(15);
    std::string resolv_conf;

    // TLS.
    sslmode client_tls_sslmode = sslmode::disable;
    std::string client_tls_key_file;
    std::string client_tls_cert_file;
    std::string client_tls_ca_file;
    tls_protocols client_tls_protocols;
    sslmode server_tls_sslmode = sslmode::prefer;
    std::string server_tls_key_file;
    std::string server_tls_cert_file;
    std::string server_tls_ca_file;
    tls_protocols server_tls_protocols;

    // The wire.
    std::uint32_t max_packet_size = 2147483647;
    bool tcp_keepalive = true;
    int tcp_keepcnt = 0;  ///< 0: the system's, here and in the next three
    microseconds tcp_keepidle{0};
    microseconds tcp_keepintvl{0};
    microseconds tcp_user_timeout{0};
    int tcp_socket_buffer = 0;  ///< bytes; 0: the system's

    // What PgBouncer does not have.
    int workers = 0;                      ///< 0: one per CPU
    tenant_key tenant_by;                 ///< whose server time is compared
    int headroom = 0;                     ///< connections kept for tenants below their share
    int max_waiting_clients = 0;          ///< in a pool; who comes later is refused. 0: no limit
    int max_server_connections = 0;       ///< of all pools together; 0: no limit
    microseconds slow_wait = seconds(1);  ///< a longer wait is logged, with whom it was for
    // What is taken back from who has a server while others wait.
    microseconds preempt_idle_transaction{0};  ///< transactions that idle for longer; 0: none
    bool preempt_over_quota = false;           ///< queries of tenants beyond their quota
    enum log_format log_format = log_format::text;
    // Where who asks is told how things stand: a port of 127.0.0.1, or an address; empty: nowhere.
    std::string metrics_listen;
    std::string status_listen;
    bool status_statements = false;

    bool operator==(const settings&) const = default;
};

/// An entry of [databases]. What is absent is as the general settings say.
struct database {
    std::string dbname;  ///< of the server; empty: the name that the client asked for
    /// Empty: the Unix socket in unix_socket_dir. "/..." and "@...": that Unix socket.
    std::vector<std::string> hosts;
    /// One for all hosts, or one for each of them.
    std::vector<std::uint16_t> ports = {5432};
    std::string user;  ///< not empty: all clients share the logins of this user
    std::string password;
    std::optional<int> pool_size;
    std::optional<int> min_pool_size;
    std::optional<int> reserve_pool_size;
    std::optional<int> max_db_connections;
    std::optional<int> max_db_client_connections;
    std::optional<enum pool_mode> pool_mode;
    std::optional<microseconds> server_lifetime;
    std::optional<microseconds> query_wait_timeout;
    std::string connect_query;
    std::string auth_user;
    std::string auth_query;
    std::string auth_dbname;
    // Sent to the server when a connection to it starts, unless empty.
    std::string client_encoding;
    std::string datestyle;
    std::string timezone;
    std::string application_name;
    enum load_balance_hosts load_balance_hosts = load_balance_hosts::round_robin;

    // What PgBouncer does not have.
    enum target_session_attrs target_session_attrs = target_session_attrs::any;
    std::optional<sslmode> tls_sslmode;  ///< to this database's servers
    bool tls_direct = false;             ///< TLS begins at once, unasked (PostgreSQL 17)
    protocol_version max_protocol_version = protocol_version::v3_0;  ///< that servers are asked for
    std::optional<int> headroom;
    std::optional<int> max_waiting_clients;

    bool operator==(const database&) const = default;
};

/// The port of the host with this index; of the Unix socket in unix_socket_dir: index 0.
[[nodiscard]] std::uint16_t port_of(const database& of, std::size_t host) noexcept;

/// An entry of [users]. What is absent is as the database or the general settings say.
struct user {
    std::optional<enum pool_mode> pool_mode;
    std::optional<int> pool_size;
    std::optional<int> reserve_pool_size;
    std::optional<int> max_user_connections;
    std::optional<int> max_user_client_connections;
    std::optional<microseconds> query_timeout;
    std::optional<microseconds> query_wait_timeout;
    std::optional<microseconds> idle_transaction_timeout;
    std::optional<microseconds> transaction_timeout;
    std::optional<microseconds> client_idle_timeout;

    bool operator==(const user&) const = default;
};

/// What a tenant without an entry weighs.
inline constexpr int usual_weight = 1024;

/// An entry of [tenants]: which tenants it is for, and what they get.
struct tenant {
    // Empty: any.
    std::string database;
    std::string user;
    std::string application_name;

    int weight =
        usual_weight;  ///< its share of server time is this to the sum of all who want some
    int nice = 0;      ///< each step down makes the weight 1.25 times as great
    /// Server time per `period` beyond which it waits even if servers are idle; 0: no limit.
    microseconds quota{0};
    microseconds period = seconds(1);
    microseconds burst{0};        ///< unused quota that it may keep
    int max_waiting_clients = 0;  ///< in a pool, beside that pool's limit; 0: none

    bool operator==(const tenant&) const = default;
};

/// A configuration as it was read.
struct configuration {
    settings general;
    std::map<std::string, database, std::less<>> databases;
    std::optional<database> fallback;  ///< "*": for every name that is not in `databases`
    std::map<std::string, user, std::less<>> users;
    std::map<std::string, tenant, std::less<>> tenants;  ///< see rule_for()

    /// What was read but does not count, and what happens instead; a line each. Without secrets.
    std::vector<std::string> warnings;
    std::string file;  ///< where it was read from
};

/// That two say the same; where they come from and what was warned of aside.
[[nodiscard]] bool same(const configuration& a, const configuration& b);

/// The entry for a database's name, which may be the fallback; null: there is none.
[[nodiscard]] const database* find_database(const configuration& in, std::string_view name);
/// The entry of [users]; null: there is none.
[[nodiscard]] const user* find_user(const configuration& in, std::string_view name);
/// The entry of [tenants] for a client: of those that match the one that asks for most of the
/// three, then the first by name. Null: none matches.
[[nodiscard]] const tenant* rule_for(const configuration& in, std::string_view database,
                                     std::string_view user, std::string_view application_name);

}  // namespace weft::pool
