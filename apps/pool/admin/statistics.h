// SPDX-License-Identifier: Apache-2.0
//
// What SHOW STATS counts, and what it was some time ago, so that there are averages: samples are
// taken once a period, and an average is of the time since the sample before the last one, so of
// one to two periods. Thread-safe.
//
// Source of what is counted, and of how averages are made: PgBouncer's doc/usage.md, "SHOW STATS".
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include <weft/mutex.h>
#include <weft/time.h>

#include "session/pooler.h"

namespace weft::pool {

/// What is counted of a database, in the order of PgBouncer's columns. Times in microseconds.
struct figures {
    enum index : std::uint8_t {
        assignments,  ///< of servers to clients
        transactions,
        queries,
        received,  ///< bytes from clients
        sent,      ///< bytes from servers
        transaction_time,
        query_time,  ///< as transaction_time: the time that clients had servers
        wait_time,
        client_parses,
        server_parses,
        binds,
        logins,
    };
    static constexpr std::size_t count = 12;

    std::array<std::uint64_t, count> values{};

    [[nodiscard]] std::uint64_t operator[](index i) const noexcept { return values[i]; }
    std::uint64_t& operator[](index i) noexcept { return values[i]; }
    figures& operator+=(const figures& other) noexcept;

    bool operator==(const figures&) const = default;
};

using figures_by_database = std::map<std::string, figures, std::less<>>;

/// Rates per second, and of times what one took on average. What has become less counts as 0.
[[nodiscard]] figures averages(const figures& before, const figures& now,
                               std::chrono::nanoseconds elapsed);

[[nodiscard]] figures sum(const figures_by_database& of);

[[nodiscard]] figures count_pool(const pool_entry& of);

/// All pools, by database.
[[nodiscard]] figures_by_database count_databases(const pooler& of);

/// The last sample, and the one before.
template <class Value>
class sample_pair {
public:
    explicit sample_pair(clock::time_point start) noexcept : older_at_(start), newer_at_(start) {}

    [[nodiscard]] bool due(clock::time_point now, std::chrono::nanoseconds period) const noexcept {
        return now - newer_at_ >= period;
    }
    void add(Value sample, clock::time_point now) {
        older_ = std::exchange(newer_, std::move(sample));
        older_at_ = std::exchange(newer_at_, now);
    }
    [[nodiscard]] const Value& older() const noexcept { return older_; }
    [[nodiscard]] clock::time_point older_at() const noexcept { return older_at_; }

private:
    Value older_{};
    Value newer_{};
    clock::time_point older_at_;
    clock::time_point newer_at_;
};

class statistics {
public:
    explicit statistics(clock::time_point start) noexcept : databases_(start), tenants_(start) {}

    /// Takes the samples that are due. To be called now and then.
    void look_after(const pooler& of, clock::time_point now);

    /// The averages of each database that is in `now`.
    [[nodiscard]] figures_by_database average(const figures_by_database& now,
                                              clock::time_point at) const;

    /// The same of all databases together, whose sum is `now`.
    [[nodiscard]] figures average_of_all(const figures& now, clock::time_point at) const;

    /// Server time of a tenant of a pool: 30 to 60 seconds ago, 0 if it was not there.
    [[nodiscard]] std::uint64_t earlier_server_ns(const std::string& database,
                                                  const std::string& user,
                                                  const std::string& tenant) const;

private:
    using tenant_key = std::tuple<std::string, std::string, std::string>;

    void log_averages(const pooler& of, const figures& now, clock::time_point at) const;

    mutable mutex mutex_;
    sample_pair<figures_by_database> databases_;
    sample_pair<std::map<tenant_key, std::uint64_t>> tenants_;
};

}  // namespace weft::pool
