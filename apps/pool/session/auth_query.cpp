// SPDX-License-Identifier: Apache-2.0
#include "session/auth_query.h"

#include <algorithm>
#include <array>
#include <utility>

#include "backend/claimant.h"
#include "backend/limit.h"
#include "backend/server_query.h"
#include "wire/message.h"

namespace weft::pool {

namespace {

constexpr std::string_view tenant_name = "auth_query";

/// A server that has idled may have gone: then the next one is asked, and the last one is new.
constexpr int most_tries = 3;

constexpr std::string_view connection_lost = "08006";

using lookup = std::expected<std::optional<looked_up_user>, report>;

/// What PgBouncer says to a client.
std::unexpected<report> refusal(std::string message) {
    return std::unexpected(fatal_report("08P01", std::move(message)));
}

const std::string& setting_for(const configuration& in, std::string_view database,
                               std::string database::* special, const std::string& general) {
    const struct database* const db =
        database == console_database ? nullptr : find_database(in, database);
    return db != nullptr && !(db->*special).empty() ? db->*special : general;
}

/// The database in which the query runs, if it can.
std::expected<std::string, report> place_for(pooler& with, const configuration& in,
                                             std::string_view database) {
    const std::string& named =
        setting_for(in, database, &database::auth_dbname, in.general.auth_dbname);
    std::string place = named.empty() ? std::string(database) : named;
    const auto misconfigured = [&](const std::string& why) {
        with.logger.write(log_level::error, why);
        return refusal("bouncer config error");
    };
    if (place == console_database) {
        return misconfigured("cannot use the reserved \"" + place +
                             "\" database as an auth_dbname");
    }
    if (find_database(in, place) == nullptr) {
        return misconfigured("authentication database \"" + place + "\" is not configured.");
    }
    if (with.off.is_disabled(place)) {
        return refusal("authentication database \"" + place + "\" is disabled");
    }
    return place;
}

/// The last row counts, as in PgBouncer.
lookup read_answer(query_answer& said) {
    if (said.columns != 2) {
        return refusal("expected 2 columns from auth_query, not " + std::to_string(said.columns));
    }
    if (said.rows.empty()) {
        return std::nullopt;
    }
    auto& row = said.rows.back();
    if (row.size() != 2) {
        return refusal("unexpected response from auth_query");
    }
    // A function with OUT parameters gives a row of NULLs for whom it does not find. PgBouncer
    // makes that an error, which tells a stranger who there is.
    if (!row[0] || row[0]->empty()) {
        return std::nullopt;
    }
    return looked_up_user{.name = *std::move(row[0]),
                          .kept = row[1] ? secret::parse(*std::move(row[1])) : secret()};
}

/// A place in a pool for as long as it lives.
struct visit {
    explicit visit(server_pool& to) : pool(to) { pool.enter(place, std::string(tenant_name), {}); }
    visit(const visit&) = delete;
    visit& operator=(const visit&) = delete;
    ~visit() { pool.leave(place); }

    server_pool& pool;
    claimant place;
};

bool is_lost(const report& why) {
    return why.severity == "FATAL" && why.sqlstate == connection_lost;
}

}  // namespace

std::string_view auth_user_for(const configuration& in, std::string_view database) {
    return setting_for(in, database, &database::auth_user, in.general.auth_user);
}

lookup look_up_user(pooler& with, const loaded_configuration& in, std::string_view database,
                    std::string_view user, deadline until) {
    const settings& general = in.config.general;
    const auto place = place_for(with, in.config, database);
    if (!place) {
        return std::unexpected(place.error());
    }
    const std::string& sql =
        setting_for(in.config, database, &database::auth_query, general.auth_query);
    const auto pool = with.lookup_pool(in, *place, auth_user_for(in.config, database));
    const deadline patience = std::min(until, within(general.query_wait_timeout));
    const std::array<std::string_view, 1> values{user};
    visit here(*pool->pool);
    for (int tries = 1;; ++tries) {
        const auto got = here.pool.acquire(here.place, patience);
        if (!got) {
            return std::unexpected(got.error());
        }
        auto said = ask(**got, sql, values, with.followed, with.sets, patience);
        here.pool.release(here.place, said && said->status == transaction::idle);
        if (said) {
            return read_answer(*said);
        }
        if (!is_lost(said.error()) || tries == most_tries) {
            with.logger.write(log_level::warning, "S: error in auth_query: " + *place + "/" +
                                                      pool->user_name + ": " +
                                                      said.error().message);
            return refusal("error response from auth_query");
        }
    }
}

}  // namespace weft::pool
