// SPDX-License-Identifier: Apache-2.0
#include "admin/statistics.h"

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include <fmt/format.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;

constexpr auto tenant_period = 30s;

/// Of a time: how often it was taken.
std::optional<figures::index> counted_by(std::size_t i) {
    switch (i) {
        case figures::transaction_time:
            return figures::transactions;
        case figures::query_time:
            return figures::queries;
        case figures::wait_time:
            return figures::assignments;
        default:
            return std::nullopt;
    }
}

std::uint64_t more(std::uint64_t before, std::uint64_t now) {
    return now > before ? now - before : 0;
}

}  // namespace

figures count_pool(const pool_entry& of) {
    const pool_status status = of.pool->status();
    figures out;
    out[figures::assignments] = status.grants;
    out[figures::transactions] = of.counts.transactions;
    out[figures::queries] = of.counts.queries;
    out[figures::received] = of.counts.from_clients;
    out[figures::sent] = of.counts.from_servers;
    out[figures::transaction_time] = of.counts.transaction_ns / 1000;
    out[figures::query_time] = of.counts.query_ns / 1000;
    out[figures::wait_time] = status.wait_ns / 1000;
    out[figures::client_parses] = of.counts.client_parses;
    out[figures::server_parses] = of.counts.server_parses;
    out[figures::binds] = of.counts.binds;
    out[figures::logins] = of.counts.logins;
    return out;
}

figures& figures::operator+=(const figures& other) noexcept {
    for (std::size_t i = 0; i < count; ++i) {
        values[i] += other.values[i];
    }
    return *this;
}

figures sum(const figures_by_database& of) {
    figures out;
    for (const auto& [name, each] : of) {
        out += each;
    }
    return out;
}

figures averages(const figures& before, const figures& now, std::chrono::nanoseconds elapsed) {
    figures out;
    const double in_seconds = std::chrono::duration<double>(elapsed).count();
    for (std::size_t i = 0; i < figures::count; ++i) {
        const std::uint64_t by = more(before.values[i], now.values[i]);
        if (const auto counter = counted_by(i)) {
            const std::uint64_t times = more(before[*counter], now[*counter]);
            out.values[i] = times != 0 ? by / times : 0;
        } else if (in_seconds > 0) {
            out.values[i] = static_cast<std::uint64_t>(static_cast<double>(by) / in_seconds);
        }
    }
    return out;
}

figures_by_database count_databases(const pooler& of) {
    figures_by_database out;
    for (const auto& each : of.pools()) {
        out[each->database_name] += count_pool(*each);
    }
    return out;
}

void statistics::look_after(const pooler& of, clock::time_point now) {
    const configuration_ptr config = of.config();
    const settings& general = config->config.general;
    const std::lock_guard lock(mutex_);
    if (databases_.due(now, std::max<std::chrono::nanoseconds>(general.stats_period, 1s))) {
        auto counted = count_databases(of);
        databases_.add(counted, now);
        if (general.log_stats) {
            log_averages(of, sum(counted), now);
        }
    }
    if (tenants_.due(now, tenant_period)) {
        std::map<tenant_key, std::uint64_t> times;
        for (const auto& pool : of.pools()) {
            for (const tenant_status& each : pool->pool->tenants()) {
                times[{pool->database_name, pool->user_name, each.name}] = each.server_ns;
            }
        }
        tenants_.add(std::move(times), now);
    }
}

/// Programs that read logs know this line by PgBouncer's words.
void statistics::log_averages(const pooler& of, const figures& now, clock::time_point at) const {
    const figures avg = averages(sum(databases_.older()), now, at - databases_.older_at());
    of.logger.write(
        log_level::info,
        fmt::format("stats: {} xacts/s, {} queries/s, {} client parses/s, {} server parses/s, "
                    "{} binds/s, {} client logins/s, in {} B/s, out {} B/s, xact {} us, query {} "
                    "us, wait {} us",
                    avg[figures::transactions], avg[figures::queries], avg[figures::client_parses],
                    avg[figures::server_parses], avg[figures::binds], avg[figures::logins],
                    avg[figures::received], avg[figures::sent], avg[figures::transaction_time],
                    avg[figures::query_time], avg[figures::wait_time]));
}

figures_by_database statistics::average(const figures_by_database& now,
                                        clock::time_point at) const {
    const std::lock_guard lock(mutex_);
    figures_by_database out;
    for (const auto& [name, each] : now) {
        const auto before = databases_.older().find(name);
        out[name] = averages(before != databases_.older().end() ? before->second : figures(), each,
                             at - databases_.older_at());
    }
    return out;
}

figures statistics::average_of_all(const figures& now, clock::time_point at) const {
    const std::lock_guard lock(mutex_);
    return averages(sum(databases_.older()), now, at - databases_.older_at());
}

std::uint64_t statistics::earlier_server_ns(const std::string& database, const std::string& user,
                                            const std::string& tenant) const {
    const std::lock_guard lock(mutex_);
    const auto found = tenants_.older().find({database, user, tenant});
    return found != tenants_.older().end() ? found->second : 0;
}

}  // namespace weft::pool
