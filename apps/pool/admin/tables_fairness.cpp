// SPDX-License-Identifier: Apache-2.0
//
// Tables that PgBouncer does not have: who gets how much of what is shared, who waits for whom, and
// how long that takes.
#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <unordered_map>

#include <fmt/format.h>

#include "admin/tables.h"
#include "session/client.h"
#include "sql/shown.h"

namespace weft::pool {

namespace {

constexpr std::array fairness_columns = {
    column{"database", type::text},
    column{"user", type::text},
    column{"tenant", type::text},
    column{"weight", type::int4},
    column{"clients", type::int4},
    column{"waiting", type::int4},
    column{"holding", type::int4},
    column{"transactions", type::int8},
    column{"server_time_us", type::int8},
    column{"recent_time_us", type::int8},       // since 30 to 60 seconds ago
    column{"recent_share", type::float8},       // of all in the pool, in percent
    column{"recent_fair_share", type::float8},  // by weight, among those that wanted something
    column{"wait_p50_us", type::int8},
    column{"wait_p99_us", type::int8},
};
constexpr std::array wait_columns = {
    column{"database", type::text},     column{"user", type::text},
    column{"tenant", type::text},       column{"client_user", type::text},
    column{"client_id", type::int4},    column{"application_name", type::text},
    column{"wait_us", type::int8},      column{"position", type::int4},
    column{"tenant_holds", type::int4}, column{"reason", type::text},
    column{"held_by", type::text},
};
constexpr std::array holder_columns = {
    column{"database", type::text},  column{"user", type::text},
    column{"tenant", type::text},    column{"client_user", type::text},
    column{"client_id", type::int4}, column{"application_name", type::text},
    column{"held_us", type::int8},   column{"server_pid", type::int4},
    column{"statement", type::text},
};
constexpr std::array histogram_columns = {
    column{"database", type::text}, column{"user", type::text},   column{"tenant", type::text},
    column{"what", type::text},     column{"count", type::int8},  column{"p50_us", type::int8},
    column{"p90_us", type::int8},   column{"p99_us", type::int8}, column{"max_us", type::int8},
};

std::string percent(std::uint64_t part, std::uint64_t whole) {
    return fmt::format(
        "{:.2f}",
        whole == 0 ? 0.0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

cell quantile(const latency_histogram& of, double part) {
    return number(of.quantile_ns(part) / 1000);
}

struct tenant_share {
    tenant_status status;
    std::uint64_t recent_ns = 0;

    [[nodiscard]] bool active() const noexcept {
        return recent_ns != 0 || status.waiting != 0 || status.holding != 0;
    }
};

void add_fairness(std::vector<table_row>& rows, const pool_entry& pool, const statistics& numbers) {
    std::vector<tenant_share> shares;
    std::uint64_t time = 0;
    std::uint64_t weight = 0;
    for (tenant_status& each : pool.pool->tenants()) {
        const std::uint64_t before =
            numbers.earlier_server_ns(pool.database_name, pool.user_name, each.name);
        const std::uint64_t recent = each.server_ns > before ? each.server_ns - before : 0;
        const tenant_share& made = shares.emplace_back(std::move(each), recent);
        time += recent;
        weight += made.active() ? made.status.weight : 0;
    }
    for (const auto& [of, recent_ns] : shares) {
        const bool active = recent_ns != 0 || of.waiting != 0 || of.holding != 0;
        rows.push_back({pool.database_name, pool.user_name, of.name, number(of.weight),
                        number(of.clients), number(of.waiting), number(of.holding),
                        number(of.transactions), number(of.server_ns / 1000),
                        number(recent_ns / 1000), percent(recent_ns, time),
                        percent(active ? of.weight : 0, weight), quantile(of.waits, 0.5),
                        quantile(of.waits, 0.99)});
    }
}

std::vector<table_row> fairness_rows(const console_view& of) {
    std::vector<table_row> rows;
    for (const auto& each : of.of.pools()) {
        add_fairness(rows, *each, of.numbers);
    }
    return rows;
}

/// What is known of a client that waits.
struct waiter {
    std::string tenant;
    const void* place = nullptr;
    clock::time_point since;
    std::uint32_t tenant_holds = 0;
};

struct client_name {
    std::uint64_t id = 0;
    std::string user;
    std::string application;
};

/// Of clients, by their places.
class client_names {
public:
    explicit client_names(const pooler& of) {
        of.clients.visit([&](const client& each) {
            names_[&each.place] = {each.id, std::string(each.user()),
                                   std::string(each.application_name())};
        });
    }
    /// Who came or went meanwhile has none.
    [[nodiscard]] client_name of(const void* place) const {
        const auto found = names_.find(place);
        return found != names_.end() ? found->second : client_name();
    }

private:
    std::unordered_map<const void*, client_name> names_;
};

void add_waits(std::vector<table_row>& rows, const pool_entry& pool, const client_names& names) {
    std::vector<waiter> waiters;
    pool.pool->visit_waiting([&](const claimant& each) {
        waiters.push_back({each.account->name, &each, each.since, each.account->holding});
    });
    if (waiters.empty()) {
        return;
    }
    const std::string holders = pool.pool->holders();
    const std::string reason(reason_to_wait(pool.pool->status()));
    const auto now = clock::now();
    std::size_t position = 0;
    for (const waiter& each : waiters) {
        const client_name who = names.of(each.place);
        rows.push_back({pool.database_name, pool.user_name, each.tenant, who.user,
                        number(shown_id(who.id)), who.application,
                        number(std::chrono::duration_cast<microseconds>(now - each.since).count()),
                        number(++position), number(each.tenant_holds), reason, holders});
    }
}

std::vector<table_row> wait_rows(const console_view& of) {
    const client_names names(of.of);
    std::vector<table_row> rows;
    for (const auto& each : of.of.pools()) {
        add_waits(rows, *each, names);
    }
    return rows;
}

/// A client that has a server.
struct holder {
    std::shared_ptr<pool_entry> pool;
    std::string tenant;
    const void* place = nullptr;
    clock::time_point since;
    std::uint32_t process = 0;
    latest_statement::beginning statement;
};

/// Who has had a server for longest comes first.
std::vector<table_row> holder_rows(const console_view& of) {
    const client_names names(of.of);
    std::vector<holder> all;
    for (const auto& pool : of.of.pools()) {
        pool->pool->visit_servers([&](const server& each, const claimant* by) {
            if (by != nullptr) {
                all.push_back({pool, by->account->name, by, by->since, each.cancel.process,
                               each.latest.get()});
            }
        });
    }
    std::ranges::sort(all, {}, &holder::since);
    const auto now = clock::now();
    std::vector<table_row> rows;
    for (const holder& each : all) {
        const client_name who = names.of(each.place);
        rows.push_back({each.pool->database_name, each.pool->user_name, each.tenant, who.user,
                        number(shown_id(who.id)), who.application,
                        number(std::chrono::duration_cast<microseconds>(now - each.since).count()),
                        number(each.process),
                        shown_beginning(each.statement.text, each.statement.cut)});
    }
    return rows;
}

std::vector<table_row> histogram_rows(const console_view& of) {
    std::vector<table_row> rows;
    for (const auto& pool : of.of.pools()) {
        for (const tenant_status& tenant : pool->pool->tenants()) {
            const auto add = [&](const char* what, const latency_histogram& values) {
                rows.push_back({pool->database_name, pool->user_name, tenant.name, what,
                                number(values.count()), quantile(values, 0.5),
                                quantile(values, 0.9), quantile(values, 0.99),
                                quantile(values, 1)});
            };
            add("wait", tenant.waits);
            add("server", tenant.holds);
            add("total", tenant.totals);
        }
    }
    return rows;
}

constexpr std::array fairness_list = {
    show_table{"fairness", fairness_columns, fairness_rows},
    show_table{"histograms", histogram_columns, histogram_rows},
    show_table{"holders", holder_columns, holder_rows},
    show_table{"waits", wait_columns, wait_rows},
};

}  // namespace

std::span<const show_table> fairness_tables() {
    return fairness_list;
}

}  // namespace weft::pool
