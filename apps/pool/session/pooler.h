// SPDX-License-Identifier: Apache-2.0
//
// pooler: what all sessions share: the configuration in force, pools, clients, names, logs. Made by
// main before the first client comes, and outlives the last. Thread-safe.
#pragma once

#include <atomic>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <weft/dns.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>
#include <weft/time.h>
#include <weft/tls.h>

#include "auth/hba.h"
#include "auth/ident.h"
#include "auth/scram_keys.h"
#include "auth/userlist.h"
#include "backend/fiber_starter.h"
#include "backend/interned.h"
#include "backend/parameters.h"
#include "config/settings.h"
#include "metrics/log.h"
#include "session/departures.h"
#include "session/pool_entry.h"
#include "session/registry.h"
#include "session/switches.h"

namespace weft::pool {

/// The configuration and the files that it names, as they were read together. Immutable.
struct loaded_configuration {
    configuration config;
    userlist users;
    hba_rules hba;
    std::optional<tls_context> client_tls;      ///< none: clients cannot ask for TLS
    std::map<sslmode, tls_context> server_tls;  ///< for each mode that is in use
    ident_maps idents;
};
using configuration_ptr = std::shared_ptr<const loaded_configuration>;

/// The database that is the console.
inline constexpr std::string_view console_database = "pgbouncer";

/// How a client counts as one of a tenant, and what that tenant gets.
struct tenant_place {
    std::string name;
    tenant_rule rule;
};

/// Handshakes at a time; one computes about a millisecond.
inline constexpr int most_handshakes = 64;

class pooler {
public:
    pooler(configuration_ptr config, dns::resolver names, log& log_to);
    pooler(const pooler&) = delete;
    pooler& operator=(const pooler&) = delete;

    [[nodiscard]] configuration_ptr config() const;
    /// From now on; pools get their new limits.
    void set_config(configuration_ptr config);

    /// The pool for clients of `database` that have logged in as `user`. `in` must have the
    /// database.
    std::shared_ptr<pool_entry> pool_for(const loaded_configuration& in, std::string_view database,
                                         std::string_view user);
    /// The pool in which auth_query runs as `user`: its own, so that logins never wait for
    /// clients, and no limit that is shared counts it.
    std::shared_ptr<pool_entry> lookup_pool(const loaded_configuration& in,
                                            std::string_view database, std::string_view user);
    [[nodiscard]] std::vector<std::shared_ptr<pool_entry>> pools() const;
    /// By the names of their databases.
    using listener_list = std::vector<std::pair<std::string, const notification_listener*>>;
    [[nodiscard]] listener_list listeners() const;

    /// A connection as those of a pool.
    std::expected<std::unique_ptr<server>, report> connect(pool_entry& of);
    /// The same, but for one client alone, with these parameters beside.
    std::expected<std::unique_ptr<server>, report> connect_apart(pool_entry& of,
                                                                 const parameter_list& parameters,
                                                                 deadline until);

    /// Does what a CancelRequest asks for, if its secret is right. Waits until it is done.
    void cancel(const cancel_request& which);

    /// Clients that come now are refused. Those that are there go on.
    void refuse_clients() noexcept { refusing_ = true; }
    [[nodiscard]] bool refusing() const noexcept { return refusing_; }
    /// From now on clients that have no transaction open are sent home (SHUTDOWN).
    void begin_shutdown();
    [[nodiscard]] bool shutting_down() const noexcept { return shutting_down_; }

    static tenant_place place_of(const loaded_configuration& in, std::string_view database,
                                 std::string_view user, std::string_view application_name);

    // Shared by all; each is thread-safe by itself.
    intern_table statements;
    intern_table sets;
    const parameter_names followed;
    dns::resolver names;
    client_registry clients;
    /// Who begins with TLS has one of these, for a moment: of ten thousand that come at once the
    /// first are ready while the last have not begun, and not all of them at the end.
    counting_semaphore<> handshakes{most_handshakes};
    fiber_starter starter;
    departures leaving;
    switches off;  ///< pools obey when they are made; whoever changes it tells those that are there
    const salting_key salting = make_salting_key();
    /// Logins that PAM is asked about at a time: each has a kernel thread meanwhile.
    counting_semaphore<16> pam_turns{16};
    log& logger;
    std::atomic<std::uint64_t> connections{0};  ///< clients that are there, logged in or not
    std::atomic<std::uint64_t> logins{0};       ///< all told
    // Clients that were refused, all told: by SQLSTATEs of class 28, or by others.
    std::atomic<std::uint64_t> refused_proofs{0};
    std::atomic<std::uint64_t> refused_otherwise{0};
    const clock::time_point started = clock::now();
    /// Serves the console to a client that has asked for the database "pgbouncer".
    std::function<void(pooler&, transport&, input_buffer&, std::string_view user, bool may_change)>
        console;
    /// Passes a cancel request on whose client is nobody here; empty: to nobody. May wait.
    std::function<void(const cancel_request&)> cancel_elsewhere;

private:
    struct pool_key {
        std::string database;
        std::string user;
        pool_purpose purpose;

        auto operator<=>(const pool_key&) const = default;
    };

    std::shared_ptr<pool_entry> find_or_make(const loaded_configuration& in, pool_key key);
    std::vector<std::shared_ptr<pool_entry>> drop_unused_lookups();
    std::expected<std::unique_ptr<server>, report> connect_to(pool_entry& of,
                                                              const server_target& target,
                                                              const loaded_configuration& in);
    bool configure(pool_entry& of, const loaded_configuration& in) const;
    std::vector<std::shared_ptr<pool_entry>> replace_config(configuration_ptr config);
    void set_budgets(pool_entry& of, const configuration& in);
    std::shared_ptr<connection_budget> budget(std::string key, int limit);
    notification_listener* listener_of(const std::string& database);

    mutable mutex mutex_;
    configuration_ptr config_;
    std::map<pool_key, std::shared_ptr<pool_entry>> pools_;
    std::vector<std::shared_ptr<pool_entry>> retired_;  // not in the configuration any more
    // Behind the pools, which they connect by.
    std::map<std::string, std::unique_ptr<notification_listener>, std::less<>> listeners_;
    std::vector<std::unique_ptr<notification_listener>> retired_listeners_;
    std::map<std::string, std::shared_ptr<connection_budget>> budgets_;
    std::atomic<bool> refusing_{false};
    std::atomic<bool> shutting_down_{false};
};

/// When a client's server may serve others.
pool_mode mode_for(const configuration& in, std::string_view database, std::string_view user);

/// For how long things may take. 0: for ever.
struct client_patience {
    microseconds query{0};
    microseconds query_wait{0};
    microseconds idle_transaction{0};
    microseconds transaction{0};
    microseconds idle{0};
};

/// That of a client, from the settings for its user and database.
client_patience patience_for(const configuration& in, std::string_view database,
                             std::string_view user);

/// The limits of a pool, from the settings for its database and user.
pool_limits limits_for(const configuration& in, std::string_view database, std::string_view user);

}  // namespace weft::pool
