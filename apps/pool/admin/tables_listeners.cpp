// SPDX-License-Identifier: Apache-2.0
//
// A table that PgBouncer does not have: the connections that listen (LISTEN) for clients whose
// servers change.
#include <array>
#include <chrono>
#include <cstdint>

#include "admin/tables.h"

namespace weft::pool {

namespace {

constexpr std::array listener_columns = {
    column{"database", type::text},   column{"state", type::text},
    column{"remote_pid", type::int4}, column{"clients", type::int8},
    column{"channels", type::int8},   column{"received", type::int8},
    column{"delivered", type::int8},  column{"connected_us", type::int8},
};

std::int64_t age_us(clock::time_point since) {
    return std::chrono::duration_cast<microseconds>(clock::now() - since).count();
}

std::vector<table_row> listener_rows(const console_view& of) {
    std::vector<table_row> rows;
    for (const auto& [database, listener] : of.of.listeners()) {
        const listener_status now = listener->status();
        rows.push_back({database, now.connected ? "connected" : "not needed",
                        now.connected ? cell(number(now.process)) : cell(), number(now.clients),
                        number(now.channels), number(now.received), number(now.delivered),
                        now.connected ? cell(number(age_us(now.connected_at))) : cell()});
    }
    return rows;
}

constexpr std::array listener_list = {
    show_table{"listeners", listener_columns, listener_rows},
};

}  // namespace

std::span<const show_table> listener_tables() {
    return listener_list;
}

}  // namespace weft::pool
