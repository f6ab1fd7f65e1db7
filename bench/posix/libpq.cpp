// SPDX-License-Identifier: Apache-2.0
//
// Clients of a PostgreSQL server, each with a connection of its own by libpq, which blocks: as
// kernel threads, or as fibers of two workers in a program that links weft::posix. The same code is
// built twice; WEFT_BENCH_CLIENTS says as what.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <common/harness.h>
#include <libpq-fe.h>

#include "../weft/concurrency.h"
#include "postgres_server.h"

namespace {

using model = bench::WEFT_BENCH_CLIENTS;

constexpr int clients = 1000;
constexpr unsigned cpus = 2;

class connection {
public:
    explicit connection(const std::string& where)
        : native_(::PQconnectdb(where.c_str()), ::PQfinish) {
        if (::PQstatus(native_.get()) != CONNECTION_OK) {
            throw std::runtime_error(::PQerrorMessage(native_.get()));
        }
    }

    void ask() {
        const std::unique_ptr<PGresult, void (*)(PGresult*)> answer(
            ::PQexec(native_.get(), "select 1"), ::PQclear);
        if (::PQresultStatus(answer.get()) != PGRES_TUPLES_OK) {
            throw std::runtime_error(::PQerrorMessage(native_.get()));
        }
    }

private:
    std::unique_ptr<PGconn, void (*)(PGconn*)> native_;
};

/// Resident bytes, page tables and the stacks that the kernel has for this process's threads, 16
/// KiB each (Linux, arch/x86/include/asm/page_64_types.h).
std::int64_t all_memory() {
    const auto tasks = std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
    return bench::memory_bytes() + std::int64_t{tasks} * 16 * 1024;
}

/// What the connections cost by themselves: one thread opens them all, in a process of its own.
std::int64_t memory_of_connections(const std::string& where) {
    int report[2];
    if (::pipe(report) != 0) {
        throw std::runtime_error("no pipe");
    }
    const pid_t child = ::fork();
    if (child == 0) {
        std::int64_t used = 0;
        try {
            std::vector<std::unique_ptr<connection>> all;
            const std::int64_t before = all_memory();
            for (int i = 0; i < clients; ++i) {
                all.push_back(std::make_unique<connection>(where));
                all.back()->ask();
            }
            used = all_memory() - before;
        } catch (const std::exception&) {
            used = -1;
        }
        ::_exit(::write(report[1], &used, sizeof used) == sizeof used ? 0 : 1);
    }
    std::int64_t used = -1;
    const bool got = ::read(report[0], &used, sizeof used) == sizeof used && used >= 0;
    ::close(report[0]);
    ::close(report[1]);
    ::waitpid(child, nullptr, 0);
    if (!got) {
        throw std::runtime_error("the connections alone could not be measured");
    }
    return used;
}

/// All clients connect; when they have, the clock starts and each asks `queries` times.
struct run {
    explicit run(std::string server, std::size_t count)
        : where(std::move(server)), queries(count) {}

    void one_client() {
        connection own(where);
        own.ask();
        connected.release();
        start.acquire();
        for (std::size_t i = 0; i < queries; ++i) {
            own.ask();
        }
    }

    void all_clients() {
        memory_before = all_memory();
        std::vector<model::thread> all;
        for (int i = 0; i < clients; ++i) {
            all.emplace_back([this] { one_client(); });
        }
        for (int i = 0; i < clients; ++i) {
            connected.acquire();
        }
        memory_connected = all_memory();
        begun = std::chrono::steady_clock::now();
        start.release(clients);
        for (auto& each : all) {
            each.join();
        }
        ended = std::chrono::steady_clock::now();
    }

    const std::string where;
    const std::size_t queries;
    model::semaphore connected{0};
    model::semaphore start{0};
    std::int64_t memory_before = 0;
    std::int64_t memory_connected = 0;
    std::chrono::steady_clock::time_point begun;
    std::chrono::steady_clock::time_point ended;
};

bench::cost libpq(std::size_t queries) {
    const weft::testing::postgres_server server(clients + 20);
    const std::int64_t connections = memory_of_connections(server.connection_string());
    run now(server.connection_string(), queries);
    model::run(cpus, [&] { now.all_clients(); });
    const double seconds = std::chrono::duration<double>(now.ended - now.begun).count();
    const double memory =
        static_cast<double>(now.memory_connected - now.memory_before - connections) / clients;
    return {.value = static_cast<double>(queries) * clients / seconds,
            .others = {{.name = "memory", .value = memory, .unit = "bytes"},
                       {.name = "connection",
                        .value = static_cast<double>(connections) / clients,
                        .unit = "bytes"}}};
}

}  // namespace

int main(int argc, char** argv) {
    const std::vector<bench::workload> all = {{.name = "libpq",
                                               .unit = "queries/s",
                                               .default_size = 20,
                                               .once = true,
                                               .default_repeat = 1,
                                               .run = libpq}};
    return bench::run_main("libpq", all, argc, argv);
}
