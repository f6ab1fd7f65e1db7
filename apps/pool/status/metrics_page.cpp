// SPDX-License-Identifier: Apache-2.0
#include "status/metrics_page.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "status/exposition.h"

namespace weft::pool {

namespace {

using enum exposition::kind;

double in_seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

/// All of a pool at one moment.
struct pool_sample {
    std::shared_ptr<pool_entry> of;
    pool_status now;
    figures counts;
    std::vector<tenant_status> tenants;

    [[nodiscard]] metric_labels labels() const {
        return {{"database", of->database_name}, {"user", of->user_name}};
    }
    [[nodiscard]] metric_labels labels(const tenant_status& tenant) const {
        metric_labels out = labels();
        out.emplace_back("tenant", tenant.name);
        return out;
    }
};

metric_labels with_state(metric_labels labels, const char* state) {
    labels.emplace_back("state", state);
    return labels;
}

/// The three kinds of clients: they have a server, wait for one, or neither.
void put_clients(exposition& to, const metric_labels& labels, std::uint32_t all,
                 std::uint32_t holding, std::uint32_t waiting) {
    const std::uint32_t busy = holding + waiting;
    to.value(with_state(labels, "active"), std::uint64_t{holding});
    to.value(with_state(labels, "waiting"), std::uint64_t{waiting});
    to.value(with_state(labels, "idle"), std::uint64_t{all > busy ? all - busy : 0});
}

void put_process(exposition& to, const pooler& of, std::string_view version) {
    const auto start = std::chrono::system_clock::now().time_since_epoch() -
                       std::chrono::nanoseconds(clock::now() - of.started);
    to.family("weft_pool_build_info", gauge, "Always 1; the label is the version.");
    to.value({{"version", std::string(version)}}, std::uint64_t{1});
    to.family("weft_pool_start_time_seconds", gauge, "When it was started, in Unix time.");
    to.value({}, in_seconds(start));
    to.family("weft_pool_connections", gauge, "Connections of clients, logged in or not.");
    to.value({}, of.connections.load());
    to.family("weft_pool_max_connections", gauge, "The setting max_client_conn.");
    to.value({}, static_cast<std::uint64_t>(of.config()->config.general.max_client_conn));
    to.family("weft_pool_logins_total", counter, "Clients that have logged in.");
    to.value({}, of.logins.load());
    to.family("weft_pool_refused_logins_total", counter,
              "Clients that were refused: for what they had to prove, or for another reason.");
    to.value({{"reason", "authentication"}}, of.refused_proofs.load());
    to.value({{"reason", "other"}}, of.refused_otherwise.load());
}

void put_pools(exposition& to, const std::vector<pool_sample>& pools) {
    to.family("weft_pool_clients", gauge,
              "Clients of a pool: active with a server, waiting for one, or idle.");
    for (const pool_sample& each : pools) {
        put_clients(to, each.labels(), each.now.clients, each.now.holding, each.now.waiting);
    }
    to.family("weft_pool_servers", gauge,
              "Connections to servers: active for a client, idle, or connecting.");
    for (const pool_sample& each : pools) {
        to.value(with_state(each.labels(), "active"), std::uint64_t{each.now.holding});
        to.value(with_state(each.labels(), "idle"), std::uint64_t{each.now.idle});
        to.value(with_state(each.labels(), "connecting"), std::uint64_t{each.now.connecting});
    }
    to.family("weft_pool_cancel_requests", gauge, "Cancel requests on their way to a server.");
    for (const pool_sample& each : pools) {
        to.value(each.labels(), std::uint64_t{each.now.cancelling});
    }
    to.family("weft_pool_longest_wait_seconds", gauge,
              "How long the one who waits for longest has waited so far.");
    for (const pool_sample& each : pools) {
        to.value(each.labels(), in_seconds(each.now.longest_wait));
    }
    to.family("weft_pool_paused", gauge, "1 while no client of the pool gets a server.");
    for (const pool_sample& each : pools) {
        to.value(each.labels(), std::uint64_t{each.now.paused ? 1U : 0U});
    }
}

/// What SHOW STATS counts.
struct counted_figure {
    figures::index of;
    std::string_view name;
    std::string_view about;
    bool is_time = false;  ///< in microseconds
};

constexpr counted_figure counted_figures[] = {
    {figures::assignments, "weft_pool_server_assignments_total",
     "Times that a client got a server."},
    {figures::transactions, "weft_pool_transactions_total", "Transactions."},
    {figures::queries, "weft_pool_queries_total", "Queries."},
    {figures::received, "weft_pool_client_bytes_total", "Bytes from clients."},
    {figures::sent, "weft_pool_server_bytes_total", "Bytes from servers."},
    {figures::transaction_time, "weft_pool_transaction_time_seconds_total",
     "Time that transactions were open.", true},
    {figures::query_time, "weft_pool_query_time_seconds_total",
     "Time that servers were asked for something.", true},
    {figures::wait_time, "weft_pool_wait_time_seconds_total",
     "Time that clients waited for servers.", true},
    {figures::client_parses, "weft_pool_client_parses_total",
     "Named statements that clients prepared."},
    {figures::server_parses, "weft_pool_server_parses_total",
     "Statements that were prepared on servers for them."},
    {figures::binds, "weft_pool_binds_total", "Uses of prepared statements."},
    {figures::logins, "weft_pool_client_logins_total", "Clients of the pool that logged in."},
};

void put_counts(exposition& to, const std::vector<pool_sample>& pools) {
    for (const counted_figure& each : counted_figures) {
        to.family(each.name, counter, each.about);
        for (const pool_sample& pool : pools) {
            const std::uint64_t number = pool.counts[each.of];
            if (each.is_time) {
                to.value(pool.labels(), static_cast<double>(number) / 1e6);
            } else {
                to.value(pool.labels(), number);
            }
        }
    }
    to.family("weft_pool_server_time_seconds_total", counter, "Time that clients had servers.");
    for (const pool_sample& pool : pools) {
        to.value(pool.labels(), static_cast<double>(pool.now.hold_ns) / 1e9);
    }
}

template <class Put>
void for_tenants(const std::vector<pool_sample>& pools, Put put) {
    for (const pool_sample& pool : pools) {
        for (const tenant_status& each : pool.tenants) {
            put(pool.labels(each), each);
        }
    }
}

void put_tenants(exposition& to, const std::vector<pool_sample>& pools) {
    to.family("weft_pool_tenant_weight", gauge, "The weight of a tenant; 1024 is usual.");
    for_tenants(pools, [&](const metric_labels& labels, const tenant_status& of) {
        to.value(labels, std::uint64_t{of.weight});
    });
    to.family("weft_pool_tenant_clients", gauge,
              "Clients of a tenant: active with a server, waiting for one, or idle.");
    for_tenants(pools, [&](const metric_labels& labels, const tenant_status& of) {
        put_clients(to, labels, of.clients, of.holding, of.waiting);
    });
    to.family(
        "weft_pool_tenant_preemptions_total", counter,
        "Times that a client of a tenant lost its server, or a query, for others that waited.");
    for_tenants(pools, [&](const metric_labels& labels, const tenant_status& of) {
        to.value(labels, of.preempted);
    });
    const std::pair<const char*, latency_histogram tenant_status::*> histograms[] = {
        {"weft_pool_tenant_wait_seconds", &tenant_status::waits},
        {"weft_pool_tenant_server_seconds", &tenant_status::holds},
        {"weft_pool_tenant_transaction_seconds", &tenant_status::totals},
    };
    const char* const about[] = {
        "How long clients of a tenant waited for a server.",
        "How long clients of a tenant had a server at a time.",
        "Both together: from the wish for a server to its return.",
    };
    for (std::size_t i = 0; i < std::size(histograms); ++i) {
        to.family(histograms[i].first, histogram, about[i]);
        for_tenants(pools, [&](const metric_labels& labels, const tenant_status& of) {
            to.value(labels, of.*histograms[i].second);
        });
    }
}

void put_listeners(exposition& to, const pooler::listener_list& all) {
    std::vector<std::pair<metric_labels, listener_status>> now;
    for (const auto& [database, listener] : all) {
        now.emplace_back(metric_labels{{"database", database}}, listener->status());
    }
    to.family("weft_pool_listening_clients", gauge,
              "Clients whose notifications come by the connection that all of a database share.");
    for (const auto& [labels, of] : now) {
        to.value(labels, std::uint64_t{of.clients});
    }
    to.family("weft_pool_listened_channels", gauge, "Channels that they listen to.");
    for (const auto& [labels, of] : now) {
        to.value(labels, std::uint64_t{of.channels});
    }
    to.family("weft_pool_notifications_received_total", counter,
              "Notifications that came by that connection.");
    for (const auto& [labels, of] : now) {
        to.value(labels, of.received);
    }
    to.family("weft_pool_notifications_delivered_total", counter,
              "To how many clients they went, all told.");
    for (const auto& [labels, of] : now) {
        to.value(labels, of.delivered);
    }
}

}  // namespace

std::string metrics_page(const console_view& of, std::string_view version) {
    std::vector<pool_sample> pools;
    for (const auto& each : of.of.pools()) {
        if (each->purpose != pool_purpose::clients) {
            continue;  // it may have the same labels
        }
        pools.push_back({each, each->pool->status(), count_pool(*each), each->pool->tenants()});
    }
    exposition out;
    put_process(out, of.of, version);
    put_pools(out, pools);
    put_counts(out, pools);
    put_tenants(out, pools);
    put_listeners(out, of.of.listeners());
    return out.take();
}

}  // namespace weft::pool
