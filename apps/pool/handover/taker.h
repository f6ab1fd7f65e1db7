// SPDX-License-Identifier: Apache-2.0
//
// taker: of a process that takes another one over: gets its listening sockets, then its clients as
// they idle.
#pragma once

#include <atomic>
#include <expected>
#include <memory>
#include <string>
#include <vector>

#include <weft/fiber.h>

#include "handover/link.h"
#include "session/pooler.h"

namespace weft::pool::handover {

class taker {
public:
    explicit taker(pooler& into) : into_(into) {}
    taker(const taker&) = delete;
    taker& operator=(const taker&) = delete;
    ~taker();

    struct open_doors {
        std::vector<unique_fd> sockets;
        std::string unix_file;
    };
    /// From the running process at `address`. If serving() does not follow it goes on by itself.
    /// Cancel requests of clients that are not here go to it from now on.
    std::expected<open_doors, std::string> ask(const std::string& address);

    /// This process accepts: from now on clients come.
    std::expected<void, std::string> serving();
    /// Whether the other one is still there: clients may come.
    [[nodiscard]] bool goes_on() const noexcept { return hearing_; }
    /// The other one keeps what it still has.
    void stop();

private:
    void hear();
    void take(idle_client what, unique_fd socket);

    pooler& into_;
    std::unique_ptr<link> from_;
    fiber hearer_;
    std::atomic<bool> hearing_{false};
};

}  // namespace weft::pool::handover
