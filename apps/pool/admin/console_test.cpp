// SPDX-License-Identifier: Apache-2.0
#include "admin/console.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <weft/dns.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/socket.h>

#include "backend/message_input.h"
#include "metrics/log.h"
#include "wire/build.h"
#include "wire/bytes.h"
#include "wire/message.h"

namespace weft::pool {
namespace {

using namespace std::string_literals;
using namespace std::chrono_literals;

std::string message_of(char type, std::string_view body) {
    std::string out;
    message_builder(out, type).bytes(body);
    return out;
}

/// A client of a console whose service only notes what it was asked.
class console : public ::testing::Test {
protected:
    /// Sends `requests`, and returns what a console says to them up to `readies` ReadyForQuery
    /// behind its greeting, or its end: a letter for each message.
    std::string talk(const std::string& requests, int readies = 1, bool may_change = true) {
        std::string letters;
        weft::run([&] {
            auto loaded = std::make_shared<loaded_configuration>();
            loaded->config.databases["shop"];
            auto resolver = dns::resolver::create();
            ASSERT_TRUE(resolver);
            log quiet({}, log_format::text, log_level::fatal);
            pooler of(loaded, *std::move(resolver), quiet);
            administration with(of, actions());
            auto ends = connected_pair();
            ASSERT_TRUE(ends.first.is_open());
            fiber server([&, io = transport(std::move(ends.second))]() mutable {
                input_buffer in(1024);
                with.serve(io, in, "weft", may_change);
            });
            transport io(std::move(ends.first));
            letters = read_all(io, requests, readies);
            io.close();
            server.join();
        });
        return letters;
    }

    std::vector<std::string> rows_;    // bodies of DataRows
    std::vector<std::string> errors_;  // SQLSTATE and message
    std::vector<std::string> tags_;
    std::vector<std::string> asked_;  // of the service
    bool reload_works_ = true;

private:
    service_actions actions() {
        return {.reload = [this]() -> std::expected<void, std::string> {
                    asked_.emplace_back("reload");
                    if (!reload_works_) {
                        return std::unexpected("wrong"s);
                    }
                    return {};
                },
                .set = [this](std::string_view name,
                              std::string_view value) -> std::expected<void, std::string> {
                    asked_.push_back(std::string(name) + "=" + std::string(value));
                    return {};
                },
                .shut_down =
                    [this](shutdown_mode mode) {
                        asked_.push_back("shutdown " + std::to_string(static_cast<int>(mode)));
                    }};
    }

    static std::pair<socket, socket> connected_pair() {
        auto from = listener::bind(endpoint::loopback(0));
        auto to = connect(from->local_endpoint().value());
        auto accepted = from->accept();
        return {*std::move(to), *std::move(accepted)};
    }

    std::string read_all(transport& io, const std::string& requests, int readies) {
        std::string letters;
        EXPECT_TRUE(io.write(requests, 10s));
        input_buffer in(1024);
        std::size_t taken = 0;
        for (int left = readies + 1; left > 0;) {
            const auto got = read_message(io, in, taken, 10s);
            if (!got) {
                return letters + '!';
            }
            if (left <= readies) {
                letters += got->type;
                note(got->type, got->body);
            }
            left -= got->type == answer::ready_for_query ? 1 : 0;
        }
        return letters;
    }

    void note(char type, std::string_view body) {
        if (type == answer::data_row) {
            rows_.emplace_back(body);
        } else if (type == answer::command_complete) {
            tags_.emplace_back(byte_reader(body).text());
        } else if (type == answer::error) {
            const report what = read_report(body);
            errors_.push_back(what.sqlstate + " " + what.message);
        }
    }
};

std::string sql(std::string_view text) {
    std::string out;
    put_query(out, text);
    return out;
}

std::string parse(std::string_view name, std::string_view text) {
    return message_of(request::parse, std::string(name) + '\0' + std::string(text) + "\0\0\0"s);
}

std::string bind_to(std::string_view portal, std::string_view name, std::string_view rest) {
    return message_of(request::bind,
                      std::string(portal) + '\0' + std::string(name) + '\0' + std::string(rest));
}

const std::string in_text = "\0\0\0\0\0\0"s;
const std::string in_binary = "\0\0\0\0\0\1\0\1"s;

std::string describe(char kind, std::string_view name) {
    return message_of(request::describe, kind + std::string(name) + '\0');
}

std::string execute_portal(std::string_view portal, char rows = '\0') {
    return message_of(request::execute, std::string(portal) + "\0\0\0\0"s + rows);
}

const std::string sync_message = message_of(request::sync, "");

TEST_F(console, answers_a_simple_query) {
    EXPECT_EQ(talk(sql("SHOW VERSION;")), "TDCZ");
    ASSERT_EQ(rows_.size(), 1U);
    EXPECT_NE(rows_[0].find("PgBouncer 1.25"), std::string::npos);
    EXPECT_EQ(tags_, std::vector{"SHOW"s});
}

TEST_F(console, help_is_a_notice) {
    EXPECT_EQ(talk(sql("show help")), "NCZ");
}

TEST_F(console, goes_on_after_an_error) {
    EXPECT_EQ(talk(sql("show nothing") + sql("show state"), 2), "EZTDDDCZ");
    EXPECT_EQ(errors_, std::vector{"08P01 invalid command 'show nothing', use SHOW HELP;"s});
}

TEST_F(console, an_empty_query_has_an_empty_answer) {
    EXPECT_EQ(talk(sql("") + sql("-- ping"), 2), "IZIZ");
}

TEST_F(console, answers_the_extended_protocol) {
    EXPECT_EQ(talk(parse("", "show version") + describe('S', "") + bind_to("", "", in_text) +
                   describe('P', "") + execute_portal("") + sync_message),
              "1tT2TDCZ");
}

TEST_F(console, a_statement_is_prepared_once_and_used_often) {
    const std::string use = bind_to("", "s", in_text) + execute_portal("") + sync_message;
    EXPECT_EQ(talk(parse("s", "show version") + sync_message + use + use +
                       message_of(request::close, "Ss\0"s) + use,
                   4),
              "1Z2DCZ2DCZ3EZ");
    EXPECT_EQ(errors_, std::vector{"26000 prepared statement \"s\" does not exist"s});
}

TEST_F(console, gives_numbers_in_binary_to_who_asks) {
    EXPECT_EQ(talk(parse("", "show lists") + bind_to("", "", in_binary) + execute_portal("") +
                   sync_message)
                  .substr(0, 3),
              "12D");
    ASSERT_FALSE(rows_.empty());
    byte_reader row(rows_[0]);
    EXPECT_EQ(row.u16(), 2);
    EXPECT_EQ(row.bytes(row.u32()), "databases");
    EXPECT_EQ(row.u32(), 4U);
    EXPECT_EQ(row.u32(), 2U);  // shop, and the console
}

TEST_F(console, gives_rows_in_parts) {
    EXPECT_EQ(talk(parse("", "show state") + bind_to("p", "", in_text) + execute_portal("p", '\2') +
                   execute_portal("p", '\2') + sync_message),
              "12DDsDCZ");
}

TEST_F(console, an_extended_query_fails_up_to_its_sync) {
    EXPECT_EQ(talk(parse("", "drop table x") + bind_to("", "", in_text) + execute_portal("") +
                       parse("", "show version") + sync_message + sql("show version"),
                   2),
              "12EZTDCZ");
    EXPECT_EQ(talk(bind_to("", "", "\0\0\0\1\0\0\0\0\0\0"s) + sync_message), "EZ");  // a parameter
    EXPECT_EQ(talk(execute_portal("none") + sync_message), "EZ");
    EXPECT_EQ(talk(message_of(request::parse, "no end") + sync_message), "EZ");
}

TEST_F(console, portals_end_with_their_query) {
    EXPECT_EQ(talk(parse("", "show version") + bind_to("p", "", in_text) + sync_message +
                       execute_portal("p") + sync_message,
                   2),
              "12ZEZ");
}

TEST_F(console, what_is_no_request_ends_it) {
    EXPECT_EQ(talk(message_of('F', "x")), "E!");
    EXPECT_EQ(talk("Q\0\0\0\0"s), "E!");
    EXPECT_EQ(talk(message_of(request::query, "no end")), "E!");
    EXPECT_EQ(talk("Q\x7f\xff\xff\xff"s), "E!");
    EXPECT_EQ(talk(message_of(request::terminate, "")), "!");
}

TEST_F(console, who_has_too_many_statements_gets_no_more) {
    std::string all;
    for (int i = 0; i < 300; ++i) {
        all += parse(std::to_string(i), "show version") + sync_message;
    }
    const std::string said = talk(all, 300);
    EXPECT_EQ(std::ranges::count(said, 'E'), 300 - 256);
}

TEST_F(console, who_may_only_look_changes_nothing) {
    for (const char* const text :
         {"pause", "resume", "kill", "reload", "shutdown", "set query_timeout=1", "disable shop",
          "suspend", "kill_client 1", "reconnect", "wait_close", "show fds"}) {
        EXPECT_EQ(talk(sql(text), 1, false), "EZ") << text;
        EXPECT_EQ(errors_.back(), "08P01 admin access needed") << text;
    }
    EXPECT_EQ(asked_, std::vector<std::string>());
    EXPECT_EQ(talk(sql("show pools"), 1, false), "TDCZ");
}

TEST_F(console, sets_and_reloads) {
    EXPECT_EQ(
        talk(sql("set query_timeout = '5'") + sql("reload") + sql("SET client_encoding=x"), 3),
        "CZCZNCZ");
    EXPECT_EQ(asked_, (std::vector{"query_timeout=5"s, "reload"s}));
    EXPECT_EQ(tags_, (std::vector{"SET query_timeout=5"s, "RELOAD"s, "SET"s}));
    reload_works_ = false;
    EXPECT_EQ(talk(sql("reload")), "EZ");
    EXPECT_EQ(errors_.back(), "F0000 RELOAD failed, see logs for additional details");
}

TEST_F(console, pauses_once) {
    EXPECT_EQ(talk(sql("pause") + sql("pause") + sql("resume") + sql("resume"), 4), "CZEZCZEZ");
    EXPECT_EQ(errors_, (std::vector{"08P01 already suspended/paused"s,
                                    "08P01 pooler is not paused/suspended"s}));
    EXPECT_EQ(talk(sql("pause shop") + sql("suspend") + sql("resume shop") + sql("resume shop"), 4),
              "CZEZCZEZ");
    EXPECT_EQ(errors_[2], "08P01 cannot suspend with paused databases");
    EXPECT_EQ(errors_[3], "08P01 database shop is not paused");
}

TEST_F(console, knows_databases) {
    EXPECT_EQ(talk(sql("pause nowhere") + sql("kill pgbouncer") + sql("disable") +
                       sql("disable shop") + sql("enable shop") + sql("wait_close shop"),
                   6),
              "EZEZEZCZCZCZ");
    EXPECT_EQ(errors_, (std::vector{"08P01 no such database: nowhere"s,
                                    "08P01 cannot kill admin db: pgbouncer"s,
                                    "08P01 a database is required"s}));
}

TEST_F(console, kills_who_is_there) {
    EXPECT_EQ(talk(sql("kill_client 7") + sql("kill_client x"), 2), "EZEZ");
    EXPECT_EQ(errors_,
              (std::vector{"08P01 client not found"s, "08P01 invalid client pointer supplied"s}));
}

TEST_F(console, tells_the_service_to_stop) {
    EXPECT_EQ(talk(sql("shutdown wait_for_clients") + sql("shutdown WAIT_FOR_SERVERS") +
                       sql("shutdown soon"),
                   3),
              "CZCZEZ");
    EXPECT_EQ(asked_, (std::vector{"shutdown 2"s, "shutdown 1"s}));
}

}  // namespace
}  // namespace weft::pool
