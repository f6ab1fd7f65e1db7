// SPDX-License-Identifier: Apache-2.0
//
// A tiny echo server for the tests of the load generator, on a thread of its own, with faults to
// order. Everything it starts ends in its destructor.
#pragma once

#include "load_connections.h"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace weft::lab {

struct echo_faults {
    /// Flips a bit in the answer of every n-th message read; 0 never.
    std::uint64_t corrupt_every = 0;
    /// Closes instead of answering every n-th message read; 0 never.
    std::uint64_t close_every = 0;
    /// Never answers the n-th message read; 0 none.
    std::uint64_t swallow_nth = 0;
    /// Does not answer anything for this long, once, after the n-th message.
    std::uint64_t stall_after = 0;
    std::int64_t stall_ms = 0;
};

class echo_fixture {
public:
    explicit echo_fixture(echo_faults faults = {});
    ~echo_fixture();
    echo_fixture(const echo_fixture&) = delete;
    echo_fixture& operator=(const echo_fixture&) = delete;

    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    [[nodiscard]] load_target target(std::uint64_t clients) const;
    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_.load(); }
    /// Addresses from which clients came, in the order of their text.
    [[nodiscard]] std::vector<std::string> peers() const;

private:
    void run();
    void accept_all();
    void echo(int fd);

    echo_faults faults_;
    int listener_ = -1;
    int epoll_ = -1;
    int stop_ = -1;
    std::uint16_t port_ = 0;
    std::uint64_t reads_ = 0;
    std::atomic<std::uint64_t> accepted_{0};
    mutable std::mutex peers_mutex_;
    std::vector<std::string> peers_;
    std::thread thread_;
};

}  // namespace weft::lab
