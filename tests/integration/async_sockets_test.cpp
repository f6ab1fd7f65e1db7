// SPDX-License-Identifier: Apache-2.0
//
// The awaiters of <weft/co.h> for sockets: ready at once, after waiting, timed out, cancelled by
// close(), and beside fibers and plain threads.
#include <gtest/gtest.h>
#include <weft/co.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class AsyncSocket : public ::testing::TestWithParam<transport> {
protected:
    runtime runtime_{{.workers = 2}};
};
INSTANTIATE_TEST_SUITE_P(Transports, AsyncSocket,
                         ::testing::Values(transport::tcp, transport::unix_stream),
                         ::testing::PrintToStringParamName());

/// As read_text() for coroutines.
task<std::string> async_read_text(socket& from, std::size_t most = 1024,
                                  deadline until = safety_net) {
    std::string text(most, '\0');
    const auto n = co_await co::read(from, std::as_writable_bytes(std::span(text)), until);
    if (!n) {
        co_return "error: " + n.error().message();
    }
    text.resize(*n);
    co_return text;
}

task<std::error_code> async_write_text(socket& to, std::string_view text,
                                       deadline until = safety_net) {
    const auto written = co_await co::write(to, bytes_of(text), until);
    co_return written ? weft::error() : written.error();
}

task<> echo(socket& s) {
    for (;;) {
        const std::string text = co_await async_read_text(s);
        if (text.empty()) {
            break;
        }
        const std::error_code failed = co_await async_write_text(s, text);
        if (failed) {
            break;
        }
    }
}

TEST_P(AsyncSocket, EchoesToFibersAndThreads) {
    for (const actor_kind kind : {actor_kind::fiber, actor_kind::thread}) {
        auto pair = connect_pair(GetParam());
        auto coroutine = runtime_.spawn(echo(pair.far));
        act(runtime_, kind, [&] {
            for (int i = 0; i < 500; ++i) {
                const std::string text = "message " + std::to_string(i);
                ASSERT_FALSE(write_text(pair.near, text));
                ASSERT_EQ(read_exactly(pair.near, text.size()), text);
            }
            EXPECT_TRUE(pair.near.shutdown_write());
        });
        coroutine.join();
    }
}

task<> ping(socket& s, int rounds) {
    for (int i = 0; i < rounds; ++i) {
        EXPECT_FALSE(co_await async_write_text(s, "ping", deadline::never()));
        EXPECT_EQ(co_await async_read_text(s, 100, deadline::never()), "ping");
    }
    EXPECT_TRUE(s.shutdown_write());
}

TEST_P(AsyncSocket, CoroutinesOnBothEnds) {
    auto pair = connect_pair(GetParam());
    auto a = runtime_.spawn(echo(pair.far));
    auto b = runtime_.spawn(ping(pair.near, 2000));
    a.join();
    b.join();
}

task<> sends_twice(socket& s, const std::string& text) {
    EXPECT_FALSE(co_await async_write_text(s, text, deadline::never()));
    EXPECT_FALSE(co_await async_write_text(s, text, safety_net));
    s.close();
}

task<std::string> reads_slowly(socket& s) {
    std::string got;
    for (std::size_t size = 1;; size = size % 5000 + 97) {
        const std::string part = co_await async_read_text(s, size);
        if (part.empty()) {
            break;
        }
        got += part;
        co_await co::yield();
    }
    co_return got;
}

TEST_P(AsyncSocket, LargeWritesAgainstASlowReader) {
    auto pair = connect_pair(GetParam());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string text = pattern(300'000);
    auto writer = runtime_.spawn(sends_twice(pair.near, text));
    auto reader = runtime_.spawn(reads_slowly(pair.far));
    EXPECT_TRUE(reader.join() == text + text);
    writer.join();
}

task<> times_out(socket& near, socket& far) {
    std::array<std::byte, 8> buffer{};
    for (int i = 0; i < 3; ++i) {
        const auto start = clock::now();
        const auto n = co_await co::read(far, buffer, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_EQ(n.error(), std::errc::timed_out);
        EXPECT_FALSE(co_await async_write_text(near, "on", clock::time_point::min()));
        EXPECT_EQ(co_await async_read_text(far, 100, clock::time_point::min()), "on")
            << "what need not wait succeeds";
    }
    const auto n = co_await co::read(far, buffer, clock::time_point::min());
    EXPECT_EQ(n.error(), std::errc::timed_out);
    const std::string much = pattern(8'000'000);
    const auto start = clock::now();
    EXPECT_EQ(co_await async_write_text(near, much, 3ms), std::errc::timed_out);
    EXPECT_GE(clock::now() - start, 3ms);
    const std::error_code at_once = co_await async_write_text(near, much, clock::time_point::min());
    EXPECT_EQ(at_once, std::errc::timed_out);
}

TEST_P(AsyncSocket, TimesOutNeverEarlyAndGoesOn) {
    auto pair = connect_pair(GetParam());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    runtime_.spawn(times_out(pair.near, pair.far)).join();
}

task<> nothing_to_do(socket& near, socket& far) {
    std::array<std::byte, 8> buffer{};
    const auto none = std::span(buffer).first(0);
    EXPECT_EQ(*co_await co::read(far, none), 0u);
    EXPECT_TRUE(co_await co::write(near, none));
    socket closed;
    const auto bad_read = co_await co::read(closed, buffer);
    EXPECT_EQ(bad_read.error(), std::errc::bad_file_descriptor);
    const auto bad_write = co_await co::write(closed, buffer);
    EXPECT_EQ(bad_write.error(), std::errc::bad_file_descriptor);
    near.close();
    const auto late = co_await co::read(near, buffer);
    EXPECT_EQ(late.error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(co_await async_read_text(far), "");
    EXPECT_EQ(co_await async_read_text(far), "");
    listener no_listener;
    const auto no_accept = co_await co::accept(no_listener);
    EXPECT_EQ(no_accept.error(), std::errc::bad_file_descriptor);
}

TEST_P(AsyncSocket, NothingToDoAndNothingToDoItWith) {
    auto pair = connect_pair(GetParam());
    runtime_.spawn(nothing_to_do(pair.near, pair.far)).join();
}

task<std::error_code> reads_once(socket& s, std::atomic<bool>& about_to, deadline until) {
    std::array<std::byte, 8> buffer{};
    about_to = true;
    const auto n = co_await co::read(s, buffer, until);
    co_return n ? weft::error() : n.error();
}

TEST_P(AsyncSocket, CloseEndsAReader) {
    for (int i = 0; i < 100; ++i) {
        auto pair = connect_pair(GetParam());
        std::atomic<bool> about_to = false;
        auto reader = runtime_.spawn(
            reads_once(pair.near, about_to, i % 2 == 0 ? deadline::never() : deadline(safety_net)));
        ASSERT_TRUE(eventually([&] { return about_to.load(); }));
        for (int k = 0; k < i % 4; ++k) {
            this_fiber::yield();
        }
        pair.near.close();
        const std::error_code error = reader.join();
        ASSERT_TRUE(error == std::errc::operation_canceled ||
                    error == std::errc::bad_file_descriptor)
            << error.message();
        EXPECT_EQ(read_text(pair.far), "");
    }
}

TEST_P(AsyncSocket, CloseEndsAReaderThatIsParked) {
    runtime alone({.workers = 1});
    auto pair = connect_pair(GetParam());
    std::atomic<bool> about_to = false;
    alone.run([&] {
        auto reader = spawn(reads_once(pair.near, about_to, deadline::never()));
        EXPECT_TRUE(eventually([&] { return about_to.load(); }));
        pair.near.close();
        EXPECT_EQ(reader.join(), std::errc::operation_canceled);
    });
}

TEST_P(AsyncSocket, CloseEndsAWriter) {
    for (int i = 0; i < 20; ++i) {
        auto pair = connect_pair(GetParam());
        shrink_buffers(pair.near);
        shrink_buffers(pair.far);
        const std::string much = pattern(1'000'000);
        auto writer = runtime_.spawn(async_write_text(
            pair.near, much, i % 2 == 0 ? deadline::never() : deadline(safety_net)));
        EXPECT_FALSE(read_text(pair.far, 1000).empty());  // it is in its call
        pair.near.close();
        ASSERT_EQ(writer.join(), std::errc::operation_canceled);
    }
}

TEST_P(AsyncSocket, PeerResets) {
    auto pair = connect_pair(GetParam());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string much = pattern(1'000'000);
    auto writer = runtime_.spawn(async_write_text(pair.near, much));
    EXPECT_FALSE(read_text(pair.far, 1000).empty());
    reset(pair.far);
    const std::error_code error = writer.join();
    EXPECT_TRUE(error == std::errc::connection_reset || error == std::errc::broken_pipe)
        << error.message();
}

task<> accepts_in_all_ways(listener& l, endpoint at) {
    const auto start = clock::now();
    const auto none = co_await co::accept(l, 2ms);
    EXPECT_EQ(none.error(), std::errc::timed_out);
    EXPECT_GE(clock::now() - start, 2ms);
    for (int i = 0; i < 100; ++i) {
        auto client = co_await co::connect(at, i % 2 == 0 ? deadline::never() : safety_net);
        EXPECT_TRUE(client);
        auto server = co_await co::accept(
            l, i % 3 == 0 ? deadline(clock::time_point::min()) : deadline(safety_net));
        EXPECT_TRUE(server) << "what need not wait succeeds";
        if (!client || !server) {
            co_return;
        }
        EXPECT_FALSE(co_await async_write_text(*client, "hello"));
        EXPECT_EQ(co_await async_read_text(*server), "hello");
        const auto near = client->local_endpoint();
        EXPECT_EQ(*server->peer_endpoint(), *near);
    }
    l.close();
    const auto closed = co_await co::accept(l);
    EXPECT_EQ(closed.error(), std::errc::bad_file_descriptor);
    const auto refused = co_await co::connect(at, safety_net);
    EXPECT_EQ(refused.error(), std::errc::connection_refused);
}

TEST_P(AsyncSocket, AcceptsAndConnects) {
    listener l = listen_on(GetParam());
    const std::size_t before = open_descriptors();
    runtime_.spawn(accepts_in_all_ways(l, *l.local_endpoint())).join();
    EXPECT_EQ(open_descriptors(), before - 1) << "the listener is closed";
}

task<int> accepts_until_closed(listener& l, int who) {
    int accepted = 0;
    for (;;) {
        auto s = co_await co::accept(l, who % 3 == 0 ? deadline(200us) : deadline::never());
        if (s) {
            ++accepted;
            EXPECT_FALSE(co_await async_write_text(*s, "served"));
        } else if (s.error() != std::errc::timed_out) {
            break;
        }
    }
    co_return accepted;
}

task<> is_served(endpoint at, int times) {
    for (int i = 0; i < times; ++i) {
        auto s = co_await co::connect(at, safety_net);
        EXPECT_TRUE(s);
        if (s) {
            EXPECT_EQ(co_await async_read_text(*s), "served");
        }
    }
}

TEST_P(AsyncSocket, ManyAcceptOnOneListenerFibersToo) {
    listener l = listen_on(GetParam());
    const endpoint at = *l.local_endpoint();
    std::vector<task_handle<int>> servers;
    std::vector<task_handle<>> clients;
    std::atomic<int> by_fibers = 0;
    for (int i = 0; i < 10; ++i) {
        servers.push_back(runtime_.spawn(accepts_until_closed(l, i)));
    }
    fiber fiber_server = runtime_.spawn([&] {
        for (auto s = l.accept(); s; s = l.accept()) {
            ++by_fibers;
            EXPECT_FALSE(write_text(*s, "served"));
        }
    });
    for (int i = 0; i < 10; ++i) {
        clients.push_back(runtime_.spawn(is_served(at, 20)));
    }
    for (auto& each : clients) {
        each.join();
    }
    l.close();
    int accepted = 0;
    for (auto& each : servers) {
        accepted += each.join();
    }
    fiber_server.join();
    EXPECT_EQ(accepted + by_fibers, 200);
}

task<> meets_a_full_backlog(endpoint at) {
    std::vector<socket> waiting;
    for (;;) {
        auto s = co_await co::connect(at, 20ms);
        if (!s) {
            EXPECT_EQ(s.error(), std::errc::timed_out);
            break;
        }
        waiting.push_back(std::move(*s));
    }
    for (const auto timeout : {300us, 2500us}) {
        const auto start = clock::now();
        const auto s = co_await co::connect(at, timeout);
        EXPECT_GE(clock::now() - start, timeout);
        EXPECT_EQ(s.error(), std::errc::timed_out);
    }
}

TEST_P(AsyncSocket, ConnectTimesOutNeverEarlyWhileTheBacklogIsFull) {
    const listener l = listen_on(GetParam(), {.backlog = 1});
    runtime_.spawn(meets_a_full_backlog(*l.local_endpoint())).join();
}

task<> late_client(endpoint at, std::string& got) {
    auto s = co_await co::connect(at, safety_net);
    EXPECT_TRUE(s);
    if (s) {
        got = co_await async_read_text(*s);
    }
}

// TCP has queues in the kernel on both sides, and tries again after a second.
TEST(AsyncUnixSocket, ConnectWaitsForAPlaceInTheBacklog) {
    runtime r({.workers = 2});
    listener l = listen_on(transport::unix_stream, {.backlog = 0});
    const endpoint at = *l.local_endpoint();
    const auto first = connect(at, safety_net);
    ASSERT_TRUE(first);
    std::string got;
    auto client = r.spawn(late_client(at, got));
    ASSERT_TRUE(l.accept(safety_net));
    auto s = l.accept(safety_net);
    ASSERT_TRUE(s);
    EXPECT_FALSE(write_text(*s, "late"));
    client.join();
    EXPECT_EQ(got, "late");
}

task<> meets_no_descriptors(listener& l, endpoint at) {
    const auto client = co_await co::connect(at, safety_net);
    std::vector<std::error_code> errors;
    {
        const no_descriptors_left none;
        for (int i = 0; i < 3; ++i) {
            errors.push_back(error_of(co_await co::accept(l, safety_net)));
        }
        errors.push_back(error_of(co_await co::connect(at, safety_net)));
    }
    expect_no_descriptors(errors);
    EXPECT_TRUE(co_await co::accept(l, safety_net));
}

TEST_P(AsyncSocket, NoDescriptorsLeft) {
    listener l = listen_on(GetParam());
    runtime_.spawn(meets_no_descriptors(l, *l.local_endpoint())).join();
}

// A coroutine that never has to wait lets others run all the same.
task<> reads_what_is_there(socket& s, std::atomic<bool>& stop, std::atomic<long>& reads) {
    std::array<std::byte, 1> buffer{};
    while (!stop) {
        const auto n = co_await co::read(s, buffer, safety_net);
        if (!n || *n == 0) {
            break;
        }
        ++reads;
    }
}

TEST_P(AsyncSocket, ABusyReaderLetsOthersRun) {
    runtime alone({.workers = 1});
    auto pair = connect_pair(GetParam());
    ASSERT_FALSE(write_text(pair.far, std::string(50'000, 'x')));
    std::atomic<bool> stop = false;
    std::atomic<long> reads = 0;
    alone.run([&] {
        auto reader = spawn(reads_what_is_there(pair.near, stop, reads));
        EXPECT_TRUE(eventually([&] { return reads != 0; }));
        stop = true;  // this fiber got its turn
        reader.join();
    });
    EXPECT_LT(reads, 50'000);
}

}  // namespace
}  // namespace weft
