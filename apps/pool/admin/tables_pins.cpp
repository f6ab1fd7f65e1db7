// SPDX-License-Identifier: Apache-2.0
//
// Tables that PgBouncer does not have: which clients keep their server in transaction mode, what
// made them, and how many did.
#include <array>
#include <chrono>

#include "admin/tables.h"

namespace weft::pool {

namespace {

constexpr std::array pin_columns = {
    column{"database", type::text},  column{"user", type::text},
    column{"tenant", type::text},    column{"client_user", type::text},
    column{"client_id", type::int4}, column{"application_name", type::text},
    column{"cause", type::text},     column{"statement", type::text},
    column{"pinned_us", type::int8},
};
constexpr std::array pin_total_columns = {
    column{"database", type::text}, column{"user", type::text},    column{"tenant", type::text},
    column{"cause", type::text},    column{"current", type::int8}, column{"total", type::int8},
};

std::vector<table_row> pin_rows(const console_view& of) {
    std::vector<table_row> rows;
    const auto now = clock::now();
    for (const auto& pool : of.of.pools()) {
        pool->pins.visit([&](const pin& each) {
            const auto since = std::chrono::duration_cast<microseconds>(now - each.since).count();
            rows.push_back({pool->database_name, pool->user_name, each.tenant, each.client_user,
                            number(shown_id(each.client_id)), each.application_name, each.cause,
                            each.statement, number(since)});
        });
    }
    return rows;
}

std::vector<table_row> pin_total_rows(const console_view& of) {
    std::vector<table_row> rows;
    for (const auto& pool : of.of.pools()) {
        pool->pins.visit_counters([&](const std::string& tenant, const std::string& cause,
                                      const pin_board::counter& each) {
            rows.push_back({pool->database_name, pool->user_name, tenant, cause, number(each.now),
                            number(each.total)});
        });
    }
    return rows;
}

constexpr std::array pin_list = {
    show_table{"pins", pin_columns, pin_rows},
    show_table{"pins_totals", pin_total_columns, pin_total_rows},
};

}  // namespace

std::span<const show_table> pin_tables() {
    return pin_list;
}

}  // namespace weft::pool
