// SPDX-License-Identifier: Apache-2.0
//
// A PostgreSQL server for the length of a test program: a cluster of its own in a temporary folder,
// reached through a Unix socket there.
#pragma once

#include <sys/types.h>

#include <string>

#include "../integration/temporary_folder.h"

namespace weft::testing {

class postgres_server {
public:
    /// Returns when it takes connections. Throws std::runtime_error with the server's log if that
    /// does not come.
    explicit postgres_server(int most_connections);
    ~postgres_server();
    postgres_server(const postgres_server&) = delete;
    postgres_server& operator=(const postgres_server&) = delete;

    /// For PQconnectdb().
    [[nodiscard]] std::string connection_string() const;

private:
    void start(int most_connections);
    [[nodiscard]] std::string log() const;

    temporary_folder folder_;
    pid_t process_ = -1;
};

}  // namespace weft::testing
