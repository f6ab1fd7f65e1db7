// SPDX-License-Identifier: Apache-2.0
//
// What a connection to PostgreSQL is: a process that is forked for it. How long it takes, and what
// it costs in memory while nobody uses it and after it has been used, by how many there are. Each
// round has a server of its own.
#include <algorithm>
#include <array>
#include <chrono>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "lab/proc_metrics.h"
#include "lab/statistics.h"
#include "measure/sampling.h"
#include "postgres_server.h"
#include "probes.h"

namespace weft::measure {

namespace {

constexpr std::size_t used_connections = 10;
/// Reads all catalogues of the tables and their columns, which a server keeps in its memory.
constexpr const char* first_use =
    "select count(*) from pg_attribute a join pg_class c on c.oid = a.attrelid "
    "join pg_type t on t.oid = a.atttypid where has_table_privilege(c.oid, 'select')";

struct server_reading {
    double bytes = 0;  ///< private pages and page tables of all its processes
    double processes = 0;
};

server_reading read_server(pid_t postmaster) {
    const std::array root{postmaster};
    const lab::snapshot now = lab::take_snapshot(root);
    return {.bytes = static_cast<double>(now.memory.private_bytes.value_or(0) +
                                         now.memory.page_table_bytes.value_or(0)),
            .processes = static_cast<double>(now.totals.processes)};
}

/// Until the servers of closed connections have gone: they tell nobody.
void wait_until_it_rests(pid_t postmaster) {
    constexpr int alike = 10;
    constexpr int most_looks = 500;
    std::size_t before = 0;
    for (int looks = 0, same = 0; looks < most_looks && same < alike; ++looks) {
        const std::array root{postmaster};
        const std::size_t now = lab::process_tree(root).size();
        same = now == before ? same + 1 : 0;
        before = now;
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
}

/// Seconds for one.
double time_connections(probe_round& round, const postgres_server& server) {
    const sampling_goal goal{.seconds = round.seconds() / 8};
    auto samples = time_batches(goal, 1, [&] { const postgres_connection one(server.socket()); });
    const double seconds = lab::median(samples).value_or(0) / 1e9;
    round.add("postgres.connect", std::move(samples));
    postgres_connection one(server.socket());
    round.add("postgres.query", time_batches(goal, 20, [&] {
                  for (int i = 0; i < 20; ++i) {
                      one.query("select 1");
                  }
              }));
    return seconds;
}

}  // namespace

std::optional<obstacle> why_not_postgres() {
    if (!find_postgres()) {
        return obstacle{.reason = "PostgreSQL is not installed",
                        .lift = "apt-get install postgresql"};
    }
    return std::nullopt;
}

void probe_postgres(probe_round& round) {
    constexpr double longest = 12;  // seconds for all connections
    auto counts = round.places({10, 100, 300, 1000}, {10, 100});
    const postgres_server server(find_postgres().value(), round.folder(),
                                 static_cast<int>(counts.back() + 20));
    const double each = time_connections(round, server);
    while (counts.size() > 1 && each * static_cast<double>(counts.back()) > longest) {
        round.tell("postgres", fmt::format("{} connections would take {:.0f} s", counts.back(),
                                           each * static_cast<double>(counts.back())));
        counts.pop_back();
    }
    wait_until_it_rests(server.pid());
    const server_reading before = read_server(server.pid());
    std::vector<postgres_connection> all;
    for (const std::size_t count : counts) {
        while (all.size() < count) {
            all.emplace_back(server.socket());
        }
        const server_reading now = read_server(server.pid());
        const auto at = static_cast<double>(count);
        round.add("postgres.memory", at, {std::max(0.0, now.bytes - before.bytes) / at});
        round.add("postgres.processes", at, {(now.processes - before.processes) / at});
    }
    const std::size_t used = std::min(used_connections, all.size());
    const server_reading idle = read_server(server.pid());
    for (std::size_t i = 0; i < used; ++i) {
        all[i].query(first_use);
    }
    const double grown = std::max(0.0, read_server(server.pid()).bytes - idle.bytes);
    round.add("postgres.memory.by_use", {grown / static_cast<double>(used)});
}

}  // namespace weft::measure
