// SPDX-License-Identifier: Apache-2.0
//
// load_generator: a few thousand clients against an echo server, phase by phase. One thread, one
// epoll loop; each call runs a phase to its end and returns what was measured.
//
// Every phase has a deadline, so that no call waits for ever: answers that have not come by then
// are counted as timed out and their connections closed. A phase ends early, with what it has,
// when options.control_fd becomes readable.
//
// Warm-up is not measured, but its answers are in requests_in_all.
#pragma once

#include "load_connections.h"
#include "load_report.h"

#include <chrono>
#include <cstdint>
#include <span>

namespace weft::lab {

struct connect_request {
    /// At most this many clients are between connect() and their first answer.
    std::uint64_t in_flight = 512;
    std::chrono::nanoseconds deadline = std::chrono::seconds(120);
};

struct loop_request {
    /// Every n-th client takes part: 1 all, 100 one in a hundred.
    std::uint64_t stride = 1;
    /// 0: closed loop. Else requests per second of all clients together, sent on a schedule.
    double rate = 0;
    std::chrono::nanoseconds warm_up = std::chrono::milliseconds(500);
    std::chrono::nanoseconds duration = std::chrono::seconds(5);
    /// How long to wait for the last answers.
    std::chrono::nanoseconds grace = std::chrono::seconds(10);
    /// Order in which the clients' requests are scheduled (open loop).
    std::uint64_t seed = 1;
};

struct round_request {
    /// Every n-th client, or, when inverted, all others.
    std::uint64_t stride = 1;
    bool inverted = false;
    poison_kind poison = poison_kind::none;
    std::chrono::nanoseconds deadline = std::chrono::seconds(10);
};

class load_generator {
public:
    explicit load_generator(load_options options);

    /// All clients of all targets connect and are answered once.
    connect_report connect(std::span<const load_target> targets, const connect_request& request);

    /// Closed loop: each taking part sends again as soon as it is answered. Open loop: requests
    /// leave on a schedule and latency counts from the moment a request was due, also when its
    /// client or this process was late: no coordinated omission.
    loop_report loop(const loop_request& request);

    /// One message from each of some clients.
    round_report round(const round_request& request);

    void disconnect() noexcept { connections_.drop_all(); }

    [[nodiscard]] std::uint64_t open_clients() const noexcept {
        return connections_.open_clients();
    }

private:
    load_connections connections_;
};

}  // namespace weft::lab
