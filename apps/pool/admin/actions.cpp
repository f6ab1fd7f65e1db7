// SPDX-License-Identifier: Apache-2.0
#include "admin/actions.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <utility>

#include <fmt/format.h>
#include <weft/fiber.h>

#include "admin/tables.h"
#include "session/client.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

/// How often a command that waits looks again.
constexpr auto look_period = 10ms;

/// What drivers ask and set before they do anything else. The console has these, whatever is set.
struct fixed_parameter {
    std::array<column, 1> name;
    std::string_view value;
};
constexpr std::array fixed_parameters = {
    fixed_parameter{{column{"client_encoding", type::text}}, "UTF-8"},
    fixed_parameter{{column{"default_transaction_isolation", type::text}}, "read committed"},
    fixed_parameter{{column{"standard_conforming_strings", type::text}}, "on"},
    fixed_parameter{{column{"datestyle", type::text}}, "ISO"},
    fixed_parameter{{column{"timezone", type::text}}, "GMT"},
    fixed_parameter{{column{"extra_float_digits", type::text}}, "1"},
    fixed_parameter{{column{"application_name", type::text}}, ""},
};

const fixed_parameter* find_fixed(std::string_view name) {
    const auto found = std::ranges::find_if(
        fixed_parameters, [&](const fixed_parameter& each) { return each.name[0].name == name; });
    return found != fixed_parameters.end() ? &*found : nullptr;
}

constexpr std::string_view usage =
    "\n\tSHOW HELP|CONFIG|DATABASES|POOLS|CLIENTS|SERVERS|USERS|VERSION\n"
    "\tSHOW PEERS|PEER_POOLS\n"
    "\tSHOW SOCKETS|ACTIVE_SOCKETS|LISTS|MEM|STATE\n"
    "\tSHOW DNS_HOSTS|DNS_ZONES\n"
    "\tSHOW STATS|STATS_TOTALS|STATS_AVERAGES|TOTALS\n"
    "\tSHOW FAIRNESS|WAITS|HOLDERS|HISTOGRAMS|PINS|PINS_TOTALS|LISTENERS\n"
    "\tSET key = arg\n"
    "\tRELOAD\n"
    "\tPAUSE [<db>]\n"
    "\tRESUME [<db>]\n"
    "\tDISABLE <db>\n"
    "\tENABLE <db>\n"
    "\tRECONNECT [<db>]\n"
    "\tKILL [<db>]\n"
    "\tKILL_CLIENT <client_id>\n"
    "\tSUSPEND\n"
    "\tSHUTDOWN\n"
    "\tSHUTDOWN WAIT_FOR_SERVERS|WAIT_FOR_CLIENTS\n"
    "\tWAIT_CLOSE [<db>]";

std::unexpected<report> console_error(std::string message, std::string detail = {},
                                      std::string_view sqlstate = "08P01") {
    return std::unexpected(report{.severity = "ERROR",
                                  .sqlstate = std::string(sqlstate),
                                  .message = std::move(message),
                                  .detail = std::move(detail)});
}

class console_action {
public:
    console_action(const command_context& in, const command& what, std::string_view sql)
        : in_(in), pooler_(in.with.of()), what_(what), sql_(sql) {}

    command_answer run() {
        switch (what_.what) {
            case verb::nothing:
                return command_result();
            case verb::transaction:
                return done();
            case verb::show:
                return show();
            case verb::unknown:
                return unknown();
            case verb::set:
                if (find_fixed(what_.argument) != nullptr) {
                    return noticed(
                        {.severity = "NOTICE", .sqlstate = "00000", .message = "SET ignored"});
                }
                break;
            default:
                break;
        }
        return in_.may_change ? change() : console_error("admin access needed");
    }

private:
    command_answer change() {
        switch (what_.what) {
            case verb::set:
                return set();
            case verb::pause:
                return pause();
            case verb::resume:
                return resume();
            case verb::disable:
            case verb::enable:
                return enable();
            case verb::reconnect:
                return reconnect();
            case verb::kill:
                return kill();
            case verb::kill_client:
                return kill_client();
            case verb::suspend:
                return suspend();
            case verb::reload:
                return reload();
            case verb::wait_close:
                return wait_close();
            case verb::shutdown:
                return shut_down();
            default:
                return unknown();
        }
    }

    [[nodiscard]] command_answer done() const { return command_result{.tag = what_.tag}; }
    [[nodiscard]] command_answer noticed(report what) const {
        return command_result{.notice = std::move(what), .tag = what_.tag};
    }
    [[nodiscard]] command_answer unknown() const {
        return console_error(fmt::format("invalid command '{}', use SHOW HELP;", sql_));
    }

    void note() const {
        pooler_.logger.write(log_level::info, what_.argument.empty()
                                                  ? fmt::format("{} command issued", what_.tag)
                                                  : fmt::format("{} '{}' command issued", what_.tag,
                                                                what_.argument));
    }

    // Which pools are meant.

    [[nodiscard]] bool all() const noexcept { return what_.argument.empty(); }

    /// `verb_words`: what cannot be done to the console itself.
    [[nodiscard]] std::expected<void, report> check_database(std::string_view verb_words) const {
        if (all()) {
            return {};
        }
        if (what_.argument == console_name) {
            return console_error(fmt::format("cannot {} admin db: {}", verb_words, what_.argument));
        }
        if (find_database(pooler_.config()->config, what_.argument) == nullptr) {
            return console_error(fmt::format("no such database: {}", what_.argument));
        }
        return {};
    }

    template <class Use>
    void for_each_pool(Use use) const {
        for (const auto& each : pooler_.pools()) {
            if (all() || each->database_name == what_.argument) {
                use(*each);
            }
        }
    }

    template <class Measure>
    [[nodiscard]] std::uint64_t sum(Measure measure) const {
        std::uint64_t out = 0;
        for_each_pool([&](const pool_entry& each) { out += measure(each.pool->status()); });
        return out;
    }

    /// False: the client has gone, or it is no use any more.
    template <class Done, class StillMeant>
    [[nodiscard]] bool wait_until(Done is_done, StillMeant still_meant) const {
        while (!is_done()) {
            if (!still_meant() || !in_.wanted() || !this_fiber::sleep_for(look_period)) {
                return false;
            }
        }
        return true;
    }

    // What can be asked.

    command_answer show() {
        if (const fixed_parameter* const fixed = find_fixed(what_.argument)) {
            return command_result{
                .columns = fixed->name, .rows = {{std::string(fixed->value)}}, .tag = "SHOW"};
        }
        if (what_.argument == "help") {
            return noticed({.severity = "NOTICE",
                            .sqlstate = "00000",
                            .message = "Console usage",
                            .detail = std::string(usage)});
        }
        if (what_.argument == "fds") {
            return in_.may_change
                       ? console_error(
                             "SHOW FDS is not supported",
                             "It hands over sockets to another process by PgBouncer's rules.",
                             "0A000")
                       : console_error("admin access needed");
        }
        const show_table* const table = find_table(what_.argument);
        if (table == nullptr) {
            return unknown();
        }
        return command_result{
            .columns = table->columns, .rows = table->rows(in_.with.view()), .tag = "SHOW"};
    }

    // What can be changed.

    command_answer set() {
        if (const auto set = in_.with.service().set(what_.argument, what_.value); !set) {
            return console_error("SET failed", set.error());
        }
        return command_result{.tag = fmt::format("SET {}={}", what_.argument, what_.value)};
    }

    command_answer reload() {
        note();
        if (const auto read = in_.with.service().reload(); !read) {
            return console_error("RELOAD failed, see logs for additional details", {}, "F0000");
        }
        return done();
    }

    command_answer pause() {
        if (pooler_.off.state() != switches::mode::active) {
            return console_error("already suspended/paused");
        }
        if (const auto known = check_database("pause"); !known) {
            return std::unexpected(known.error());
        }
        note();
        if (all()) {
            if (!pooler_.off.stop_all(switches::mode::paused)) {
                return console_error("already suspended/paused");
            }
        } else {
            pooler_.off.pause(what_.argument);
        }
        for_each_pool([](const pool_entry& each) { each.pause(); });
        const bool closed = wait_until(
            [&] {
                bool all_are = true;
                for_each_pool([&](const pool_entry& each) {
                    all_are = each.has_closed_all(pool_entry::paused()) && all_are;
                });
                return all_are;
            },
            [&] { return pooler_.off.state_of(what_.argument) == switches::mode::paused; });
        return closed ? done()
                      : console_error("the pause has ended before all servers were closed");
    }

    command_answer resume() {
        if (pooler_.refusing()) {
            return console_error("pooler is shutting down");
        }
        note();
        if (all()) {
            if (!pooler_.off.resume_all()) {
                return console_error("pooler is not paused/suspended");
            }
        } else if (const auto known = check_database("resume"); !known) {
            return std::unexpected(known.error());
        } else if (!pooler_.off.resume(what_.argument)) {
            return console_error(fmt::format("database {} is not paused", what_.argument));
        }
        for_each_pool([&](const pool_entry& each) {
            if (pooler_.off.state_of(each.database_name) == switches::mode::active) {
                each.pool->resume();
            }
        });
        return done();
    }

    /// Servers that have their transactions keep them until these are over.
    command_answer suspend() {
        if (pooler_.off.any_paused()) {
            return console_error("cannot suspend with paused databases");
        }
        if (!pooler_.off.stop_all(switches::mode::suspended)) {
            return console_error("already suspended/paused");
        }
        note();
        for_each_pool([](const pool_entry& each) { each.pool->suspend(); });
        const deadline until = pooler_.config()->config.general.suspend_timeout;
        (void)wait_until(
            [&] {
                return until.expired() || sum([](const pool_status& s) { return s.holding; }) == 0;
            },
            [&] { return pooler_.off.state() == switches::mode::suspended; });
        return done();
    }

    command_answer enable() {
        if (all()) {
            return console_error("a database is required");
        }
        const bool may_come = what_.what == verb::enable;
        if (const auto known = check_database(may_come ? "enable" : "disable"); !known) {
            return std::unexpected(known.error());
        }
        note();
        pooler_.off.enable(what_.argument, may_come);
        return done();
    }

    command_answer reconnect() {
        if (const auto known = check_database("reconnect"); !known) {
            return std::unexpected(known.error());
        }
        note();
        for_each_pool([](const pool_entry& each) { each.reconnect(); });
        return done();
    }

    command_answer wait_close() {
        if (const auto known = check_database("wait in"); !known) {
            return std::unexpected(known.error());
        }
        note();
        const bool closed =
            wait_until([&] { return sum([](const pool_status& s) { return s.stale; }) == 0; },
                       [] { return true; });
        return closed ? done() : console_error("not all servers were closed");
    }

    command_answer kill() {
        if (pooler_.off.state() != switches::mode::active) {
            return console_error("already suspended/paused");
        }
        if (const auto known = check_database("kill"); !known) {
            return std::unexpected(known.error());
        }
        note();
        for_each_pool([&](const pool_entry& each) {
            pooler_.off.pause(each.database_name);
            each.pause();
        });
        if (!all()) {
            pooler_.off.pause(what_.argument);  // also if it has no pool yet
        }
        pooler_.clients.visit([&](client& each) {
            if (all() || each.pool->database_name == what_.argument) {
                drop(each);
            }
        });
        return done();
    }

    command_answer kill_client() {
        const std::string& text = what_.argument;
        std::uint64_t id = 0;
        if (std::from_chars(text.data(), text.data() + text.size(), id).ptr !=
                text.data() + text.size() ||
            text.empty()) {
            return console_error("invalid client pointer supplied");
        }
        bool found = false;
        pooler_.clients.visit([&](client& each) {
            if (shown_id(each.id) == id) {
                found = true;
                drop(each);
            }
        });
        return found ? done() : console_error("client not found");
    }

    /// Who waits is told. The query of who has a server is cancelled there by its own fiber, which
    /// sees that the client has gone.
    static void drop(client& who) {
        server_pool& pool = *who.pool->pool;
        const auto ticket = pool.begin_cancel(
            who.place,
            {.severity = "FATAL", .sqlstate = "08P01", .message = "admin forced disconnect"});
        if (ticket) {
            pool.finish_cancel(*ticket);
            who.io.close();
        } else if (pool.rests(who.place)) {
            ::shutdown(who.io.raw().native_handle(), SHUT_RD);
        }
    }

    command_answer shut_down() {
        const std::string how = lower_case(what_.argument);
        auto mode = shutdown_mode::now;
        if (how == "wait_for_clients") {
            mode = shutdown_mode::wait_for_clients;
        } else if (how == "wait_for_servers") {
            mode = shutdown_mode::wait_for_servers;
        } else if (!how.empty()) {
            return unknown();
        }
        pooler_.logger.write(log_level::info, fmt::format("SHUTDOWN{}{} command issued",
                                                          how.empty() ? "" : " ", what_.argument));
        in_.with.service().shut_down(mode);
        if (mode == shutdown_mode::now) {
            // The end of the connection is the answer: then the process has ended.
            (void)wait_until([] { return false; }, [] { return true; });
        }
        return done();
    }

    const command_context& in_;
    pooler& pooler_;
    const command& what_;
    const std::string_view sql_;
};

}  // namespace

command_answer execute(const command_context& in, const command& what, std::string_view sql) {
    return console_action(in, what, sql).run();
}

std::span<const column> columns_of(const command& what) {
    if (what.what != verb::show) {
        return {};
    }
    if (const fixed_parameter* const fixed = find_fixed(what.argument)) {
        return fixed->name;
    }
    const show_table* const table = find_table(what.argument);
    return table != nullptr ? table->columns : std::span<const column>();
}

}  // namespace weft::pool
