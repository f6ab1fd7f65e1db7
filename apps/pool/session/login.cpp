// SPDX-License-Identifier: Apache-2.0
#include "session/login.h"

#include <sys/socket.h>

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "backend/first_byte.h"
#include "backend/limit.h"
#include "backend/message_input.h"
#include "session/authenticate.h"
#include "session/client_log.h"
#include "session/replication.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/startup.h"

namespace weft::pool {

namespace {

constexpr std::string_view name_of_application = "application_name";

/// Of a handshake.
constexpr auto longest_turn = std::chrono::milliseconds(100);

/// PostgreSQL cuts off what is beyond.
constexpr std::size_t longest_name = 63;

/// Of those that begin with TLS, in the order of their coming.
class handshake_turn {
public:
    handshake_turn(counting_semaphore<>& of, deadline until)
        : of_(of), has_(of.acquire(until).has_value()) {}
    handshake_turn(const handshake_turn&) = delete;
    handshake_turn& operator=(const handshake_turn&) = delete;
    ~handshake_turn() { end(); }

    [[nodiscard]] bool has() const noexcept { return has_; }
    void end() noexcept {
        if (std::exchange(has_, false)) {
            of_.release();
        }
    }

private:
    counting_semaphore<>& of_;
    bool has_;
};

class client_login {
public:
    client_login(pooler& with, socket connected)
        : pooler_(with),
          config_(with.config()),
          until_(within(config_->config.general.client_login_timeout)),
          made_(std::make_unique<client>()) {
        made_->counted = counted_connection(with.connections);
        address_ = connected.peer_endpoint().value_or(endpoint());
        made_->io = transport(std::move(connected));
    }

    std::unique_ptr<client> run() {
        if (!begin_tls_at_once()) {
            return nullptr;
        }
        const auto wanted = read_request();
        if (!wanted || !find_place(*wanted) || !authenticate(*wanted)) {
            return nullptr;
        }
        if (database_ == console_database) {
            serve_console();
            return nullptr;
        }
        if (!enter_pool(*wanted)) {
            return nullptr;
        }
        if (replication_ != replication::none) {
            serve_replication(*wanted);
            return nullptr;
        }
        if (!greet(*wanted)) {
            return nullptr;
        }
        return std::move(made_);
    }

private:
    [[nodiscard]] const settings& general() const { return config_->config.general; }

    /// Tells the client, and that is all.
    bool refuse(report why) {
        if (why.severity.empty()) {
            why.severity = "FATAL";
        }
        ++(why.sqlstate.starts_with("28") ? pooler_.refused_proofs : pooler_.refused_otherwise);
        std::string out;
        put_error(out, why);
        (void)made_->io.write(out, until_);
        if (general().log_pooler_errors) {
            log_of_client(pooler_.logger, log_level::warning, *made_, database_, user_,
                          "pooler_error", "pooler error: " + why.message,
                          {{"sqlstate", why.sqlstate}});
        }
        return false;
    }
    bool refuse(std::string_view sqlstate, std::string message) {
        return refuse(fatal_report(sqlstate, std::move(message)));
    }

    bool fill_to(std::size_t size) {
        while (made_->in.unread().size() < size) {
            made_->in.reserve(size);
            const auto got = made_->in.fill(made_->io, until_);
            if (!got || *got == 0) {
                return false;
            }
        }
        return true;
    }

    /// A client of PostgreSQL 17 need not ask whether there is TLS. That it knows which protocol it
    /// is to speak inside it must say then (ALPN). False: the connection is over.
    bool begin_tls_at_once() {
        if (!config_->client_tls || address_.family() == AF_UNIX) {
            return true;
        }
        const auto first = peek_byte(made_->io.raw(), until_);
        if (!first || *first != tls_handshake_byte) {
            return first.has_value();
        }
        handshake_turn turn(pooler_.handshakes, until_);
        if (!turn.has() || !encrypt(turn)) {
            return false;
        }
        if (made_->io.tls().alpn().empty()) {
            pooler_.logger.write(log_level::warning,
                                 name_in_log(*made_, database_, user_) +
                                     " received direct SSL connection request without ALPN "
                                     "protocol negotiation extension");
            return false;
        }
        return true;
    }

    /// Answers what comes before the startup packet. Nothing: the connection is over.
    std::optional<session_request> read_request() {
        for (int questions = 0; questions < 3; ++questions) {
            if (!fill_to(4)) {
                return std::nullopt;
            }
            const std::uint32_t size = startup_size(made_->in.unread());
            if (size == 0) {
                refuse("08P01", "invalid length of startup packet");
                return std::nullopt;
            }
            if (!fill_to(size)) {
                return std::nullopt;
            }
            auto request = read_startup(made_->in.unread().substr(0, size));
            if (!request) {
                refuse("08P01", request.error());
                return std::nullopt;
            }
            made_->in.consume(size);
            if (auto* const session = std::get_if<session_request>(&*request)) {
                return std::move(*session);
            }
            if (const auto* const which = std::get_if<cancel_request>(&*request)) {
                pooler_.cancel(*which);
                return std::nullopt;
            }
            if (!answer_encryption(std::holds_alternative<ssl_request>(*request))) {
                return std::nullopt;
            }
        }
        refuse("08P01", "too many requests for encryption");
        return std::nullopt;
    }

    bool answer_encryption(bool by_ssl) {
        const bool can = by_ssl && config_->client_tls && !made_->io.encrypted();
        if (!can) {
            return made_->io.write("N", until_).has_value();
        }
        handshake_turn turn(pooler_.handshakes, until_);
        if (!turn.has() || !made_->io.write("S", until_)) {
            return false;
        }
        if (!made_->in.unread().empty()) {
            // What was sent in the clear must not count as if it had been encrypted
            // (CVE-2021-23214).
            return refuse("08P01", "received unencrypted data after SSL request");
        }
        return encrypt(turn);
    }

    /// The turn ends soon also if the client takes its time, which then goes on without.
    bool encrypt(handshake_turn& turn) {
        const auto begun =
            made_->io.start_tls(*config_->client_tls, {}, std::min(until_, deadline(longest_turn)));
        turn.end();
        return begun || (begun.error() == std::errc::timed_out &&
                         made_->io.go_on_with_tls(until_).has_value());
    }

    /// Whether the database is known, and there is room for one more client.
    bool find_place(const session_request& wanted) {
        if (general().client_tls_sslmode >= sslmode::require && !made_->io.encrypted() &&
            address_.family() != AF_UNIX) {
            return refuse("08P01", "SSL required");
        }
        std::string& name = database_;
        name = wanted.parameter("database");
        user_ = wanted.parameter("user");
        if (name.empty()) {
            name = user_;
        }
        if (name == console_database) {
            return true;
        }
        if (pooler_.refusing()) {
            return refuse("57P01", "the pooler is shutting down");
        }
        if (general().max_client_conn > 0 &&
            pooler_.connections > static_cast<std::uint64_t>(general().max_client_conn)) {
            return refuse("53300", "no more connections allowed (max_client_conn)");
        }
        if (find_database(config_->config, name) == nullptr) {
            return refuse("3D000", "no such database: " + name);
        }
        if (pooler_.off.is_disabled(name)) {
            return refuse("08P01", "database \"" + name + "\" is disabled");
        }
        return check_parameters(wanted);
    }

    /// What is set at the start must follow the client, or be ignored on purpose.
    bool check_parameters(const session_request& wanted) {
        for (const auto& [name, value] : wanted.parameters) {
            const auto& ignored = general().ignore_startup_parameters;
            if (name == "user" || name == "database" || pooler_.followed.index_of(name) ||
                std::ranges::find(ignored, name) != ignored.end()) {
                continue;
            }
            if (name == "replication") {
                const auto which = read_replication(value);
                if (!which) {
                    return refuse("22023",
                                  "invalid value for parameter \"replication\": \"" + value + '"');
                }
                replication_ = *which;
                continue;
            }
            return refuse("08P01", "unsupported startup parameter: " + name);
        }
        return true;
    }

    bool authenticate(const session_request& wanted) {
        negotiate(wanted);
        if (general().log_connections) {
            log_attempt();
        }
        const login_facts facts{.user = std::string(wanted.parameter("user")),
                                .database = database_,
                                .address = hba_address::from_native(address_.data()),
                                .local = address_.family() == AF_UNIX,
                                .physical_replication = replication_ == replication::physical};
        auto done = authenticate_client(pooler_, *config_, *made_, facts, greeting_, until_);
        if (!done) {
            return refuse(std::move(done.error()));
        }
        proof_ = *std::move(done);
        user_ = proof_.user;
        return true;
    }

    void log_attempt() {
        const transport& io = made_->io;
        const std::string tls = io.encrypted() ? std::string(io.tls().version()) : "no";
        log_of_client(pooler_.logger, log_level::info, *made_, database_, user_, "login_attempt",
                      "login attempt: db=" + database_ + " user=" + user_ + " tls=" + tls +
                          " replication=" + std::string(name_of(replication_)),
                      {{"tls", tls}});
    }

    void negotiate(const session_request& wanted) {
        if (version_for(wanted.version) != wanted.version || !wanted.protocol_options.empty()) {
            put_negotiation(greeting_, version_for(wanted.version), wanted.protocol_options);
        }
        made_->key_size = version_for(wanted.version) >= protocol_3_2
                              ? static_cast<std::uint8_t>(cancel_key_size)
                              : std::uint8_t{4};
    }

    void serve_console() {
        const std::string& user = user_;
        const auto is_in = [&](const std::vector<std::string>& list) {
            return std::ranges::find(list, user) != list.end();
        };
        const bool admin = is_in(general().admin_users) || general().auth_type == auth_type::any;
        if (!admin && !is_in(general().stats_users)) {
            refuse("08P01", "not allowed");
            return;
        }
        if (made_->io.write(greeting_, until_) && pooler_.console) {
            pooler_.console(pooler_, made_->io, made_->in, user, admin);
        }
    }

    bool enter_pool(const session_request& wanted) {
        const std::string& user = user_;
        made_->pool = pooler_.pool_for(*config_, database_, user);
        hand_on_proof();
        const auto place =
            pooler::place_of(*config_, database_, user, wanted.parameter(name_of_application));
        made_->pool->pool->enter(made_->place, place.name, place.rule);
        made_->names = names_of(wanted);
        made_->connected = clock::now();
        made_->active = made_->connected;
        made_->mode = mode_for(config_->config, database_, user);
        return true;
    }

    /// What one knows of the client now serves to log in as the same user at the server.
    void hand_on_proof() {
        pool_entry& pool = *made_->pool;
        if (pool.user_name != user_) {
            return;
        }
        if (proof_.keys) {
            pool.set_keys(*proof_.keys);
        }
        if (proof_.looked_up) {
            pool.set_secret(*proof_.looked_up);
        }
    }

    interned_ptr names_of(const session_request& wanted) {
        std::string both;
        put_text(both, user_);
        put_text(both, wanted.parameter(name_of_application));
        return pooler_.sets.intern(both);
    }

    /// What the client has set, or what is set for it; empty: nothing.
    std::string_view asked_value(const session_request& wanted, std::string_view name) const {
        return name == name_of_application && !application_.empty() ? std::string_view(application_)
                                                                    : wanted.parameter(name);
    }

    /// As PgBouncer writes it, and not longer than PostgreSQL keeps it.
    std::string application_with_host(const session_request& wanted) const {
        const std::string_view own = wanted.parameter(name_of_application);
        const std::string host =
            " - " + (address_.family() == AF_UNIX ? "unix" : address_.to_string());
        std::string out(own.empty() ? "app" : own);
        out.resize(std::min(out.size(), longest_name - std::min(host.size(), longest_name)));
        return out + host;
    }

    /// Whether there is room among the clients of the database, and of the user.
    bool admit() {
        const configuration& in = config_->config;
        const std::string& user = user_;
        const bool boss =
            std::ranges::find(general().admin_users, user) != general().admin_users.end();
        const database* const db = find_database(in, database_);
        const struct user* const who = find_user(in, user);
        const int of_database =
            db->max_db_client_connections.value_or(general().max_db_client_connections);
        const int of_user = who != nullptr && who->max_user_client_connections
                                ? *who->max_user_client_connections
                                : general().max_user_client_connections;
        const auto done = pooler_.clients.add(*made_, boss ? 0 : of_database, boss ? 0 : of_user);
        if (done == client_registry::admission::admitted) {
            return true;
        }
        return refuse("53300", done == client_registry::admission::database_full
                                   ? "client connections exceeded (max_db_client_connections)"
                                   : "client connections exceeded (max_user_client_connections)");
    }

    /// What a server would say; of parameters what the client has set itself.
    bool greet(const session_request& wanted) {
        if (general().application_name_add_host) {
            application_ = application_with_host(wanted);
        }
        const auto welcome = learn_welcome();
        if (!welcome) {
            return refuse(welcome.error());
        }
        std::vector<std::string_view> values(pooler_.followed.count());
        for (const auto& [name, value] : *welcome) {
            const auto index = pooler_.followed.index_of(name);
            const std::string_view own = index ? asked_value(wanted, name) : std::string_view();
            const std::string_view counts = own.empty() ? std::string_view(value) : own;
            if (index) {
                values[*index] = counts;
            }
            put_parameter_status(greeting_, name, counts);
        }
        const auto is_reported = [&](std::string_view name) {
            return std::ranges::any_of(*welcome, [&](const auto& each) {
                return pooler_.followed.index_of(each.first) == pooler_.followed.index_of(name);
            });
        };
        for (const auto& [name, value] : wanted.parameters) {
            const auto index = pooler_.followed.index_of(name);
            if (!index) {
                continue;
            }
            if (is_reported(name)) {
                values[*index] = value;
            } else {  // no server tells what it has, so it follows as what is set later does
                made_->settings =
                    with_setting(pooler_.sets, made_->settings, name, sql_to_set_one(name, value));
            }
        }
        if (const auto index = pooler_.followed.index_of(name_of_application);
            index && !application_.empty()) {
            values[*index] = application_;
        }
        made_->parameters = make_set(pooler_.sets, values);
        return admit() && welcome_in();
    }

    /// It is in all lists; if it cannot be told so it is out of them again.
    bool welcome_in() {
        put_backend_key(greeting_, made_->number, made_->cancel_key());
        if (!general().login_notify_message.empty()) {
            put_notice(greeting_, {.severity = "NOTICE",
                                   .sqlstate = "00000",
                                   .message = general().login_notify_message});
        }
        put_ready(greeting_, transaction::idle);
        if (!made_->io.write(greeting_, until_)) {
            return false;
        }
        ++pooler_.logins;
        ++made_->pool->counts.logins;
        return true;
    }

    /// Until one of the two has gone.
    void serve_replication(const session_request& wanted) {
        parameter_list asked{{"replication", std::string(name_of(replication_))}};
        for (const auto& [name, value] : wanted.parameters) {
            if (pooler_.followed.index_of(name)) {
                asked.emplace_back(name, value);
            }
        }
        const auto own = pooler_.connect_apart(*made_->pool, asked, until_);
        if (!own) {
            refuse(own.error());
            return;
        }
        for (const auto& [name, value] : (*own)->welcome) {
            put_parameter_status(greeting_, name, value);
        }
        made_->parameters =
            make_set(pooler_.sets, std::vector<std::string_view>(pooler_.followed.count()));
        if (admit() && welcome_in()) {
            relay(*made_, **own);
        }
    }

    std::expected<parameter_list, report> learn_welcome() {
        server_pool& pool = *made_->pool->pool;
        parameter_list known = pool.welcome();
        if (!known.empty()) {
            return known;
        }
        const auto got = pool.acquire(made_->place, until_);
        if (!got) {
            return std::unexpected(got.error());
        }
        known = (*got)->welcome;
        pool.release(made_->place, true);
        return known;
    }

    pooler& pooler_;
    const configuration_ptr config_;
    const deadline until_;
    std::unique_ptr<client> made_;
    endpoint address_;
    std::string database_;
    std::string user_;
    std::string application_;  // with the host behind it; empty: as the client says
    std::string greeting_;
    replication replication_ = replication::none;
    login_proof proof_;
};

}  // namespace

std::unique_ptr<client> log_client_in(pooler& with, socket connected) {
    return client_login(with, std::move(connected)).run();
}

}  // namespace weft::pool
