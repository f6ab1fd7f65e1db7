// SPDX-License-Identifier: Apache-2.0
//
// What SHOW shows: each table's columns and where its rows come from. Rows are made at once, while
// clients and servers go on: a table is of one moment only within each of its pools.
//
// Source of names, order and types of PgBouncer's columns: PgBouncer's doc/usage.md and the
// descriptions of its rows (src/admin.c, src/stats.c), version 1.25. Tables of weft-pool's own:
// FAIRNESS, HISTOGRAMS, HOLDERS, PINS, PINS_TOTALS, WAITS.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weft/socket.h>
#include <weft/time.h>

#include "admin/result.h"
#include "admin/statistics.h"
#include "session/pooler.h"

namespace weft::pool {

/// Somebody who is at the console.
struct console_guest {
    std::string user;
    clock::time_point connected;
    endpoint remote;
    endpoint local;
    std::string tls;  ///< its version; empty: none
};

/// What tables are made of.
struct console_view {
    const pooler& of;
    const statistics& numbers;
    std::vector<console_guest> guests;
};

struct show_table {
    std::string_view name;  ///< in lower case
    std::span<const column> columns;
    std::vector<table_row> (*rows)(const console_view& of);
};

/// By its name in lower case; null: there is none.
[[nodiscard]] const show_table* find_table(std::string_view name);

// Parts of all tables there are; each lies in a file of its own.
[[nodiscard]] std::span<const show_table> configuration_tables();
[[nodiscard]] std::span<const show_table> pool_tables();
[[nodiscard]] std::span<const show_table> socket_tables();
[[nodiscard]] std::span<const show_table> fairness_tables();
[[nodiscard]] std::span<const show_table> pin_tables();
[[nodiscard]] std::span<const show_table> listener_tables();

/// What weft-pool is, in the words of SHOW VERSION. Tools look for a version of PgBouncer.
inline constexpr std::string_view console_version = "1.25.0/weft-pool";
/// The database that is the console.
inline constexpr std::string_view console_name = "pgbouncer";

/// What SHOW CLIENTS and KILL_CLIENT call a client: int4 is what PgBouncer's tables have room for.
[[nodiscard]] constexpr std::uint64_t shown_id(std::uint64_t id) noexcept {
    return id & 0x7fffffff;
}

/// A cell with a number.
template <class Number>
[[nodiscard]] cell number(Number value) {
    return std::to_string(value);
}

/// Pools whose database is in the configuration, which may have changed since they were made.
struct known_pools {
    explicit known_pools(const pooler& of);

    configuration_ptr config;
    std::vector<std::shared_ptr<pool_entry>> pools;
};

}  // namespace weft::pool
