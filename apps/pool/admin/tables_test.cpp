// SPDX-License-Identifier: Apache-2.0
#include "admin/tables.h"

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <weft/dns.h>
#include <weft/runtime.h>

#include "metrics/log.h"

namespace weft::pool {
namespace {

using names = std::vector<std::string>;

names columns_of_table(std::string_view table) {
    names out;
    const show_table* const found = find_table(table);
    if (found != nullptr) {
        for (const column& each : found->columns) {
            out.emplace_back(each.name);
        }
    }
    return out;
}

/// A pooler that nobody uses, with two databases.
class console_tables : public ::testing::Test {
protected:
    /// Calls `use` with the rows of a table, on a fiber.
    template <class Use>
    void with_rows(const char* table, Use use) {
        weft::run([&] {
            auto loaded = std::make_shared<loaded_configuration>();
            loaded->config.databases["shop"].hosts = {"db1", "db2"};
            loaded->config.databases["shop"].pool_size = 7;
            loaded->config.databases["other"].user = "forced";
            loaded->config.users["ann"].pool_mode = pool_mode::transaction;
            auto resolver = dns::resolver::create();
            ASSERT_TRUE(resolver);
            log quiet({}, log_format::text, log_level::fatal);
            pooler of(loaded, *std::move(resolver), quiet);
            statistics numbers(clock::now());
            if (with_pool_) {
                (void)of.pool_for(*loaded, "shop", "ann");
            }
            of.off.pause("other");
            of.off.enable("shop", false);
            use(find_table(table)->rows({.of = of, .numbers = numbers, .guests = {}}));
        });
    }

    bool with_pool_ = true;
};

TEST_F(console_tables, have_the_columns_of_pgbouncer) {
    const std::map<std::string, names> expected = {
        {"pools",
         {"database", "user", "cl_active", "cl_waiting", "cl_active_cancel_req",
          "cl_waiting_cancel_req", "sv_active", "sv_active_cancel", "sv_being_canceled", "sv_idle",
          "sv_used", "sv_tested", "sv_login", "maxwait", "maxwait_us", "pool_mode",
          "load_balance_hosts"}},
        {"databases",
         {"name", "host", "port", "database", "force_user", "pool_size", "min_pool_size",
          "reserve_pool_size", "server_lifetime", "pool_mode", "load_balance_hosts",
          "max_connections", "current_connections", "max_client_connections",
          "current_client_connections", "paused", "disabled"}},
        {"users",
         {"name", "pool_size", "reserve_pool_size", "pool_mode", "max_user_connections",
          "current_connections", "max_user_client_connections", "current_client_connections"}},
        {"stats_totals",
         {"database", "server_assignment_count", "xact_count", "query_count", "bytes_received",
          "bytes_sent", "xact_time", "query_time", "wait_time", "client_parse_count",
          "server_parse_count", "bind_count", "client_login_count"}},
        {"config", {"key", "value", "default", "changeable"}},
        {"lists", {"list", "items"}},
        {"mem", {"name", "size", "used", "free", "memtotal"}},
        {"totals", {"name", "value"}},
        {"state", {"key", "value"}},
        {"version", {"version"}},
        {"dns_hosts", {"hostname", "ttl", "addrs"}},
        {"dns_zones", {"zonename", "serial", "count"}},
        {"peers", {"peer_id", "host", "port", "pool_size"}},
        {"peer_pools",
         {"peer_id", "cl_active_cancel_req", "cl_waiting_cancel_req", "sv_active_cancel",
          "sv_login"}},
    };
    for (const auto& [table, columns] : expected) {
        EXPECT_EQ(columns_of_table(table), columns) << table;
    }
}

TEST_F(console_tables, of_connections_have_the_columns_of_pgbouncer) {
    const names usual = {"type",
                         "user",
                         "database",
                         "replication",
                         "state",
                         "addr",
                         "port",
                         "local_addr",
                         "local_port",
                         "connect_time",
                         "request_time",
                         "wait",
                         "wait_us",
                         "close_needed",
                         "ptr",
                         "link",
                         "remote_pid",
                         "tls",
                         "application_name",
                         "prepared_statements",
                         "id"};
    EXPECT_EQ(columns_of_table("clients"), usual);
    EXPECT_EQ(columns_of_table("servers"), usual);
    names longer = usual;
    for (const char* const each : {"recv_pos", "pkt_pos", "pkt_remain", "send_pos", "send_remain",
                                   "pkt_avail", "send_avail"}) {
        longer.emplace_back(each);
    }
    EXPECT_EQ(columns_of_table("sockets"), longer);
    EXPECT_EQ(columns_of_table("active_sockets"), longer);
}

TEST_F(console_tables, of_statistics_say_total_and_average) {
    const names stats = columns_of_table("stats");
    ASSERT_EQ(stats.size(), 25U);
    EXPECT_EQ(stats[1], "total_server_assignment_count");
    EXPECT_EQ(stats[4], "total_received");
    EXPECT_EQ(stats[13], "avg_server_assignment_count");
    EXPECT_EQ(stats[16], "avg_recv");
    EXPECT_EQ(stats[24], "avg_client_login_count");
    EXPECT_EQ(columns_of_table("stats_averages").back(), "avg_client_login_count");
    for (const column& each : find_table("stats")->columns.subspan(1)) {
        EXPECT_EQ(each.type, type::numeric) << each.name;
    }
}

TEST_F(console_tables, each_row_has_a_cell_for_each_column) {
    for (const auto part : {configuration_tables(), pool_tables(), socket_tables(),
                            fairness_tables(), pin_tables(), listener_tables()}) {
        for (const show_table& each : part) {
            with_rows(std::string(each.name).c_str(), [&](const std::vector<table_row>& rows) {
                for (const table_row& line : rows) {
                    EXPECT_EQ(line.size(), each.columns.size()) << each.name;
                    for (std::size_t i = 0; i < line.size() && i < each.columns.size(); ++i) {
                        // Asserts that a number is one.
                        (void)to_binary(each.columns[i].type, line[i].value_or("0"));
                    }
                }
            });
        }
    }
}

TEST_F(console_tables, databases_are_those_of_the_configuration_and_the_console) {
    with_rows("databases", [](const std::vector<table_row>& rows) {
        ASSERT_EQ(rows.size(), 3U);
        EXPECT_EQ(rows[0][0], "other");
        EXPECT_EQ(rows[0][1], std::nullopt);
        EXPECT_EQ(rows[0][4], "forced");
        EXPECT_EQ(rows[0][15], "1");  // paused
        EXPECT_EQ(rows[1][0], "shop");
        EXPECT_EQ(rows[1][1], "db1,db2");
        EXPECT_EQ(rows[1][3], "shop");
        EXPECT_EQ(rows[1][5], "7");
        EXPECT_EQ(rows[1][9], std::nullopt);
        EXPECT_EQ(rows[1][10], "round-robin");
        EXPECT_EQ(rows[1][16], "1");  // disabled
        EXPECT_EQ(rows[2][0], "pgbouncer");
        EXPECT_EQ(rows[2][9], "statement");
    });
}

TEST_F(console_tables, pools_are_those_that_were_used_and_the_console) {
    with_rows("pools", [](const std::vector<table_row>& rows) {
        ASSERT_EQ(rows.size(), 2U);
        EXPECT_EQ(rows[0][0], "shop");
        EXPECT_EQ(rows[0][1], "ann");
        EXPECT_EQ(rows[0][15], "transaction");
        EXPECT_EQ(rows[1][0], "pgbouncer");
    });
    with_pool_ = false;
    with_rows("pools", [](const std::vector<table_row>& rows) { EXPECT_EQ(rows.size(), 1U); });
}

TEST_F(console_tables, users_without_a_setting_have_an_empty_one) {
    with_rows("users", [](const std::vector<table_row>& rows) {
        ASSERT_EQ(rows.size(), 1U);
        EXPECT_EQ(rows[0][0], "ann");
        EXPECT_EQ(rows[0][1], "");
        EXPECT_EQ(rows[0][3], "transaction");
    });
}

TEST_F(console_tables, totals_are_named_as_in_pgbouncer) {
    with_rows("totals", [](const std::vector<table_row>& rows) {
        ASSERT_EQ(rows.size(), 24U);
        EXPECT_EQ(rows[0][0], "total_server_assignment_count");
        EXPECT_EQ(rows[3][0], "total_client_bytes");
        EXPECT_EQ(rows[23][0], "avg_client_login_count");
    });
}

}  // namespace
}  // namespace weft::pool
