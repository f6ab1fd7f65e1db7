// SPDX-License-Identifier: Apache-2.0
//
// The calls of sockets that are made most often, and what else a stop ends; programs that are
// stopped at each of their waits.
#include <gtest/gtest.h>
#include <weft/scope.h>

#include <atomic>
#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/socket.h>

#include "cancelled_call.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

constexpr std::errc canceled = std::errc::operation_canceled;

/// What the calls are made on.
struct world {
    connected_pair pair = connect_pair(transport::unix_stream);
    listener accepting = listen_on(transport::tcp);
    listener full = listen_on(transport::unix_stream, {.backlog = 0});
    std::vector<socket> waiting_to_be_accepted;
    promise<int> promised;
    future<int> promise_kept = promised.get_future();

    static const std::vector<waiting_call<world>>& calls();

    world() {
        shrink_buffers(pair.near);
        // Until a further one has to wait.
        for (;;) {
            auto more = connect(*full.local_endpoint(), 0s);
            if (!more) {
                break;
            }
            waiting_to_be_accepted.push_back(std::move(*more));
        }
    }
};

const std::string much(150'000, 'x');

// Named, because a coroutine lambda must outlive its coroutine.
task<std::error_code> sleep_in_coroutine(world&) {
    co_return error_of(co_await co::sleep_for(1h));
}
task<std::error_code> read_in_coroutine(world& w) {
    std::array<std::byte, 16> room{};
    co_return error_of(co_await co::read(w.pair.near, room));
}
task<std::error_code> write_in_coroutine(world& w) {
    co_return error_of(co_await co::write(w.pair.near, bytes_of(much)));
}
task<std::error_code> accept_in_coroutine(world& w) {
    co_return error_of(co_await co::accept(w.accepting));
}
task<std::error_code> connect_in_coroutine(world& w) {
    co_return error_of(co_await co::connect(*w.full.local_endpoint()));
}
task<std::error_code> wait_for_future_in_coroutine(world& w) {
    co_return error_of(co_await co::wait(w.promise_kept, deadline::never()));
}

void keeps_the_promise(world& w) {
    w.promised.set_value(7);
    EXPECT_EQ(w.promise_kept.get(), 7);
}

void reads_what_comes(world& w) {
    EXPECT_FALSE(write_text(w.pair.far, "after"));
    EXPECT_EQ(read_text(w.pair.near), "after");
}

void writes_once_there_is_room(world& w) {
    std::size_t got = 0;
    while (got == 0 || read_text(w.pair.far, 1 << 20, 10ms).front() == 'x') {
        ++got;
    }
    EXPECT_FALSE(write_text(w.pair.near, "after"));
    EXPECT_EQ(read_text(w.pair.far), "after");
}

void accepts_who_comes(world& w) {
    auto near = connect(*w.accepting.local_endpoint(), safety_net);
    ASSERT_TRUE(near);
    EXPECT_TRUE(w.accepting.accept(safety_net));
}

void makes_room_for_others(world& w) {
    EXPECT_TRUE(w.full.accept(safety_net));
    EXPECT_TRUE(connect(*w.full.local_endpoint(), safety_net));
}

const std::vector<waiting_call<world>>& world::calls() {
    static const std::vector<waiting_call<world>> calls{
        {"sleep", [](world&) { return error_of(this_fiber::sleep_for(1h)); }, sleep_in_coroutine,
         [](world&) { EXPECT_TRUE(this_fiber::sleep_for(1us)); }},
        {"read",
         [](world& w) {
             std::array<std::byte, 16> room{};
             return error_of(w.pair.near.read(room));
         },
         read_in_coroutine, reads_what_comes,
         [](world& w) { EXPECT_FALSE(write_text(w.pair.far, "text")); }},
        {"write", [](world& w) { return error_of(w.pair.near.write(bytes_of(much))); },
         write_in_coroutine, writes_once_there_is_room,
         [](world& w) { (void)read_text(w.pair.far, 1 << 16, 0s); }},
        {"accept", [](world& w) { return error_of(w.accepting.accept()); }, accept_in_coroutine,
         accepts_who_comes,
         [](world& w) { EXPECT_TRUE(connect(*w.accepting.local_endpoint(), safety_net)); }},
        {"connect", [](world& w) { return error_of(connect(*w.full.local_endpoint())); },
         connect_in_coroutine, makes_room_for_others,
         [](world& w) { EXPECT_TRUE(w.full.accept(safety_net)); }},
        {"future", [](world& w) { return error_of(w.promise_kept.wait(deadline::never())); },
         wait_for_future_in_coroutine, keeps_the_promise,
         [](world& w) { w.promised.set_value(7); }},
    };
    return calls;
}

using Cancellation = CancelledCall<world>;
WEFT_TEST_CANCELLED_CALLS(Cancellation, {1, 2});

class CancellationInside : public ::testing::TestWithParam<unsigned> {};
INSTANTIATE_TEST_SUITE_P(Workers, CancellationInside, ::testing::Values(1u, 2u, 4u));

/// Clients and a server that talk in one scope; what is left of it after a stop at some wait.
void talk() {
    auto accepting = listen_on(transport::tcp);
    with_scope([&](scope& s) {
        s.spawn([&] {
            for (;;) {
                auto peer = accepting.accept();
                if (!peer) {
                    return;
                }
                s.spawn(
                    [](socket client) {
                        for (;;) {
                            const std::string text = read_text(client, 64, deadline::never());
                            if (text.empty() || text.starts_with("error") ||
                                write_text(client, text, deadline::never())) {
                                return;
                            }
                        }
                    },
                    std::move(*peer));
            }
        });
        wait_group clients;
        for (int i = 0; i < 3; ++i) {
            clients.add();
            s.spawn([&] {
                auto near = connect(*accepting.local_endpoint());
                for (int round = 0; near && round < 3; ++round) {
                    if (write_text(*near, "ping", deadline::never()) ||
                        read_text(*near, 64, deadline::never()) != "ping") {
                        break;
                    }
                    if (!this_fiber::sleep_for(10us)) {
                        break;
                    }
                }
                clients.done();
            });
        }
        (void)clients.wait(deadline::never());
        s.request_stop();
        clients.wait();
    });
}

/// Whichever wait is stopped: everything ends, and no descriptor is left open.
TEST_P(CancellationInside, AtTheNthWaitForAllN) {
    runtime r({.workers = GetParam()});
    r.run([] { talk(); });
    const std::size_t open = open_descriptors();
    std::uint64_t n = 1;
    while (r.run([&] { return stop_at_wait(n, [] { talk(); }); })) {
        ASSERT_EQ(open_descriptors(), open) << "stopped at wait " << n;
        ++n;
        ASSERT_LT(n, 10'000u);
    }
    EXPECT_GT(n, 10u);
}

TEST(CancellationOfFiber, ItsOwnTokenEndsItsWaits) {
    run([] {
        std::optional<std::error_code> failed;
        fiber sleeper =
            spawn([&](const std::stop_token&) { failed = error_of(this_fiber::sleep_for(1h)); });
        sleeper.request_stop();
        sleeper.join();
        EXPECT_EQ(failed, canceled);
    });
}

TEST(CancellationOfFiber, OneWithoutTokenIsNotStopped) {
    run([] {
        fiber sleeper = spawn([] {
            EXPECT_FALSE(this_fiber::get_stop_token().stop_possible());
            EXPECT_TRUE(this_fiber::sleep_for(1ms));
        });
        sleeper.request_stop();
    });
}

TEST(CancellationOfFiber, WhatNeedNotWaitSucceeds) {
    run([] {
        auto pair = connect_pair(transport::tcp);
        std::stop_source stop;
        stop.request_stop();
        with_stop_token(stop.get_token(), [&] {
            EXPECT_TRUE(this_fiber::stop_requested());
            EXPECT_FALSE(write_text(pair.near, "text", deadline::never()));
        });
        EXPECT_EQ(read_text(pair.far), "text");
        with_stop_token(stop.get_token(), [&] {
            EXPECT_FALSE(write_text(pair.far, "more", deadline::never()));
            EXPECT_TRUE(eventually([&] { return read_text(pair.near, 64, 0s) == "more"; }));
        });
    });
}

/// A stop of one scope does not reach the next wait of the same fiber outside of it.
TEST(CancellationOfFiber, EndsWithItsBlock) {
    run({.workers = 2}, [] {
        for (int i = 0; i < 2000 && !::testing::Test::HasFailure(); ++i) {
            std::stop_source stop;
            fiber stopper = spawn([&] { stop.request_stop(); });
            (void)with_stop_token(stop.get_token(), [] { return this_fiber::sleep_for(1us); });
            EXPECT_TRUE(this_fiber::sleep_for(1us));
            mutex m;
            const std::lock_guard locked(m);
        }
    });
}

}  // namespace
}  // namespace weft
