// SPDX-License-Identifier: Apache-2.0
//
// TLS by coroutines: the awaitable forms, alone and beside fibers and plain threads.
#include <gtest/gtest.h>
#include <weft/buffered.h>
#include <weft/co.h>
#include <weft/scope.h>
#include <weft/tls.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

task<std::string> async_read_text(tls_socket& from, std::size_t most = 1024,
                                  deadline until = safety_net) {
    std::string text(most, '\0');
    const auto n = co_await co::read(from, std::as_writable_bytes(std::span(text)), until);
    if (!n) {
        co_return "error: " + n.error().message();
    }
    text.resize(*n);
    co_return text;
}

task<std::error_code> async_write_text(tls_socket& to, std::string_view text,
                                       deadline until = safety_net) {
    const auto written = co_await co::write(to, bytes_of(text), until);
    co_return error_of(written);
}

task<std::error_code> async_handshake(tls_socket& peer, deadline until = safety_net) {
    const auto done = co_await co::handshake(peer, until);
    co_return error_of(done);
}

/// Handshake and echo.
task<> serve_echo(tls_socket& peer) {
    const std::error_code failed = co_await async_handshake(peer);
    EXPECT_FALSE(failed) << peer.explain();
    for (;;) {
        const std::string text = co_await async_read_text(peer, 5000);
        if (text.empty() || text.starts_with("error: ")) {
            break;
        }
        const std::error_code unsent = co_await async_write_text(peer, text);
        if (unsent) {
            break;
        }
    }
    const auto ended = co_await co::shutdown(peer, safety_net);
    static_cast<void>(ended);
}

class TlsCoroutine : public ::testing::TestWithParam<transport> {
protected:
    tls_pair pair() { return connect_tls(with_.client, with_.server, "localhost", GetParam()); }

    runtime home_{two_workers};
    both_contexts with_;
};
INSTANTIATE_TEST_SUITE_P(Transports, TlsCoroutine,
                         ::testing::Values(transport::tcp, transport::unix_stream),
                         ::testing::PrintToStringParamName());

TEST_P(TlsCoroutine, EchoesToFibersAndThreads) {
    for (const actor_kind kind : {actor_kind::fiber, actor_kind::thread}) {
        auto both = pair();
        auto server = home_.spawn(serve_echo(both.server));
        act(home_, kind, [&] {
            ASSERT_TRUE(both.client.handshake(safety_net)) << both.client.explain();
            for (const std::size_t size : {1u, 100u, 20'000u, 100'000u}) {
                const std::string text = pattern(size);
                actor writer(home_, actor_kind::fiber,
                             [&] { EXPECT_FALSE(write_text(both.client, text)); });
                EXPECT_TRUE(read_exactly(both.client, size) == text);
            }
            EXPECT_TRUE(both.client.shutdown(safety_net));
            EXPECT_EQ(read_text(both.client), "");
        });
        server.join();
    }
}

task<> answer_lines(tls_socket& peer) {
    const std::error_code failed = co_await async_handshake(peer);
    EXPECT_FALSE(failed) << peer.explain();
    buffered_reader in(peer);
    buffered_writer out(peer);
    for (;;) {
        const auto line = co_await co::read_line(in, safety_net);
        if (!line || !*line) {
            EXPECT_TRUE(line) << line.error().message();
            break;
        }
        auto written = co_await co::write(out, "re: ");
        written = co_await co::write(out, std::string(**line) + "\n");
        written = co_await co::flush(out, safety_net);
        EXPECT_TRUE(written);
    }
    const auto ended = co_await co::shutdown(peer, safety_net);
    EXPECT_TRUE(ended);
}

constexpr int lines = 50;
std::string line_number(int i) {
    return std::string(static_cast<std::size_t>(i) * 97 % 5000, 'x') + std::to_string(i);
}

void ask_lines(tls_socket& peer) {
    ASSERT_TRUE(peer.handshake(safety_net)) << peer.explain();
    buffered_reader in(peer);
    buffered_writer out(peer);
    for (int i = 0; i < lines; ++i) {
        ASSERT_TRUE(out.write(line_number(i)) && out.write("\n") && out.flush(safety_net));
        const auto line = in.read_line(safety_net);
        ASSERT_TRUE(line && *line);
        EXPECT_EQ(**line, "re: " + line_number(i));
    }
    EXPECT_TRUE(peer.shutdown(safety_net));
    const auto end = in.read_line(safety_net);
    EXPECT_TRUE(end && !*end) << "the peer has said that this is all";
}

task<> ask_lines_in_coroutine(tls_socket& peer) {
    const std::error_code failed = co_await async_handshake(peer);
    EXPECT_FALSE(failed) << peer.explain();
    buffered_reader in(peer);
    buffered_writer out(peer);
    for (int i = 0; i < lines; ++i) {
        const std::string text = line_number(i) + "\n";
        auto written = co_await co::write(out, text);
        written = co_await co::flush(out, safety_net);
        EXPECT_TRUE(written);
        const auto line = co_await co::read_line(in, safety_net);
        EXPECT_TRUE(line && *line && "re: " + line_number(i) == **line);
    }
    const auto nothing = co_await co::read_line(in, 1ms);
    EXPECT_EQ(error_of(nothing), std::errc::timed_out);
    const auto ended = co_await co::shutdown(peer, safety_net);
    EXPECT_TRUE(ended);
    const auto end = co_await co::read_line(in, safety_net);
    EXPECT_TRUE(end && !*end);
}

TEST_P(TlsCoroutine, LinesByFibersThreadsAndCoroutines) {
    for (const actor_kind kind : {actor_kind::fiber, actor_kind::thread}) {
        auto both = pair();
        auto server = home_.spawn(answer_lines(both.server));
        act(home_, kind, [&] { ask_lines(both.client); });
        server.join();
    }
    auto both = pair();
    auto server = home_.spawn(answer_lines(both.server));
    home_.spawn(ask_lines_in_coroutine(both.client)).join();
    server.join();
}

task<> write_all(tls_socket& to, const std::string& text) {
    const std::error_code failed = co_await async_write_text(to, text);
    EXPECT_FALSE(failed);
}

task<> read_all(tls_socket& from, const std::string& text) {
    std::string got;
    while (got.size() < text.size()) {
        const std::string part = co_await async_read_text(from, 30'000);
        EXPECT_FALSE(part.empty() || part.starts_with("error: ")) << part;
        if (part.empty() || part.starts_with("error: ")) {
            break;
        }
        got += part;
    }
    EXPECT_TRUE(got == text);
}

TEST_P(TlsCoroutine, MuchBothWaysAtOnce) {
    auto both = pair();
    establish(home_, both);
    shrink_buffers(both.client.transport());
    shrink_buffers(both.server.transport());
    const std::string text = pattern(1'000'000);
    std::vector<task_handle<>> all;
    all.push_back(home_.spawn(write_all(both.client, text)));
    all.push_back(home_.spawn(write_all(both.server, text)));
    all.push_back(home_.spawn(read_all(both.client, text)));
    all.push_back(home_.spawn(read_all(both.server, text)));
    for (auto& one : all) {
        one.join();
    }
}

task<> time_out_and_go_on(tls_socket& client) {
    std::error_code failed = co_await async_handshake(client, 2ms);
    EXPECT_EQ(failed, std::errc::timed_out);
    failed = co_await async_handshake(client, clock::time_point::min());
    EXPECT_EQ(failed, std::errc::timed_out);
}

task<> read_late(tls_socket& client, tls_socket& server) {
    for (int i = 0; i < 5; ++i) {
        const std::string nothing = co_await async_read_text(server, 10, 1ms);
        EXPECT_EQ(nothing, "error: read: Connection timed out");
        const std::error_code failed =
            co_await async_write_text(client, "on", clock::time_point::min());
        EXPECT_FALSE(failed);
        const std::string text = co_await async_read_text(server, 10, clock::time_point::min());
        EXPECT_EQ(text, "on") << "what need not wait succeeds";
    }
}

TEST_P(TlsCoroutine, DeadlinesPassAndItGoesOn) {
    auto both = pair();
    home_.spawn(time_out_and_go_on(both.client)).join();
    establish(home_, both);
    home_.spawn(read_late(both.client, both.server)).join();
}

task<> converse_in_coroutine(tls_socket& client, const std::string& text, std::error_code& error) {
    error = co_await async_handshake(client);
    if (!error) {
        error = co_await async_write_text(client, text);
    }
    for (std::size_t have = 0; !error && have < text.size();) {
        std::array<std::byte, 5000> buffer{};
        const auto n = co_await co::read(client, buffer, safety_net);
        error = error_of(n);
        have += n.value_or(0);
    }
    if (!error) {
        const auto ended = co_await co::shutdown(client, safety_net);
        error = error_of(ended);
    }
}

task<bool> stopped_at(std::uint64_t n, tls_socket& client, const std::string& text) {
    std::error_code error;
    const bool stopped = co_await co::stop_at_wait(n, converse_in_coroutine(client, text, error));
    EXPECT_TRUE(!error || (stopped && error == std::errc::operation_canceled)) << error.message();
    error = co_await async_handshake(client);
    EXPECT_FALSE(error);
    const auto ended = co_await co::shutdown(client, safety_net);
    EXPECT_TRUE(ended);
    co_return stopped;
}

TEST_P(TlsCoroutine, StoppedAtEachWait) {
    const std::string text = pattern(20'000);
    bool stopped = true;
    for (std::uint64_t n = 1; stopped; ++n) {
        ASSERT_LT(n, 1000u);
        auto both = pair();
        shrink_buffers(both.client.transport());
        auto server = home_.spawn(serve_echo(both.server));
        stopped = home_.spawn(stopped_at(n, both.client, text)).join();
        std::string rest = "more";
        while (!rest.empty() && !rest.starts_with("error: ")) {
            rest = read_text(both.client, 50'000);
        }
        EXPECT_EQ(rest, "") << n;
        server.join();
    }
}

task<> stop_each_call(tls_socket& client, tls_socket& server) {
    std::error_code error;
    const std::string much = pattern(4'000'000);
    const auto reading = [](tls_socket& s, std::error_code& out) -> task<> {
        std::array<std::byte, 10> buffer{};
        const auto n = co_await co::read(s, buffer, safety_net);
        out = error_of(n);
    };
    const auto writing = [](tls_socket& s, const std::string& text,
                            std::error_code& out) -> task<> {
        const auto n = co_await co::write(s, bytes_of(text), safety_net);
        out = error_of(n);
    };
    bool stopped = co_await co::stop_at_wait(1, reading(server, error));
    EXPECT_TRUE(stopped);
    EXPECT_EQ(error, std::errc::operation_canceled);
    stopped = co_await co::stop_at_wait(1, writing(client, much, error));
    EXPECT_TRUE(stopped);
    EXPECT_EQ(error, std::errc::operation_canceled);
}

TEST_P(TlsCoroutine, StoppedWhileNobodyAnswers) {
    auto both = pair();
    shrink_buffers(both.client.transport());
    establish(home_, both);
    home_.spawn(stop_each_call(both.client, both.server)).join();
}

task<> say_nothing_until_closed(tls_socket& peer, std::atomic<int>& waiting) {
    ++waiting;
    std::array<std::byte, 10> buffer{};
    const auto n = co_await co::read(peer, buffer, safety_net);
    EXPECT_THAT(error_of(n), ended_by_close());
}

TEST_P(TlsCoroutine, CloseEndsWhoWaits) {
    auto both = pair();
    establish(home_, both);
    std::atomic<int> waiting = 0;
    auto reader = home_.spawn(say_nothing_until_closed(both.server, waiting));
    ASSERT_TRUE(eventually([&] { return waiting == 1; }));
    static_cast<void>(this_fiber::sleep_for(2ms));
    both.server.close();
    reader.join();
}

TEST_P(TlsCoroutine, ManyAtOnce) {
    constexpr int connections = 100;
    const std::string text = pattern(3000);
    std::vector<tls_pair> pairs;
    std::vector<task_handle<>> all;
    std::vector<std::error_code> errors(connections);
    for (int i = 0; i < connections; ++i) {
        pairs.push_back(pair());
    }
    for (std::size_t i = 0; i < connections; ++i) {
        all.push_back(home_.spawn(serve_echo(pairs[i].server)));
        all.push_back(home_.spawn(converse_in_coroutine(pairs[i].client, text, errors[i])));
    }
    for (auto& one : all) {
        one.join();
    }
    for (const std::error_code& error : errors) {
        EXPECT_FALSE(error) << error.message();
    }
}

task<std::error_code> read_closed() {
    tls_socket none;
    const std::string text = co_await async_read_text(none);
    EXPECT_EQ(text, "error: read: Bad file descriptor");
    const std::error_code error = co_await async_handshake(none);
    co_return error;
}

TEST_P(TlsCoroutine, AClosedOne) {
    EXPECT_EQ(home_.spawn(read_closed()).join(), std::errc::bad_file_descriptor);
}

}  // namespace
}  // namespace weft
