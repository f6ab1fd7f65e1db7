// SPDX-License-Identifier: Apache-2.0
//
// Tables of what is configured: databases, users, settings; and of the process itself.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <set>

#include "admin/tables.h"
#include "backend/server.h"
#include "config/setting_table.h"
#include "config/setting_values.h"
#include "session/client.h"

namespace weft::pool {

namespace {

constexpr std::array database_columns = {
    column{"name", type::text},
    column{"host", type::text},
    column{"port", type::int4},
    column{"database", type::text},
    column{"force_user", type::text},
    column{"pool_size", type::int4},
    column{"min_pool_size", type::int4},
    column{"reserve_pool_size", type::int4},
    column{"server_lifetime", type::int4},
    column{"pool_mode", type::text},
    column{"load_balance_hosts", type::text},
    column{"max_connections", type::int4},
    column{"current_connections", type::int4},
    column{"max_client_connections", type::int4},
    column{"current_client_connections", type::int4},
    column{"paused", type::int4},
    column{"disabled", type::int4},
};
constexpr std::array user_columns = {
    column{"name", type::text},
    column{"pool_size", type::text},
    column{"reserve_pool_size", type::text},
    column{"pool_mode", type::text},
    column{"max_user_connections", type::int4},
    column{"current_connections", type::int4},
    column{"max_user_client_connections", type::int4},
    column{"current_client_connections", type::int4},
};
constexpr std::array config_columns = {column{"key", type::text}, column{"value", type::text},
                                       column{"default", type::text},
                                       column{"changeable", type::text}};
constexpr std::array list_columns = {column{"list", type::text}, column{"items", type::int4}};
constexpr std::array memory_columns = {column{"name", type::text}, column{"size", type::int4},
                                       column{"used", type::int4}, column{"free", type::int4},
                                       column{"memtotal", type::int4}};
constexpr std::array version_columns = {column{"version", type::text}};
constexpr std::array state_columns = {column{"key", type::text}, column{"value", type::text}};
constexpr std::array host_columns = {column{"hostname", type::text}, column{"ttl", type::int8},
                                     column{"addrs", type::text}};
constexpr std::array zone_columns = {column{"zonename", type::text}, column{"serial", type::int8},
                                     column{"count", type::int4}};
constexpr std::array peer_columns = {column{"peer_id", type::int4}, column{"host", type::text},
                                     column{"port", type::int4}, column{"pool_size", type::int4}};
constexpr std::array peer_pool_columns = {
    column{"peer_id", type::int4},
    column{"cl_active_cancel_req", type::int4},
    column{"cl_waiting_cancel_req", type::int4},
    column{"sv_active_cancel", type::int4},
    column{"sv_login", type::int4},
};

cell text_or_null(const std::string& text) {
    return text.empty() ? cell() : cell(text);
}

/// Connections, by database and by user.
struct connection_counts {
    std::map<std::string, std::uint32_t, std::less<>> servers_of_database;
    std::map<std::string, std::uint32_t, std::less<>> clients_of_database;
    std::map<std::string, std::uint32_t, std::less<>> servers_of_user;
    std::map<std::string, std::uint32_t, std::less<>> clients_of_user;
    std::uint32_t servers = 0;

    explicit connection_counts(const console_view& of) {
        for (const auto& each : of.of.pools()) {
            const pool_status now = each->pool->status();
            servers += now.servers;
            servers_of_database[each->database_name] += now.servers;
            servers_of_user[each->user_name] += now.servers;
        }
        of.of.clients.visit([&](const client& each) {
            ++clients_of_database[each.pool->database_name];
            ++clients_of_user[std::string(each.user())];
        });
    }

    static std::uint32_t in(const std::map<std::string, std::uint32_t, std::less<>>& all,
                            const std::string& name) {
        const auto found = all.find(name);
        return found != all.end() ? found->second : 0;
    }
};

std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const std::string& each : parts) {
        out += (out.empty() ? "" : ",") + each;
    }
    return out;
}

table_row database_row(const console_view& of, const settings& general, const std::string& name,
                       const database& db, const connection_counts& counts) {
    const microseconds lifetime = db.server_lifetime.value_or(general.server_lifetime);
    return {name,
            text_or_null(joined(db.hosts)),
            number(port_of(db, 0)),
            db.dbname.empty() ? name : db.dbname,
            text_or_null(db.user),
            number(db.pool_size.value_or(general.default_pool_size)),
            number(db.min_pool_size.value_or(general.min_pool_size)),
            number(db.reserve_pool_size.value_or(general.reserve_pool_size)),
            number(std::chrono::duration_cast<seconds>(lifetime).count()),
            db.pool_mode ? cell(plain_text(*db.pool_mode, {})) : cell(),
            db.hosts.size() > 1 ? cell(plain_text(db.load_balance_hosts, {})) : cell(),
            number(db.max_db_connections.value_or(general.max_db_connections)),
            number(connection_counts::in(counts.servers_of_database, name)),
            number(db.max_db_client_connections.value_or(general.max_db_client_connections)),
            number(connection_counts::in(counts.clients_of_database, name)),
            number(of.of.off.is_paused(name) ? 1 : 0),
            number(of.of.off.is_disabled(name) ? 1 : 0)};
}

/// Those of the configuration, those that its "*" stands for and that have a pool, and the console.
std::vector<table_row> database_rows(const console_view& of) {
    const known_pools known(of.of);
    const configuration& config = known.config->config;
    const connection_counts counts(of);
    std::set<std::string> names;
    for (const auto& [name, db] : config.databases) {
        names.insert(name);
    }
    for (const auto& each : known.pools) {
        names.insert(each->database_name);
    }
    std::vector<table_row> rows;
    for (const std::string& name : names) {
        rows.push_back(
            database_row(of, config.general, name, *find_database(config, name), counts));
    }
    database own;
    own.dbname = own.user = console_name;
    own.pool_size = 2;
    own.min_pool_size = own.reserve_pool_size = 0;
    own.pool_mode = pool_mode::statement;
    rows.push_back(database_row(of, config.general, std::string(console_name), own, counts));
    rows.back()[2] = number(config.general.listen_port);
    rows.back()[14] = number(of.guests.size());
    return rows;
}

cell size_text(std::optional<int> size) {
    return size ? std::to_string(*size) : std::string();
}

std::vector<table_row> user_rows(const console_view& of) {
    static const user usual;
    const configuration_ptr loaded = of.of.config();
    const configuration& config = loaded->config;
    const connection_counts counts(of);
    std::set<std::string, std::less<>> names;
    for (const auto& [name, each] : loaded->users.users) {
        names.insert(name);
    }
    for (const auto& [name, each] : config.users) {
        names.insert(name);
    }
    for (const auto* const part : {&counts.clients_of_user, &counts.servers_of_user}) {
        for (const auto& [name, each] : *part) {
            names.insert(name);
        }
    }
    std::vector<table_row> rows;
    for (const std::string& name : names) {
        const user* const found = find_user(config, name);
        const user& who = found != nullptr ? *found : usual;
        rows.push_back(
            {name, size_text(who.pool_size), size_text(who.reserve_pool_size),
             who.pool_mode ? cell(plain_text(*who.pool_mode, {})) : cell(),
             number(who.max_user_connections.value_or(config.general.max_user_connections)),
             number(connection_counts::in(counts.servers_of_user, name)),
             number(who.max_user_client_connections.value_or(
                 config.general.max_user_client_connections)),
             number(connection_counts::in(counts.clients_of_user, name))});
    }
    return rows;
}

std::vector<table_row> config_rows(const console_view& of) {
    std::vector<table_row> rows;
    for (const config_row& each : show_config(of.of.config()->config)) {
        rows.push_back({each.key, each.value, each.usual, each.changeable ? "yes" : "no"});
    }
    return rows;
}

std::vector<table_row> list_rows(const console_view& of) {
    const std::size_t clients = of.of.clients.count();
    const std::uint64_t connections = of.of.connections;
    const std::uint64_t logging_in =
        connections - std::min(connections, clients + of.guests.size());
    const connection_counts counts(of);
    // Nothing is kept for later, and names are looked up without zones: those are 0.
    return {{"databases", number(database_rows(of).size())},
            {"users", number(user_rows(of).size())},
            {"peers", "0"},
            {"pools", number(of.of.pools().size() + 1)},
            {"peer_pools", "0"},
            {"free_clients", "0"},
            {"used_clients", number(clients + of.guests.size())},
            {"login_clients", number(logging_in)},
            {"free_servers", "0"},
            {"used_servers", number(counts.servers)},
            {"dns_names", "0"},
            {"dns_zones", "0"},
            {"dns_queries", "0"},
            {"dns_pending", "0"}};
}

table_row memory_row(const char* name, std::size_t size, std::size_t used) {
    return {name, number(size), number(used), "0", number(size * used)};
}

std::vector<table_row> memory_rows(const console_view& of) {
    const connection_counts counts(of);
    return {memory_row("client", sizeof(client), of.of.clients.count()),
            memory_row("server", sizeof(server), counts.servers),
            memory_row("pool", sizeof(pool_entry) + sizeof(server_pool), of.of.pools().size()),
            memory_row("prepared_statement", sizeof(interned), of.of.statements.size()),
            memory_row("parameter_set", sizeof(interned), of.of.sets.size())};
}

std::vector<table_row> version_rows(const console_view& /*of*/) {
    return {{"PgBouncer " + std::string(console_version)}};
}

std::vector<table_row> state_rows(const console_view& of) {
    const auto is = [state = of.of.off.state()](switches::mode mode) {
        return state == mode ? "yes" : "no";
    };
    return {{"active", is(switches::mode::active)},
            {"paused", is(switches::mode::paused)},
            {"suspended", is(switches::mode::suspended)}};
}

/// Of what weft-pool does not have: peers, and a list of the names that were looked up.
std::vector<table_row> no_rows(const console_view& /*of*/) {
    return {};
}

constexpr std::array configuration_list = {
    show_table{"config", config_columns, config_rows},
    show_table{"databases", database_columns, database_rows},
    show_table{"dns_hosts", host_columns, no_rows},
    show_table{"dns_zones", zone_columns, no_rows},
    show_table{"lists", list_columns, list_rows},
    show_table{"mem", memory_columns, memory_rows},
    show_table{"peer_pools", peer_pool_columns, no_rows},
    show_table{"peers", peer_columns, no_rows},
    show_table{"state", state_columns, state_rows},
    show_table{"users", user_columns, user_rows},
    show_table{"version", version_columns, version_rows},
};

}  // namespace

std::span<const show_table> configuration_tables() {
    return configuration_list;
}

}  // namespace weft::pool
