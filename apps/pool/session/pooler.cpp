// SPDX-License-Identifier: Apache-2.0
#include "session/pooler.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <mutex>
#include <utility>

#include "backend/limit.h"
#include "backend/server_query.h"
#include "backend/session_attrs.h"
#include "backend/tcp_settings.h"

namespace weft::pool {

namespace {

/// Connections of a pool in which auth_query runs: one that is slow does not stop all logins.
constexpr int lookup_servers = 2;

/// Beyond so many, those that have no server are forgotten.
constexpr std::ptrdiff_t most_lookup_pools = 64;

std::uint64_t ns_of(std::chrono::microseconds time) {
    return static_cast<std::uint64_t>(std::chrono::nanoseconds(time).count());
}

/// The first of some settings, from the special to the general one, that says something.
template <class T>
T first_of(std::initializer_list<std::optional<T>> special, T general) {
    for (const auto& each : special) {
        if (each) {
            return *each;
        }
    }
    return general;
}

parameter_list parameters_of(const database& db) {
    parameter_list out;
    const auto add = [&](const char* name, const std::string& value) {
        if (!value.empty()) {
            out.emplace_back(name, value);
        }
    };
    add("client_encoding", db.client_encoding);
    add("datestyle", db.datestyle);
    add("timezone", db.timezone);
    add("application_name", db.application_name);
    return out;
}

std::shared_ptr<const server_target> target_for(const loaded_configuration& in, const database& db,
                                                const pool_entry& of) {
    auto target = std::make_shared<server_target>();
    target->database = db.dbname.empty() ? of.database_name : db.dbname;
    const bool shared = of.purpose == pool_purpose::clients && !db.user.empty();
    target->user = shared ? db.user : of.user_name;
    const auto known = in.users.users.find(target->user);
    if (!db.password.empty() && (db.user.empty() || db.user == target->user)) {
        target->password = secret::parse(db.password);
    } else if (known != in.users.users.end()) {
        target->password = known->second;
    }
    target->tls = db.tls_sslmode.value_or(in.config.general.server_tls_sslmode);
    if (const auto found = in.server_tls.find(target->tls); found != in.server_tls.end()) {
        target->context = found->second;
    }
    target->tls_direct = db.tls_direct;
    target->protocol =
        db.max_protocol_version == protocol_version::v3_2 ? protocol_3_2 : protocol_3_0;
    target->parameters = parameters_of(db);
    return target;
}

bool is_without_servers(const pool_status& of) {
    return of.servers == 0 && of.connecting == 0;
}

/// The limits of a pool, from the settings for what it is for.
pool_limits limits_of(const pool_entry& of, const configuration& in) {
    pool_limits out = limits_for(in, of.database_name, of.user_name);
    if (of.purpose == pool_purpose::lookups) {
        out.size = lookup_servers;
        out.least = out.reserve = out.headroom = out.most_waiting = 0;
    }
    return out;
}

std::uint32_t weight_of(const tenant& rule) {
    const auto weight = static_cast<std::uint64_t>(std::max(rule.weight, 1));
    const int nice = std::clamp(rule.nice, least_nice, greatest_nice);
    return static_cast<std::uint32_t>(std::clamp<std::uint64_t>(
        weight * weight_of_nice(nice).value / nice_0_weight, least_weight, greatest_weight));
}

/// Of a database, of a user, and of all. 0: no limit.
std::array<std::pair<std::string, int>, 3> budgets_of(const pool_entry& of,
                                                      const configuration& in) {
    const struct database* const db = find_database(in, of.database_name);
    const struct user* const who = find_user(in, of.user_name);
    const int of_database = db->max_db_connections.value_or(in.general.max_db_connections);
    const int of_user = who != nullptr && who->max_user_connections
                            ? *who->max_user_connections
                            : in.general.max_user_connections;
    return {{{"database " + of.database_name, of_database},
             {"user " + of.user_name, of_user},
             {"all", in.general.max_server_connections}}};
}

}  // namespace

pool_mode mode_for(const configuration& in, std::string_view database, std::string_view user) {
    const struct user* const who = find_user(in, user);
    return first_of<pool_mode>(
        {who != nullptr ? who->pool_mode : std::nullopt, find_database(in, database)->pool_mode},
        in.general.pool_mode);
}

client_patience patience_for(const configuration& in, std::string_view database,
                             std::string_view user) {
    const settings& general = in.general;
    const struct database* const db = find_database(in, database);
    const struct user* const who = find_user(in, user);
    const auto of_user = [&](std::optional<microseconds> user::* member) {
        return who != nullptr ? who->*member : std::nullopt;
    };
    client_patience out;
    out.query = of_user(&user::query_timeout).value_or(general.query_timeout);
    out.query_wait = first_of<microseconds>(
        {of_user(&user::query_wait_timeout), db != nullptr ? db->query_wait_timeout : std::nullopt},
        general.query_wait_timeout);
    out.idle_transaction =
        of_user(&user::idle_transaction_timeout).value_or(general.idle_transaction_timeout);
    out.transaction = of_user(&user::transaction_timeout).value_or(general.transaction_timeout);
    out.idle = of_user(&user::client_idle_timeout).value_or(general.client_idle_timeout);
    return out;
}

pool_limits limits_for(const configuration& in, std::string_view database, std::string_view user) {
    const settings& general = in.general;
    const struct database* const db = find_database(in, database);
    const struct user* const who = find_user(in, user);
    const auto of_user = [&](std::optional<int> user::* member) {
        return who != nullptr ? who->*member : std::nullopt;
    };
    pool_limits out;
    out.size = first_of<int>({of_user(&user::pool_size), db->pool_size}, general.default_pool_size);
    out.least = first_of<int>({db->min_pool_size}, general.min_pool_size);
    out.reserve = first_of<int>({of_user(&user::reserve_pool_size), db->reserve_pool_size},
                                general.reserve_pool_size);
    out.reserve_after = general.reserve_pool_timeout;
    out.headroom = db->headroom.value_or(general.headroom);
    out.most_waiting = db->max_waiting_clients.value_or(general.max_waiting_clients);
    out.lifetime = db->server_lifetime.value_or(general.server_lifetime);
    out.idle_timeout = general.server_idle_timeout;
    out.longest_retry = general.server_login_retry;
    out.round_robin = general.server_round_robin;
    out.preempt_over_quota = general.preempt_over_quota;
    return out;
}

pooler::pooler(configuration_ptr config, dns::resolver resolver, log& log_to)
    : followed(config->config.general.track_extra_parameters),
      names(std::move(resolver)),
      logger(log_to),
      config_(std::move(config)) {}

configuration_ptr pooler::config() const {
    const std::lock_guard lock(mutex_);
    return config_;
}

/// Whether its servers are at another place now.
bool pooler::configure(pool_entry& of, const loaded_configuration& in) const {
    const database* const db = find_database(in.config, of.database_name);
    std::vector<server_host> hosts;
    for (std::size_t i = 0; i < db->hosts.size(); ++i) {
        hosts.push_back({db->hosts[i], port_of(*db, i)});
    }
    if (hosts.empty()) {
        hosts.push_back({in.config.general.unix_socket_dir, port_of(*db, 0)});
    }
    return of.set_target(target_for(in, *db, of), std::move(hosts), db->load_balance_hosts);
}

void pooler::set_config(configuration_ptr config) {
    // Closed when others can go on: servers are told goodbye.
    for (const auto& each : replace_config(std::move(config))) {
        each->close({.severity = "FATAL",
                     .sqlstate = "3D000",
                     .message = "database removed from the configuration"});
    }
    const configuration_ptr now = this->config();
    clients.visit([&](client& who) {
        const tenant_place place =
            place_of(*now, who.pool->database_name, who.user(), who.application_name());
        who.pool->pool->set_rule(place.name, place.rule);
    });
}

/// The pools that are not in it.
std::vector<std::shared_ptr<pool_entry>> pooler::replace_config(configuration_ptr config) {
    const std::lock_guard lock(mutex_);
    config_ = std::move(config);
    std::vector<std::shared_ptr<pool_entry>> removed;
    for (const auto& [key, entry] : pools_) {
        if (find_database(config_->config, entry->database_name) == nullptr) {
            removed.push_back(entry);
            continue;
        }
        if (configure(*entry, *config_) && entry->listener != nullptr) {
            entry->listener->end(fatal_report("57P01", "the database is at another place now"));
        }
        entry->pool->set_limits(limits_of(*entry, config_->config));
        if (entry->purpose == pool_purpose::lookups) {
            continue;  // no limit is shared with it
        }
        for (const auto& [name, limit] : budgets_of(*entry, config_->config)) {
            budgets_.at(name)->set_limit(limit);
        }
    }
    retired_.reserve(retired_.size() + removed.size());
    retired_listeners_.reserve(retired_listeners_.size() + removed.size());
    for (const auto& each : removed) {
        pools_.erase({each->database_name, each->user_name, each->purpose});
        retired_.push_back(each);
        if (auto listener = listeners_.extract(each->database_name)) {
            retired_listeners_.push_back(std::move(listener.mapped()));
        }
    }
    return removed;
}

std::shared_ptr<pool_entry> pooler::pool_for(const loaded_configuration& in,
                                             std::string_view database, std::string_view user) {
    const struct database* const db = find_database(in.config, database);
    return find_or_make(in, {.database = std::string(database),
                             .user = db->user.empty() ? std::string(user) : db->user,
                             .purpose = pool_purpose::clients});
}

std::shared_ptr<pool_entry> pooler::lookup_pool(const loaded_configuration& in,
                                                std::string_view database, std::string_view user) {
    std::vector<std::shared_ptr<pool_entry>> unused;  // ends without the mutex
    {
        const std::lock_guard lock(mutex_);
        unused = drop_unused_lookups();
    }
    return find_or_make(in, {.database = std::string(database),
                             .user = std::string(user),
                             .purpose = pool_purpose::lookups});
}

/// With an entry * whoever comes, known or not, may name any database: each would leave a pool.
std::vector<std::shared_ptr<pool_entry>> pooler::drop_unused_lookups() {
    std::vector<std::shared_ptr<pool_entry>> out;
    const auto lookups = std::ranges::count(pools_, pool_purpose::lookups,
                                            [](const auto& each) { return each.first.purpose; });
    if (lookups < most_lookup_pools) {
        return out;
    }
    std::erase_if(pools_, [&](const auto& each) {
        const auto& [key, entry] = each;
        // Who has it or is about to got it under the mutex.
        const bool goes = key.purpose == pool_purpose::lookups && entry.use_count() == 1 &&
                          is_without_servers(entry->pool->status());
        if (goes) {
            out.push_back(entry);
        }
        return goes;
    });
    return out;
}

std::shared_ptr<pool_entry> pooler::find_or_make(const loaded_configuration& in, pool_key key) {
    const std::lock_guard lock(mutex_);
    const auto found = pools_.find(key);
    if (found != pools_.end()) {
        return found->second;
    }
    auto fresh = std::make_shared<pool_entry>();
    fresh->database_name = key.database;
    fresh->user_name = key.user;
    fresh->purpose = key.purpose;
    configure(*fresh, in);
    pool_entry* const raw = fresh.get();
    fresh->pool = std::make_unique<server_pool>(limits_of(*fresh, in.config),
                                                [this, raw] { return connect(*raw); });
    if (fresh->purpose == pool_purpose::clients) {
        set_budgets(*fresh, in.config);
        fresh->listener = listener_of(fresh->database_name);
    }
    switch (off.state_of(fresh->database_name)) {
        case switches::mode::active:
            break;
        case switches::mode::paused:
            fresh->pool->pause();
            break;
        case switches::mode::suspended:
            fresh->pool->suspend();
            break;
    }
    return pools_.emplace(std::move(key), std::move(fresh)).first->second;
}

notification_listener* pooler::listener_of(const std::string& database) {
    auto place = listeners_.find(database);
    if (place == listeners_.end()) {
        auto fresh = std::make_unique<notification_listener>(
            starter, followed, [this, database](std::size_t ends) {
                logger.write(log_level::warning,
                             "the connection that listens for " + database +
                                 " was lost: clients end, with " + std::to_string(ends) +
                                 " LISTENs",
                             {{"event", "listener_lost"},
                              {"database", database},
                              {"listens", static_cast<std::int64_t>(ends)}});
            });
        place = listeners_.emplace(database, std::move(fresh)).first;
    }
    return place->second.get();
}

std::shared_ptr<connection_budget> pooler::budget(std::string key, int limit) {
    auto& place = budgets_[std::move(key)];
    if (place == nullptr) {
        place = std::make_shared<connection_budget>(limit);
    }
    place->set_limit(limit);
    return place;
}

void pooler::set_budgets(pool_entry& of, const configuration& in) {
    std::vector<std::shared_ptr<connection_budget>> all;
    for (auto& [name, limit] : budgets_of(of, in)) {
        all.push_back(budget(std::move(name), limit));  // 0, too: it may get a limit later
    }
    of.pool->set_budgets(std::move(all));
}

/// Each host has one try. With prefer-standby a primary serves if there is no standby.
std::expected<std::unique_ptr<server>, report> pooler::connect(pool_entry& of) {
    const configuration_ptr in = config();
    std::expected<std::unique_ptr<server>, report> made;
    std::unique_ptr<server> spare;
    for (std::size_t tries = of.hosts(); tries > 0; --tries) {
        const server_target target = of.next_target();
        made = connect_to(of, target, *in);
        if (!made) {
            of.note_failure(target);
            logger.write(log_level::warning,
                         "server login failed: " + of.database_name + "/" + of.user_name + ": " +
                             made.error().message,
                         {{"event", "server_login_failed"},
                          {"database", of.database_name},
                          {"server_user", of.user_name},
                          {"host", target.host},
                          {"sqlstate", made.error().sqlstate}});
            continue;
        }
        if ((*made)->preferred) {
            return made;
        }
        of.note_failure(target);
        spare = *std::move(made);
    }
    return spare != nullptr ? std::move(spare) : std::move(made);
}

/// One try with one host. Unless it is what target_session_attrs wants that is a failure, or, if it
/// is a preference only, noted.
std::expected<std::unique_ptr<server>, report> pooler::connect_to(pool_entry& of,
                                                                  const server_target& target,
                                                                  const loaded_configuration& in) {
    const settings& general = in.config.general;
    const deadline until = within(general.server_connect_timeout);
    auto made = log_in(target, {names, sets, followed}, until);
    const database* const db = find_database(in.config, of.database_name);
    if (!made || db == nullptr) {
        return made;
    }
    if ((*made)->address.family() != AF_UNIX) {
        apply_tcp_settings(general, (*made)->io.raw().native_handle());
    }
    if (db->target_session_attrs != target_session_attrs::any) {
        const auto fits = is_as_wanted(**made, db->target_session_attrs, followed, sets, until);
        if (!fits) {
            return std::unexpected(fits.error());
        }
        (*made)->preferred = *fits;
        if (!*fits && db->target_session_attrs != target_session_attrs::prefer_standby) {
            return std::unexpected(
                fatal_report("08001", target.host + " is not what target_session_attrs asks for"));
        }
    }
    if (!db->connect_query.empty()) {
        if (const auto done = ask(**made, db->connect_query, followed, sets, until); !done) {
            return std::unexpected(done.error());
        }
    }
    return made;
}

std::expected<std::unique_ptr<server>, report> pooler::connect_apart(
    pool_entry& of, const parameter_list& parameters, deadline until) {
    const configuration_ptr in = config();
    std::expected<std::unique_ptr<server>, report> made;
    for (std::size_t tries = of.hosts(); tries > 0; --tries) {
        server_target target = of.next_target();
        target.parameters.insert(target.parameters.end(), parameters.begin(), parameters.end());
        made = log_in(target, {names, sets, followed}, until);
        if (made) {
            if ((*made)->address.family() != AF_UNIX) {
                apply_tcp_settings(in->config.general, (*made)->io.raw().native_handle());
            }
            return made;
        }
        of.note_failure(target);
    }
    return made;
}

std::vector<std::shared_ptr<pool_entry>> pooler::pools() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::shared_ptr<pool_entry>> out;
    out.reserve(pools_.size());
    for (const auto& [key, entry] : pools_) {
        out.push_back(entry);
    }
    return out;
}

pooler::listener_list pooler::listeners() const {
    const std::lock_guard lock(mutex_);
    listener_list out;
    for (const auto& [database, listener] : listeners_) {
        out.emplace_back(database, listener.get());
    }
    return out;
}

void pooler::cancel(const cancel_request& which) {
    std::optional<cancel_ticket> ticket;
    std::shared_ptr<pool_entry> pool;
    bool known = false;
    clients.find(which.process, which.key, [&](client& who) {
        known = true;
        pool = who.pool;
        ticket = pool->pool->begin_cancel(who.place,
                                          {.severity = "ERROR",
                                           .sqlstate = "57014",
                                           .message = "canceling statement due to user request"});
    });
    if (!known && cancel_elsewhere) {
        cancel_elsewhere(which);
    }
    if (ticket) {
        pool->pool->carry_out(*ticket, within(config()->config.general.cancel_wait_timeout));
    }
}

void pooler::begin_shutdown() {
    refuse_clients();
    shutting_down_ = true;
}

tenant_place pooler::place_of(const loaded_configuration& in, std::string_view database,
                              std::string_view user, std::string_view application_name) {
    const tenant_key& by = in.config.general.tenant_by;
    tenant_place place;
    const auto add = [&](bool counts, std::string_view part) {
        if (counts) {
            place.name += place.name.empty() ? "" : "/";
            place.name += part;
        }
    };
    add(by.database, database);
    add(by.user, user);
    add(by.application_name, application_name);
    if (const tenant* const rule = rule_for(in.config, database, user, application_name)) {
        place.rule.weight = weight_of(*rule);
        place.rule.quota = {.quota_ns = ns_of(rule->quota),
                            .period_ns = ns_of(rule->period),
                            .burst_ns = ns_of(rule->burst)};
        place.rule.most_waiting = rule->max_waiting_clients;
    }
    return place;
}

}  // namespace weft::pool
