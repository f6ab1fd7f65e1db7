// SPDX-License-Identifier: Apache-2.0
//
// pool_entry: a pool with what it is for: a database as clients name it, and a user.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <weft/mutex.h>

#include "backend/notification_listener.h"
#include "backend/server_login.h"
#include "backend/server_pool.h"
#include "config/settings.h"
#include "session/pin_board.h"

namespace weft::pool {

/// What has gone through a pool, all told. Any thread.
struct traffic;

/// To one of its members. Cheap where there is nothing to add.
inline void add(std::atomic<std::uint64_t>& to, std::uint64_t more) noexcept {
    if (more != 0) {
        to.fetch_add(more, std::memory_order_relaxed);
    }
}

struct traffic {
    std::atomic<std::uint64_t> queries{0};
    std::atomic<std::uint64_t> transactions{0};
    std::atomic<std::uint64_t> logins{0};
    // Of prepared statements that are followed.
    std::atomic<std::uint64_t> client_parses{0};
    std::atomic<std::uint64_t> server_parses{0};
    std::atomic<std::uint64_t> binds{0};
    std::atomic<std::uint64_t> from_clients{0};  ///< bytes
    std::atomic<std::uint64_t> from_servers{0};
    std::atomic<std::uint64_t> query_ns{0};        ///< that servers were asked for something
    std::atomic<std::uint64_t> transaction_ns{0};  ///< and had a transaction open
};

/// One of those that a database may be at.
struct server_host {
    std::string name;
    std::uint16_t port = 0;

    bool operator==(const server_host&) const = default;
};

/// Whom the servers of a pool are for.
enum class pool_purpose : std::uint8_t {
    clients,
    lookups,  ///< logins that ask for a user's secret: session/auth_query.h
};

struct pool_entry {
    std::string database_name;  ///< as clients name it
    std::string user_name;      ///< who logs in at the server
    pool_purpose purpose = pool_purpose::clients;
    std::unique_ptr<server_pool> pool;
    notification_listener* listener = nullptr;  ///< of the database; null for lookups
    traffic counts;
    pin_board pins;  ///< of its clients

    // As those of the pool. The connection that listens, which no client can do without, ends as
    // well, and so do the clients for whom it does.
    void pause(const report& why = paused()) const;
    /// Of one that is paused: whether no connection is left. One that listens may have come back:
    /// it is ended once more.
    [[nodiscard]] bool has_closed_all(const report& why) const;
    void reconnect() const;
    void close(const report& why) const;

    static report paused();

    /// How one logs in; replaced as a whole. Whether that is at another place than before.
    bool set_target(std::shared_ptr<const server_target> to, std::vector<server_host> hosts,
                    load_balance_hosts how);
    /// For the next connection: the hosts take turns, or it is the same until it fails.
    [[nodiscard]] server_target next_target();
    /// There was no connection to this one: the next one goes to another host.
    void note_failure(const server_target& of);
    /// The keys of a client that has logged in as this user.
    void set_keys(const scram_keys& keys);
    [[nodiscard]] std::optional<scram_keys> keys() const;
    /// What auth_query says of this user: counts where the configuration has no password.
    void set_secret(const secret& kept);
    [[nodiscard]] std::size_t hosts() const;

private:
    mutable mutex mutex_;
    std::shared_ptr<const server_target> target_;
    std::vector<server_host> hosts_;
    load_balance_hosts balance_ = load_balance_hosts::round_robin;
    std::size_t next_host_ = 0;
    std::optional<scram_keys> keys_;
    secret looked_up_;
};

}  // namespace weft::pool
