// SPDX-License-Identifier: Apache-2.0
//
// A select on each kind of thing beside channels, and waits for children: a stop ends them, and
// what they waited for works afterwards.
#include <poll.h>
#include <weft/co.h>
#include <weft/co_channel.h>
#include <weft/datagram.h>
#include <weft/pipe.h>
#include <weft/process.h>
#include <weft/select.h>
#include <weft/signal.h>
#include <weft/ticker.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <functional>
#include <system_error>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "cancelled_call.h"
#include "sockets.h"
#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

// Sources.

struct sources {
    connected_pair pair = connect_pair(transport::unix_stream);
    listener accepting = listen_on(transport::tcp);
    datagram_socket receiver = datagram_socket::bind(endpoint::loopback(0)).value();
    pipe_ends pipe = make_pipe().value();
    signal_set signals{SIGUSR2};
    ticker every{1h};
    std::array<std::byte, 16> room{};

    static const std::vector<waiting_call<sources>>& calls();
};

/// Of a select with one case, which is made anew for each.
template <class Case>
waiting_call<sources> select_on(const char* name, Case make, std::function<void(sources&)> complete,
                                std::function<void(sources&)> check) {
    return {name, [make](sources& w) { return error_of(select(make(w))); },
            [make](sources& w) -> task<std::error_code> {
                auto only = make(w);
                const std::array<select_case*, 1> cases{&only};
                const auto taken = co_await co::select(cases);
                co_return error_of(taken);
            },
            std::move(check), std::move(complete)};
}

/// A later select finds it ready.
template <class Case>
waiting_call<sources> select_on(const char* name, Case make,
                                std::function<void(sources&)> complete) {
    return select_on(name, make, complete, [make, complete](sources& w) {
        complete(w);
        EXPECT_EQ(select(make(w), on_deadline(safety_net)), 0u);
    });
}

const std::vector<waiting_call<sources>>& sources::calls() {
    static const std::vector<waiting_call<sources>> all{
        select_on(
            "socket", [](sources& w) { return on_readable(w.pair.near); },
            [](sources& w) { EXPECT_FALSE(write_text(w.pair.far, "text")); }),
        select_on(
            "listener", [](sources& w) { return on_readable(w.accepting); },
            [](sources& w) { EXPECT_TRUE(connect(*w.accepting.local_endpoint(), safety_net)); }),
        select_on(
            "datagram", [](sources& w) { return on_readable(w.receiver); },
            [](sources& w) {
                auto from = datagram_socket::open(AF_INET).value();
                EXPECT_TRUE(from.send_to(bytes_of("x"), *w.receiver.local_endpoint(), safety_net));
            }),
        select_on(
            "pipe", [](sources& w) { return on_readable(w.pipe.reader); },
            [](sources& w) { EXPECT_TRUE(w.pipe.writer.write(bytes_of("x"), safety_net)); }),
        select_on(
            "descriptor", [](sources& w) { return on_readable(w.pair.near.native_handle()); },
            [](sources& w) { EXPECT_FALSE(write_text(w.pair.far, "text")); }),
        select_on(
            "signal", [](sources& w) { return on_readable(w.signals); }, nullptr,
            [](sources& w) { EXPECT_EQ(select(on_readable(w.signals), otherwise()), 1u); }),
        select_on(
            "tick", [](sources& w) { return on_tick(w.every, [](std::uint64_t) {}); }, nullptr,
            [](sources& w) {
                w.every.reset(1ms);
                EXPECT_TRUE(w.every.wait(safety_net));
            }),
    };
    return all;
}

using CancellationOfSelect = CancelledCall<sources>;
WEFT_TEST_CANCELLED_CALLS(CancellationOfSelect, {2});

// Children.

struct parent {
    child_process child =
        spawn_process(
            {.program = "cat", .input = process_stream::pipe(), .output = process_stream::null()})
            .value();

    static const std::vector<waiting_call<parent>>& calls();
};

const std::vector<waiting_call<parent>>& parent::calls() {
    const auto end = [](parent& w) { w.child.input().close(); };
    const auto check = [end](parent& w) {
        end(w);
        EXPECT_EQ(w.child.wait(safety_net), exit_status::of_code(0));
    };
    static const std::vector<waiting_call<parent>> all{
        {"wait", [](parent& w) { return error_of(w.child.wait()); },
         [](parent& w) -> task<std::error_code> {
             const auto status = co_await co::wait(w.child);
             co_return error_of(status);
         },
         check, end},
        {"select", [](parent& w) { return error_of(select(on_end(w.child))); },
         [](parent& w) -> task<std::error_code> {
             auto ended = on_end(w.child);
             const std::array<select_case*, 1> cases{&ended};
             const auto taken = co_await co::select(cases);
             co_return error_of(taken);
         },
         check, end},
    };
    return all;
}

using CancellationOfChildren = CancelledCall<parent>;
WEFT_TEST_CANCELLED_CALLS(CancellationOfChildren, {2});

}  // namespace
}  // namespace weft
