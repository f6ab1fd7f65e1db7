// SPDX-License-Identifier: Apache-2.0
#include "session/session.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <expected>
#include <new>
#include <optional>
#include <string>
#include <utility>

#include <weft/errno.h>
#include <weft/fiber.h>

#include "backend/limit.h"
#include "backend/server_query.h"
#include "session/client_log.h"
#include "session/exchange.h"
#include "session/listening.h"
#include "sql/shown.h"
#include "sql/transaction_statement.h"
#include "wire/build.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// Who has waited for a server no longer than this is not asked whether it is still there: that
/// costs a system call, and it may go at the next moment as well.
constexpr auto trusted_for = 1ms;

/// For a query of the pooler's own.
constexpr auto longest_own_query = 10s;

/// A client that takes no notification for so long is taken for dead.
constexpr auto longest_tell = 60s;

enum class outcome : std::uint8_t {
    go_on,
    park,   ///< nothing to do: no fiber is needed
    ended,  ///< the client is to be closed
};

class session {
public:
    session(pooler& with, client& whose)
        : pooler_(with),
          config_(with.config()),
          client_(whose),
          patience_(patience_for(config_->config, whose.pool->database_name, whose.user())),
          wishes_(with, whose),
          about_({.statements = with.statements,
                  .sets = with.sets,
                  .followed = with.followed,
                  .most_statements = statements_to_follow(config_->config.general, whose.mode),
                  .follows_session = whose.mode != pool_mode::session,
                  .longest_message = config_->config.general.max_packet_size,
                  .refuses_queries = config_->config.general.disable_pqexec}),
          exchange_(with, whose, about_) {
        client_.in.set_usual_size(client_buffer_size);
        about_.client_names = &client_.statements;
        about_.client_parameters = &client_.parameters;
        about_.client_journal = &client_.settings;
        about_.wishes = &wishes_;
        about_.on_pin = [this](std::string_view cause, std::string_view sql, std::size_t number) {
            note_pin(cause, shown_statement(sql, number));
        };
        beside_.notify_after = general().query_wait_notify;
        beside_.notify = [this] { tell_of_wait(); };
        beside_.slow_after = general().slow_wait;
    }

    /// Until the client has ended or idles.
    outcome run() {
        for (;;) {
            outcome next = await_request();
            if (next == outcome::go_on) {
                next = needs_server() ? serve_request() : answer_without_server();
            }
            if (next != outcome::go_on) {
                return next;
            }
        }
    }

    /// Why it has ended, in PgBouncer's words.
    [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

private:
    [[nodiscard]] const settings& general() const { return config_->config.general; }

    static std::size_t statements_to_follow(const settings& in, pool_mode mode) {
        return mode == pool_mode::session
                   ? 0
                   : static_cast<std::size_t>(std::max(in.max_prepared_statements, 0));
    }

    /// Until there is a whole message, or as much of one as a buffer holds.
    outcome await_request() {
        while (!has_request()) {
            if (pooler_.shutting_down() && client_.in.unread().empty()) {
                return say("57P01", "server shutting down");
            }
            const bool idles = client_.in.unread().empty();
            const bool remembers = to_sync_ || skipping_ != 0 || !begun_.empty();
            const bool leaves = !remembers && !client_.io.encrypted() && pooler_.leaving.are_open();
            const deadline patience =
                idles ? deadline(now_ + (leaves ? std::chrono::seconds(0) : stays_active))
                      : within(general().client_login_timeout);
            if (idles && client_.hears != nullptr) {
                if (const auto ended = attend(patience)) {
                    return *ended;
                }
            }
            const auto got = fill(idles, patience);
            if (!got && got.error() == std::errc::timed_out) {
                if (idles && remembers) {
                    now_ = clock::now();
                    continue;  // what it waits for is remembered here only
                }
                return idles ? outcome::park : outcome::ended;
            }
            if (!got || *got == 0) {
                return outcome::ended;
            }
            add(client_.pool->counts.from_clients, *got);
        }
        now_ = clock::now();
        client_.active = now_;
        return outcome::go_on;
    }

    /// Until the client says something, or `patience` ends: tells it what is notified, but not in
    /// a transaction. Nothing: it goes on.
    std::optional<outcome> attend(deadline patience) {
        for (;;) {
            while (begun_.empty()) {
                const auto told = take_notifications(pooler_, client_);
                if (!told) {
                    return say(told.error());
                }
                if (told->empty()) {
                    break;
                }
                if (!client_.io.write(*told, longest_tell)) {
                    return outcome::ended;
                }
            }
            auto rings = on_receive(client_.hears->bell, [](auto) {});
            const auto found =
                wait_for_either(client_.io, client_.io, {.read_first = true}, patience, &rings);
            if (!found || found->read_first) {
                return std::nullopt;  // to be seen by whoever reads
            }
        }
    }

    /// Who idles under TLS keeps its fiber, and no buffer beside.
    result<std::size_t> fill(bool idles, deadline patience) {
        if (idles && client_.io.encrypted()) {
            client_.in.release();
            if (const auto came = client_.io.wait_for_tls(patience); !came) {
                return std::unexpected(came.error());
            }
        }
        return client_.in.fill(client_.io, patience);
    }

    [[nodiscard]] bool has_request() const {
        const std::string_view there = client_.in.unread();
        if (skipping_ != 0) {
            return !there.empty();
        }
        if (there.size() < head_size) {
            return false;
        }
        const auto head = read_head(there);
        return !head || there.size() >= std::min<std::size_t>(head->size, client_buffer_size);
    }

    /// Of a whole message: what a Query does to transactions, as far as it needs no server. A BEGIN
    /// needs none before something follows it, nor does what ends it at once.
    [[nodiscard]] transaction_statement without_server(const message_head& head) const {
        const std::string_view there = client_.in.unread();
        if (head.type != request::query || client_.mode != pool_mode::transaction ||
            there.size() < head.size || general().disable_pqexec) {
            return transaction_statement::none;
        }
        const auto kind =
            transaction_statement_of(there.substr(head_size, head.size - head_size - 1));
        return begun_.empty() == (kind == transaction_statement::begin)
                   ? kind
                   : transaction_statement::none;
    }

    /// None is needed for a Sync when there is nothing to be synchronised, and for the rest of a
    /// COPY that has failed, or of a request that was declined.
    [[nodiscard]] bool needs_server() const {
        if (skipping_ != 0) {
            return false;
        }
        const auto head = read_head(client_.in.unread());
        if (!head || head->type == request::terminate) {
            return true;
        }
        return !to_sync_ && std::string_view("SHdcf").find(head->type) == std::string_view::npos &&
               without_server(*head) == transaction_statement::none;
    }

    outcome answer_without_server() {
        if (skipping_ == 0) {
            const message_head head = *read_head(client_.in.unread());
            skipping_ = head.size;
            if (head.type == request::sync) {
                to_sync_ = false;
                put_ready(own_words_, begun_.empty() ? transaction::idle : transaction::open);
            } else if (!to_sync_ && head.type == request::query) {
                answer_transaction_statement(head);
            }
        }
        const std::size_t part = std::min(skipping_, client_.in.unread().size());
        client_.in.consume(part);
        skipping_ -= part;
        return send_own_words() ? outcome::go_on : outcome::ended;
    }

    void answer_transaction_statement(const message_head& head) {
        const auto kind = without_server(head);
        const bool begins = kind == transaction_statement::begin;
        add(client_.pool->counts.queries, 1);
        add(client_.pool->counts.transactions, begins ? 0 : 1);
        begun_ = begins ? client_.in.unread().substr(head_size, head.size - head_size - 1)
                        : std::string_view();
        put_command_complete(own_words_, begins                                  ? "BEGIN"
                                         : kind == transaction_statement::commit ? "COMMIT"
                                                                                 : "ROLLBACK");
        put_ready(own_words_, begins ? transaction::open : transaction::idle);
    }

    bool send_own_words() {
        return own_words_.empty() ||
               client_.io.write(std::exchange(own_words_, {}), longest_own_query).has_value();
    }

    outcome serve_request() {
        const char type = client_.in.unread().front();
        if (type == request::terminate) {
            reason_ = "client close request";
            return outcome::ended;
        }
        if (type == request::query && general().disable_pqexec) {
            return say("08P01", "PQexec disallowed");
        }
        if (!is_request(type)) {
            return say("08P01", "invalid frontend message type " +
                                    std::to_string(static_cast<unsigned char>(type)));
        }
        const auto got = take_server();
        if (!got && got.error().severity.empty()) {
            return outcome::ended;  // it has gone
        }
        if (!got) {
            // In a transaction that no server knows of what follows must fail, too: it ends here.
            return got.error().severity == "ERROR" && begun_.empty() ? decline(got.error())
                                                                     : say(fatal(got.error()));
        }
        const bool keeps = client_.mode == pool_mode::session;
        const exchange_end end = exchange_.run(**got, keeps, client_.mode == pool_mode::statement,
                                               limits(), std::exchange(begun_, {}), now_);
        if (client_.statements != nullptr || client_.prepared != 0) {
            client_.prepared = client_.statements == nullptr
                                   ? 0
                                   : static_cast<std::uint32_t>(client_.statements->size());
        }
        return finish(**got, end);
    }

    static report fatal(report why) {
        why.severity = "FATAL";
        return why;
    }

    /// The request fails, as PostgreSQL's do, and the session goes on.
    outcome decline(const report& why) {
        const auto head = read_head(client_.in.unread());
        put_error(own_words_, why);
        if (head->type == request::query || head->type == request::function_call) {
            put_ready(own_words_, begun_.empty() ? transaction::idle : transaction::failed);
        } else {
            to_sync_ = true;
        }
        skipping_ = head->size;
        return send_own_words() ? outcome::go_on : outcome::ended;
    }

    /// One that answers: who has idled for long is asked first. An error without a severity: the
    /// client has gone.
    std::expected<server*, report> take_server() {
        for (;;) {
            const clock::time_point asked = now_;
            const deadline until = patience_.query_wait.count() != 0
                                       ? deadline(asked + patience_.query_wait)
                                       : deadline();
            auto got = client_.pool->pool->acquire(client_.place, asked, until, &beside_);
            now_ = client_.place.since;
            if (beside_.slow.count() != 0) {
                log_slow_wait(std::exchange(beside_.slow, {}));
            }
            if (got && (deaf_ || (now_ - asked > trusted_for && client_has_gone()))) {
                client_.pool->pool->release(client_.place, true);
                return std::unexpected(report());
            }
            if (!got || is_well(**got)) {
                return got;
            }
            client_.pool->pool->release(client_.place, false);
        }
    }

    void tell_of_wait() {
        std::string out;
        put_notice(out, {.severity = "NOTICE",
                         .sqlstate = "00000",
                         .message = "No server connection available in postgres backend, client "
                                    "being queued"});
        if (!client_.io.write(out, longest_notice)) {
            deaf_ = true;
        }
    }

    void log_slow_wait(std::chrono::nanoseconds waited) {
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(waited).count();
        const std::string holders = beside_.holders.empty() ? "nobody" : beside_.holders;
        const std::string& tenant = client_.place.account->name;
        log_of_client(pooler_.logger, log_level::warning, client_, "slow_wait",
                      "slow wait: " + std::to_string(ms) + " ms for a server of " +
                          client_.pool->database_name + "/" + client_.pool->user_name +
                          ", tenant " + tenant + ": " + std::string(beside_.reason) +
                          "; servers were held by: " + holders,
                      {{"waited_ms", std::int64_t{ms}},
                       {"server_user", client_.pool->user_name},
                       {"tenant", tenant},
                       {"reason", std::string(beside_.reason)},
                       {"held_by", holders}});
    }

    /// While it waited.
    [[nodiscard]] bool client_has_gone() const {
        char next = 0;
        const ssize_t got =
            ::recv(client_.io.raw().native_handle(), &next, 1, MSG_PEEK | MSG_DONTWAIT);
        return got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    }

    bool is_well(server& one) {
        const auto idle = now_ - one.idle_since;
        // Not of one that went from hand to hand: it has just answered.
        if (idle.count() > 0 && has_something(one.io)) {
            return false;  // idle servers say nothing but goodbye
        }
        const std::string& query = general().server_check_query;
        if (query.empty() || idle < general().server_check_delay) {
            return true;
        }
        return ask_server(one, query == "<empty>" ? std::string_view() : std::string_view(query));
    }

    bool ask_server(server& one, std::string_view sql) {
        const auto done = ask(one, sql, pooler_.followed, pooler_.sets, longest_own_query);
        return done && done->status == transaction::idle;
    }

    [[nodiscard]] exchange_limits limits() const {
        return {.query = patience_.query,
                .idle_transaction = patience_.idle_transaction,
                .transaction = patience_.transaction,
                .idle_client = patience_.idle,
                .idle_transaction_when_wanted = general().preempt_idle_transaction};
    }

    void note_pin(std::string_view cause, std::string statement) {
        pin_.put(client_.pool->pins, {.client_id = client_.id,
                                      .tenant = client_.place.account->name,
                                      .client_user = std::string(client_.user()),
                                      .application_name = std::string(client_.application_name()),
                                      .cause = std::string(cause),
                                      .statement = std::move(statement),
                                      .since = clock::now()});
    }

    /// The server goes back if it can be used by others, and what went wrong is told.
    outcome finish(server& one, exchange_end end) {
        const bool orderly =
            end == exchange_end::over || end == exchange_end::terminated ||
            end == exchange_end::client_gone || end == exchange_end::idle_transaction_timeout ||
            end == exchange_end::idle_transaction_preempted || end == exchange_end::idle_timeout ||
            end == exchange_end::notifications_lost;
        if (!orderly && end != exchange_end::server_gone) {
            stop_query();
        }
        const bool reusable = orderly && clean(one, end);
        about_.note_statement({});
        client_.pool->pool->release(client_.place, reusable);
        now_ = client_.place.since;
        exchange_.count(now_);
        switch (end) {
            case exchange_end::over:
                return outcome::go_on;
            case exchange_end::terminated:
                reason_ = "client close request";
                return outcome::ended;
            case exchange_end::client_gone:
                return outcome::ended;
            case exchange_end::client_error:
                return say("08P01", exchange_.failure());
            case exchange_end::server_gone:
                return say("08006", "server conn crashed?");
            case exchange_end::server_error:
                return say("08P01", exchange_.failure());
            case exchange_end::parameters_failed:
                return say("08P01", "cannot set a parameter: " + exchange_.failure());
            case exchange_end::transaction_refused:
                return say("08P01", "transaction blocks not allowed in statement pooling mode");
            case exchange_end::query_timeout:
                return say("08P01", "query_timeout");
            case exchange_end::idle_transaction_timeout:
                return say("08P01", "idle transaction timeout");
            case exchange_end::idle_transaction_preempted:
                return say("25P03", "idle transaction ended: others wait for its server");
            case exchange_end::transaction_timeout:
                return say("08P01", "transaction timeout");
            case exchange_end::notifications_lost:
                return say(exchange_.loss());
            case exchange_end::idle_timeout:
                break;
        }
        return say("08P01", "client_idle_timeout");
    }

    /// Whether the server is as if nobody had used it, or can be made so.
    bool clean(server& one, exchange_end end) {
        const bool busy = about_.busy() || exchange_.within_request() || !one.in.unread().empty();
        if (busy || about_.doubtful) {
            if (end == exchange_end::client_gone || end == exchange_end::notifications_lost) {
                stop_query();
            }
            return false;
        }
        if (about_.status != transaction::idle && !ask_server(one, "ROLLBACK")) {
            return false;
        }
        // What pins may be a LISTEN that was not read as one.
        const bool pinned = !std::exchange(about_.pinned_by, {}).empty();
        if ((about_.listens || pinned) && !ask_server(one, "UNLISTEN *")) {
            return false;
        }
        const bool resets =
            pinned || client_.mode == pool_mode::session || general().server_reset_query_always;
        if (!resets || general().server_reset_query.empty()) {
            return true;
        }
        if (!ask_server(one, general().server_reset_query)) {
            return false;
        }
        one.statements.clear();
        one.settings.reset();
        return true;
    }

    /// Nobody waits for its end any more.
    void stop_query() {
        if (const auto ticket = client_.pool->pool->begin_cancel(client_.place, {})) {
            try {
                pooler_.starter.start({}, [pool = client_.pool, ticket = *ticket] {
                    pool->pool->carry_out(ticket, longest_own_query);
                });
            } catch (const std::bad_alloc&) {
                client_.pool->pool->finish_cancel(*ticket);
            }
        }
    }

    outcome say(std::string_view sqlstate, std::string message) {
        return say(report{
            .severity = "FATAL", .sqlstate = std::string(sqlstate), .message = std::move(message)});
    }

    /// The last words; not in the middle of an answer.
    outcome say(const report& why) {
        if (!exchange_.within_answer()) {
            std::string out;
            put_error(out, why);
            (void)client_.io.write(out, longest_own_query);
        }
        if (general().log_pooler_errors) {
            log_of_client(pooler_.logger, log_level::warning, client_, "pooler_error",
                          "pooler error: " + why.message, {{"sqlstate", why.sqlstate}});
        }
        reason_ = why.message;
        return outcome::ended;
    }

    pooler& pooler_;
    const configuration_ptr config_;
    client& client_;
    const client_patience patience_;
    client_wishes wishes_;
    conversation about_;
    exchange exchange_;
    pin_board::place pin_;                  // for as long as the session lives, as its pin does
    std::size_t skipping_ = 0;              // bytes of a message that is not for anybody
    bool to_sync_ = false;                  // messages are passed over: a request was declined
    clock::time_point now_ = clock::now();  // not long ago
    std::string begun_;                     // a transaction that no server knows of yet: its BEGIN
    std::string own_words_;
    wait_watch beside_;
    bool deaf_ = false;  // it does not read what it is told: part of that may be under way
    std::string reason_ = "client unexpected eof";
};

}  // namespace

session_end run_session(pooler& with, client& whose) {
    session of(with, whose);
    const bool ended = of.run() == outcome::ended;
    return {.ended = ended, .reason = ended ? of.reason() : std::string()};
}

}  // namespace weft::pool
