// SPDX-License-Identifier: Apache-2.0
//
// Tables of pools, and of what went through them.
#include <array>
#include <chrono>

#include <fmt/format.h>

#include "admin/tables.h"
#include "config/setting_values.h"

namespace weft::pool {

namespace {

constexpr std::array pool_columns = {
    column{"database", type::text},
    column{"user", type::text},
    column{"cl_active", type::int4},
    column{"cl_waiting", type::int4},
    column{"cl_active_cancel_req", type::int4},
    column{"cl_waiting_cancel_req", type::int4},
    column{"sv_active", type::int4},
    column{"sv_active_cancel", type::int4},
    column{"sv_being_canceled", type::int4},
    column{"sv_idle", type::int4},
    column{"sv_used", type::int4},
    column{"sv_tested", type::int4},
    column{"sv_login", type::int4},
    column{"maxwait", type::int4},
    column{"maxwait_us", type::int4},
    column{"pool_mode", type::text},
    column{"load_balance_hosts", type::text},
};

constexpr std::array stats_columns = {
    column{"database", type::text},
    column{"total_server_assignment_count", type::numeric},
    column{"total_xact_count", type::numeric},
    column{"total_query_count", type::numeric},
    column{"total_received", type::numeric},
    column{"total_sent", type::numeric},
    column{"total_xact_time", type::numeric},
    column{"total_query_time", type::numeric},
    column{"total_wait_time", type::numeric},
    column{"total_client_parse_count", type::numeric},
    column{"total_server_parse_count", type::numeric},
    column{"total_bind_count", type::numeric},
    column{"total_client_login_count", type::numeric},
    column{"avg_server_assignment_count", type::numeric},
    column{"avg_xact_count", type::numeric},
    column{"avg_query_count", type::numeric},
    column{"avg_recv", type::numeric},
    column{"avg_sent", type::numeric},
    column{"avg_xact_time", type::numeric},
    column{"avg_query_time", type::numeric},
    column{"avg_wait_time", type::numeric},
    column{"avg_client_parse_count", type::numeric},
    column{"avg_server_parse_count", type::numeric},
    column{"avg_bind_count", type::numeric},
    column{"avg_client_login_count", type::numeric},
};
constexpr std::array stats_totals_columns = {
    column{"database", type::text},
    column{"server_assignment_count", type::numeric},
    column{"xact_count", type::numeric},
    column{"query_count", type::numeric},
    column{"bytes_received", type::numeric},
    column{"bytes_sent", type::numeric},
    column{"xact_time", type::numeric},
    column{"query_time", type::numeric},
    column{"wait_time", type::numeric},
    column{"client_parse_count", type::numeric},
    column{"server_parse_count", type::numeric},
    column{"bind_count", type::numeric},
    column{"client_login_count", type::numeric},
};
constexpr std::array stats_averages_columns = {
    column{"database", type::text},
    column{"server_assignment_count", type::numeric},
    column{"xact_count", type::numeric},
    column{"query_count", type::numeric},
    column{"bytes_received", type::numeric},
    column{"bytes_sent", type::numeric},
    column{"xact_time", type::numeric},
    column{"query_time", type::numeric},
    column{"wait_time", type::numeric},
    column{"avg_client_parse_count", type::numeric},
    column{"avg_server_parse_count", type::numeric},
    column{"avg_bind_count", type::numeric},
    column{"avg_client_login_count", type::numeric},
};
constexpr std::array totals_columns = {column{"name", type::text}, column{"value", type::numeric}};
constexpr std::array<std::string_view, figures::count> totals_names = {"server_assignment_count",
                                                                       "xact_count",
                                                                       "query_count",
                                                                       "client_bytes",
                                                                       "server_bytes",
                                                                       "xact_time",
                                                                       "query_time",
                                                                       "wait_time",
                                                                       "ps_client_parse_count",
                                                                       "ps_server_parse_count",
                                                                       "ps_bind_count",
                                                                       "client_login_count"};

table_row pool_row(const configuration& config, const pool_entry& of) {
    const pool_status now = of.pool->status();
    const database& db = *find_database(config, of.database_name);
    const auto waited = std::chrono::duration_cast<microseconds>(now.longest_wait).count();
    return {of.database_name,
            of.user_name,
            number(now.clients - now.waiting),
            number(now.waiting),
            number(now.cancelling),
            "0",
            number(now.holding),
            number(now.cancelling),
            "0",
            number(now.idle),
            "0",
            "0",
            number(now.connecting),
            number(waited / 1'000'000),
            number(waited % 1'000'000),
            plain_text(mode_for(config, of.database_name, of.user_name), {}),
            db.hosts.size() > 1 ? cell(plain_text(db.load_balance_hosts, {})) : cell()};
}

std::vector<table_row> pool_rows(const console_view& of) {
    const known_pools known(of.of);
    std::vector<table_row> rows;
    for (const auto& each : known.pools) {
        rows.push_back(pool_row(known.config->config, *each));
    }
    table_row own(pool_columns.size(), "0");
    own[0] = own[1] = std::string(console_name);
    own[2] = number(of.guests.size());
    own[15] = plain_text(pool_mode::statement, {});
    own[16] = std::nullopt;
    rows.push_back(std::move(own));
    return rows;
}

void append(table_row& to, const figures& values) {
    for (const std::uint64_t each : values.values) {
        to.push_back(number(each));
    }
}

/// A row for each database, with its totals, its averages or both.
std::vector<table_row> figure_rows(const console_view& of, bool with_totals, bool with_averages) {
    const figures_by_database now = count_databases(of.of);
    const figures_by_database average = of.numbers.average(now, clock::now());
    std::vector<table_row> rows;
    for (const auto& [name, totals] : now) {
        table_row& line = rows.emplace_back(table_row{name});
        if (with_totals) {
            append(line, totals);
        }
        if (with_averages) {
            append(line, average.at(name));
        }
    }
    return rows;
}

std::vector<table_row> stats_rows(const console_view& of) {
    return figure_rows(of, true, true);
}

std::vector<table_row> stats_totals_rows(const console_view& of) {
    return figure_rows(of, true, false);
}

std::vector<table_row> stats_averages_rows(const console_view& of) {
    return figure_rows(of, false, true);
}

std::vector<table_row> totals_rows(const console_view& of) {
    const figures now = sum(count_databases(of.of));
    const figures average = of.numbers.average_of_all(now, clock::now());
    std::vector<table_row> rows;
    const auto add = [&](std::string_view prefix, const figures& values) {
        for (std::size_t i = 0; i < figures::count; ++i) {
            rows.push_back(
                {fmt::format("{}_{}", prefix, totals_names[i]), number(values.values[i])});
        }
    };
    add("total", now);
    add("avg", average);
    return rows;
}

constexpr std::array pool_list = {
    show_table{"pools", pool_columns, pool_rows},
    show_table{"stats", stats_columns, stats_rows},
    show_table{"stats_averages", stats_averages_columns, stats_averages_rows},
    show_table{"stats_totals", stats_totals_columns, stats_totals_rows},
    show_table{"totals", totals_columns, totals_rows},
};

}  // namespace

std::span<const show_table> pool_tables() {
    return pool_list;
}

}  // namespace weft::pool
