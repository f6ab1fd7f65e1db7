// SPDX-License-Identifier: Apache-2.0
//
// Tables of connections, one by one. Clients are looked at first and servers second, so a client
// may have been given its server between: a link that leads nowhere says so.
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <ctime>
#include <unordered_map>

#include <fmt/format.h>

#include "admin/tables.h"
#include "session/client.h"

namespace weft::pool {

namespace {

constexpr std::array socket_columns = {
    column{"type", type::text},
    column{"user", type::text},
    column{"database", type::text},
    column{"replication", type::text},
    column{"state", type::text},
    column{"addr", type::text},
    column{"port", type::int4},
    column{"local_addr", type::text},
    column{"local_port", type::int4},
    column{"connect_time", type::text},
    column{"request_time", type::text},
    column{"wait", type::int4},
    column{"wait_us", type::int4},
    column{"close_needed", type::int4},
    column{"ptr", type::text},
    column{"link", type::text},
    column{"remote_pid", type::int4},
    column{"tls", type::text},
    column{"application_name", type::text},
    column{"prepared_statements", type::int4},
    column{"id", type::int4},
    // SHOW CLIENTS and SHOW SERVERS end here.
    column{"recv_pos", type::int4},
    column{"pkt_pos", type::int4},
    column{"pkt_remain", type::int4},
    column{"send_pos", type::int4},
    column{"send_remain", type::int4},
    column{"pkt_avail", type::int4},
    column{"send_avail", type::int4},
};
constexpr std::size_t usual_columns = 21;

struct socket_facts {
    char kind = 'C';
    std::string user;
    std::string database;
    std::string state;
    endpoint remote;
    endpoint local;
    int unix_port = 0;  ///< what PgBouncer shows of Unix sockets: the one in their name
    clock::time_point connected;
    clock::time_point asked;
    clock::duration waited{0};
    bool close_needed = false;
    const void* self = nullptr;
    const void* link = nullptr;
    std::uint32_t process = 0;
    std::string tls;
    std::string application;
    std::size_t prepared = 0;
    std::uint64_t id = 0;
};

/// Of the wall clock, as PgBouncer writes it.
std::string time_text(clock::time_point t) {
    const auto wall =
        std::chrono::system_clock::now() +
        std::chrono::duration_cast<std::chrono::system_clock::duration>(t - clock::now());
    const std::time_t whole = std::chrono::system_clock::to_time_t(wall);
    std::tm parts{};
    ::localtime_r(&whole, &parts);
    std::array<char, 64> text{};
    const std::size_t size =
        std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S %Z", &parts);
    return {text.data(), size};
}

/// Without the port; "unix" stands for all Unix sockets.
std::string address_text(const endpoint& of) {
    if (of.family() == AF_UNIX) {
        return "unix";
    }
    if (of.family() == AF_UNSPEC) {
        return {};
    }
    std::string text = of.to_string();
    text.resize(text.rfind(':'));
    return text.starts_with('[') ? text.substr(1, text.size() - 2) : text;
}

std::string port_text(const endpoint& of, int unix_port) {
    return std::to_string(of.family() == AF_UNIX ? unix_port : of.port());
}

std::string pointer_text(const void* at) {
    return at == nullptr ? std::string() : fmt::format("{}", at);
}

table_row row_of(const socket_facts& of) {
    const auto waited = std::chrono::duration_cast<microseconds>(of.waited).count();
    return {std::string(1, of.kind),
            of.user,
            of.database,
            "none",
            of.state,
            address_text(of.remote),
            port_text(of.remote, of.unix_port),
            address_text(of.local),
            port_text(of.local, of.unix_port),
            time_text(of.connected),
            time_text(of.asked),
            number(waited / 1'000'000),
            number(waited % 1'000'000),
            of.close_needed ? "1" : "0",
            pointer_text(of.self),
            pointer_text(of.link),
            number(of.process),
            of.tls,
            of.application,
            number(of.prepared),
            number(shown_id(of.id))};
}

std::string tls_text(const transport& of) {
    return of.encrypted() ? std::string(of.tls().version()) : std::string();
}

socket_facts connection_of(const client& of) {
    const claim place = of.pool->pool->claim_of(of.place);
    socket_facts out;
    out.user = of.user();
    out.database = of.pool->database_name;
    out.remote = of.io.raw().peer_endpoint().value_or(endpoint());
    out.local = of.io.raw().local_endpoint().value_or(endpoint());
    out.connected = of.connected;
    out.asked = of.active;
    out.self = &of.place;
    out.link = place.now == claimant::state::holding ? place.held : nullptr;
    out.process =
        static_cast<std::uint32_t>(of.io.raw().peer_credentials().value_or(credentials()).process);
    out.tls = tls_text(of.io);
    out.application = of.application_name();
    out.prepared = of.prepared;
    out.id = of.id;
    if (place.now == claimant::state::waiting) {
        out.state = "waiting";
        out.waited = clock::now() - place.since;
    } else {
        out.state = place.now == claimant::state::holding ? "active" : "idle";
    }
    return out;
}

socket_facts connection_of(const console_guest& of) {
    socket_facts out;
    out.user = of.user;
    out.database = console_name;
    out.state = "active";
    out.remote = of.remote;
    out.local = of.local;
    out.connected = out.asked = of.connected;
    out.tls = of.tls;
    return out;
}

std::vector<socket_facts> clients_of(const console_view& of) {
    std::vector<socket_facts> out;
    of.of.clients.visit([&](const client& each) { out.push_back(connection_of(each)); });
    for (const console_guest& each : of.guests) {
        out.push_back(connection_of(each));
    }
    const int port = of.of.config()->config.general.listen_port;
    for (socket_facts& each : out) {
        each.unix_port = port;
    }
    return out;
}

socket_facts connection_of(const pool_entry& pool, const server& of, const claimant* holder) {
    socket_facts out;
    out.kind = 'S';
    out.user = pool.user_name;
    out.database = pool.database_name;
    if (holder != nullptr) {
        out.state = "active";
    } else {
        out.state = of.cancels != 0 ? "being_canceled" : "idle";
    }
    out.remote = of.address;
    out.local = of.io.raw().local_endpoint().value_or(endpoint());
    out.connected = of.connected;
    out.asked = holder != nullptr ? holder->since : of.idle_since;
    out.close_needed = of.stale;
    out.self = &of;
    out.link = holder;
    out.process = of.cancel.process;
    out.tls = tls_text(of.io);
    out.prepared = of.statements.size();
    out.id = of.id;
    return out;
}

/// `clients`: what they call themselves goes to the servers that they have.
std::vector<socket_facts> servers_of(const console_view& of,
                                     const std::vector<socket_facts>& clients) {
    std::unordered_map<const void*, const socket_facts*> by_place;
    for (const socket_facts& each : clients) {
        by_place.emplace(each.self, &each);
    }
    std::vector<socket_facts> out;
    for (const auto& pool : of.of.pools()) {
        pool->pool->visit_servers([&](const server& each, const claimant* holder) {
            out.push_back(connection_of(*pool, each, holder));
            const auto found = by_place.find(holder);
            if (holder != nullptr && found != by_place.end()) {
                out.back().application = found->second->application;
            }
        });
    }
    return out;
}

void add_rows(std::vector<table_row>& to, const std::vector<socket_facts>& of) {
    for (const socket_facts& each : of) {
        to.push_back(row_of(each));
    }
}

std::vector<table_row> client_rows(const console_view& of) {
    std::vector<table_row> rows;
    add_rows(rows, clients_of(of));
    return rows;
}

std::vector<table_row> server_rows(const console_view& of) {
    std::vector<table_row> rows;
    add_rows(rows, servers_of(of, clients_of(of)));
    return rows;
}

/// Buffers are their owners' alone, who use them meanwhile: what is in them is not told.
std::vector<table_row> longer_rows(std::vector<socket_facts> of) {
    std::vector<table_row> rows;
    for (socket_facts& each : of) {
        each.state = (each.kind == 'C' ? "cl_" : "sv_") + each.state;
        rows.push_back(row_of(each));
        rows.back().resize(socket_columns.size(), "0");
    }
    return rows;
}

std::vector<socket_facts> all_connections(const console_view& of) {
    std::vector<socket_facts> all = clients_of(of);
    const std::vector<socket_facts> servers = servers_of(of, all);
    all.insert(all.end(), servers.begin(), servers.end());
    return all;
}

std::vector<table_row> socket_rows(const console_view& of) {
    return longer_rows(all_connections(of));
}

std::vector<table_row> active_socket_rows(const console_view& of) {
    std::vector<socket_facts> all = all_connections(of);
    std::erase_if(all, [](const socket_facts& each) { return each.state == "idle"; });
    return longer_rows(std::move(all));
}

constexpr auto short_columns = std::span<const column>(socket_columns).first(usual_columns);

constexpr std::array socket_list = {
    show_table{"active_sockets", socket_columns, active_socket_rows},
    show_table{"clients", short_columns, client_rows},
    show_table{"servers", short_columns, server_rows},
    show_table{"sockets", socket_columns, socket_rows},
};

}  // namespace

std::span<const show_table> socket_tables() {
    return socket_list;
}

}  // namespace weft::pool
