// SPDX-License-Identifier: Apache-2.0
//
// `weft-pool --demo`: a private PostgreSQL in a temporary folder, to have something to pool.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

#include <weft/process.h>
#include <weft/time.h>

#include "config/settings.h"

namespace weft::pool {

/// A server that ends, with its folder, when this does. Made and used on a fiber.
class demo_server {
public:
    /// Finds PostgreSQL's programs, makes a database and starts a server for it; root runs it as
    /// "nobody", since it refuses to be root. What is wrong is one line.
    static std::expected<demo_server, std::string> start(deadline until);

    demo_server(demo_server&&) noexcept = default;
    demo_server& operator=(demo_server&&) noexcept = delete;
    ~demo_server();

    /// Pools it on 127.0.0.1 and a Unix socket in its folder, for everybody.
    [[nodiscard]] configuration configure(int port) const;
    [[nodiscard]] const std::filesystem::path& folder() const noexcept { return folder_; }

private:
    explicit demo_server(std::filesystem::path folder) : folder_(std::move(folder)) {}
    std::expected<void, std::string> launch(const std::filesystem::path& programs, deadline until);
    [[nodiscard]] bool answers() const;

    std::filesystem::path folder_;  // empty: moved away
    child_process server_;
};

}  // namespace weft::pool
