// SPDX-License-Identifier: Apache-2.0
//
// status_server: serves pages over HTTP/1.1, read-only, to whoever can connect: it asks nobody who
// they are, which is why it listens on the loopback unless told otherwise. One request a
// connection, few connections at a time, each bounded in time, so that clients of it can take
// little from the clients of the pools. Used by one fiber at a time.
#pragma once

#include <chrono>
#include <expected>
#include <functional>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <weft/fiber.h>
#include <weft/scope.h>
#include <weft/semaphore.h>
#include <weft/socket.h>

#include "status/http_request.h"
#include "status/http_response.h"

namespace weft::pool {

/// Where to listen: "9127" (of 127.0.0.1), "10.0.0.5:9127", "*:9127", "[::1]:9127", "unix:/path".
/// The error is one line.
[[nodiscard]] std::expected<endpoint, std::string> parse_status_address(std::string_view text);

class status_server {
public:
    /// The answer to a path; nothing: there is no such page.
    using page_source = std::function<std::optional<http_response>(std::string_view path)>;

    explicit status_server(std::chrono::milliseconds longest_request = std::chrono::seconds(5))
        : longest_request_(longest_request) {}
    status_server(const status_server&) = delete;
    status_server& operator=(const status_server&) = delete;
    ~status_server() = default;

    /// Serves `pages` there, too. Returns the address that it got.
    std::expected<endpoint, std::string> listen(const endpoint& at, bool reuse_port,
                                                page_source pages);
    /// Ends all connections, waits for that, and listens nowhere any more.
    void stop() {
        acceptors_.clear();
        places_.clear();
    }

private:
    struct place {
        listener at;
        bool loopback = false;
        page_source pages;
    };

    bool start(scope& in, place& from, socket connected);
    void accept_from(place& from);
    void serve(const place& from, socket& client) const;

    static constexpr int most_connections = 16;

    const std::chrono::milliseconds longest_request_;
    counting_semaphore<most_connections> room_{most_connections};
    std::list<place> places_;
    std::vector<fiber> acceptors_;  // the first to go: they use the others
};

}  // namespace weft::pool
