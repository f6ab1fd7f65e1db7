// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL server of a probe's own: a new cluster in a temporary folder, reached through a Unix
// socket there; and connections to it, which speak as much of its protocol as a probe needs
// (version 3.0, see "Frontend/Backend Protocol" in PostgreSQL's manual). One thread. Throws
// std::runtime_error and std::system_error.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

#include <sys/types.h>

namespace weft::measure {

/// The folder of its programs, the newest if there are several. Nothing: it is not installed.
std::optional<std::filesystem::path> find_postgres();

class postgres_server {
public:
    /// Returns when it takes connections. Its data lie in `folder`, where the next server finds
    /// them.
    postgres_server(const std::filesystem::path& programs, const std::filesystem::path& folder,
                    int most_connections);
    ~postgres_server();
    postgres_server(const postgres_server&) = delete;
    postgres_server& operator=(const postgres_server&) = delete;

    [[nodiscard]] pid_t pid() const noexcept { return process_; }
    [[nodiscard]] std::filesystem::path socket() const { return folder_ / ".s.PGSQL.5432"; }

private:
    std::filesystem::path folder_;
    pid_t process_ = -1;
};

class postgres_connection {
public:
    /// Returns when the server is ready for a query.
    explicit postgres_connection(const std::filesystem::path& socket);
    ~postgres_connection();
    postgres_connection(postgres_connection&& other) noexcept;
    postgres_connection(const postgres_connection&) = delete;
    postgres_connection& operator=(const postgres_connection&) = delete;
    postgres_connection& operator=(postgres_connection&&) = delete;

    /// Until all of its answer has come; what it says is not looked at.
    void query(std::string_view sql);

private:
    void send(std::string_view bytes);
    void wait_until_ready();

    int socket_ = -1;
};

}  // namespace weft::measure
