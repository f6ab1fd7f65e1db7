// SPDX-License-Identifier: Apache-2.0
//
// link: a connection between two processes of weft-pool by which messages and their descriptors
// go. Any number of fibers may send, one receives. After a failure of the connection it is of no
// use any more.
#pragma once

#include <expected>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <weft/mutex.h>
#include <weft/socket.h>
#include <weft/time.h>

#include "config/settings.h"
#include "handover/message.h"

namespace weft::pool::handover {

/// Where the running process of this configuration can be found, as endpoint::parse() reads it;
/// empty: nowhere, since there is no folder of Unix sockets.
std::string address_for(const settings& of);

struct received {
    message what;
    std::vector<unique_fd> descriptors;
};

class link {
public:
    explicit link(socket connected) noexcept : socket_(std::move(connected)) {}
    /// To a running process. The error says what is wrong.
    static std::expected<std::unique_ptr<link>, std::string> open(const std::string& address,
                                                                  deadline until);

    /// Whether the other process belongs to our user, or to root. Its number, if it does.
    [[nodiscard]] std::expected<pid_t, std::string> check_peer() const;

    /// `descriptors`: as many as belong to it; they stay the caller's.
    std::expected<void, std::string> send(const message& what, std::span<const int> descriptors,
                                          deadline until);
    std::expected<void, std::string> send(const message& what, deadline until) {
        return send(what, {}, until);
    }
    /// The next one, with its descriptors.
    std::expected<received, std::string> receive(deadline until = {});

    /// Ends whoever receives.
    void close() noexcept { socket_.close(); }

private:
    std::expected<void, std::string> fill_to(std::size_t size, deadline until);

    socket socket_;
    mutex sending_;
    bool broken_ = false;                // under it
    std::string in_;                     // what has come
    std::vector<unique_fd> came_along_;  // with it, in the order of the messages
};

}  // namespace weft::pool::handover
