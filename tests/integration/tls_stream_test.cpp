// SPDX-License-Identifier: Apache-2.0
//
// TLS connections in use: two directions at once, deadlines, stops, ends, bad bytes; by fibers,
// plain threads and coroutines.
#include <gtest/gtest.h>
#include <poll.h>
#include <weft/co.h>
#include <weft/scope.h>
#include <weft/tls.h>

#include <array>
#include <atomic>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;

class TlsStream : public OnEachTransport {
protected:
    /// After the handshake.
    tls_pair connected() {
        auto pair = connect_tls(with_.client, with_.server, "localhost", how());
        establish(runtime_, pair);
        return pair;
    }

    both_contexts with_;
};
INSTANTIATE_TEST_SUITE_P(Cases, TlsStream, OnEachTransport::cases(), OnEachTransport::name_of_case);

void expect_pattern(tls_socket& from, std::size_t size) {
    const std::string wanted = pattern(size);
    std::string got;
    for (std::size_t most = 1; got.size() < size; most = most * 3 % 70'001) {
        const std::string part = read_text(from, most);
        ASSERT_NE(part, "");
        got += part;
    }
    EXPECT_TRUE(got == wanted);
}

// One reader and one writer on each side, with small buffers, so that all of them must wait.
TEST_P(TlsStream, MuchBothWaysAtOnce) {
    auto pair = connected();
    shrink_buffers(pair.client.transport());
    shrink_buffers(pair.server.transport());
    constexpr std::size_t size = 2'000'000;
    const std::string text = pattern(size);
    actor server_writes(runtime_, kind(), [&] { EXPECT_FALSE(write_text(pair.server, text)); });
    actor server_reads(runtime_, kind(), [&] { expect_pattern(pair.server, size); });
    actor client_writes(runtime_, kind(), [&] { EXPECT_FALSE(write_text(pair.client, text)); });
    act([&] { expect_pattern(pair.client, size); });
}

TEST_P(TlsStream, ManySmallPieces) {
    auto pair = connected();
    constexpr int pieces = 3000;
    actor writer(runtime_, kind(), [&] {
        for (int i = 0; i < pieces; ++i) {
            ASSERT_FALSE(write_text(pair.client, "0123456789"));
        }
        ASSERT_TRUE(pair.client.shutdown(safety_net));
    });
    act([&] {
        std::string got;
        for (std::string part = read_text(pair.server, 7); !part.empty();
             part = read_text(pair.server, 70)) {
            got += part;
        }
        EXPECT_EQ(got.size(), pieces * 10);
    });
}

TEST_P(TlsStream, NothingToReadOrWrite) {
    auto pair = connected();
    act([&] {
        EXPECT_EQ(read_text(pair.server, 0), "");
        EXPECT_FALSE(write_text(pair.client, ""));
        EXPECT_FALSE(write_text(pair.client, "x"));
        EXPECT_EQ(read_text(pair.server), "x");
    });
}

TEST_P(TlsStream, HalfTheConnectionEnds) {
    auto pair = connected();
    act([&] {
        EXPECT_FALSE(write_text(pair.client, "last words"));
        EXPECT_TRUE(pair.client.shutdown(safety_net));
        EXPECT_TRUE(pair.client.shutdown(safety_net)) << "again";
        EXPECT_EQ(write_text(pair.client, "more"), std::errc::broken_pipe);
        EXPECT_EQ(read_text(pair.server), "last words");
        EXPECT_EQ(read_text(pair.server), "");
        EXPECT_EQ(read_text(pair.server), "") << "and stays at the end";
        EXPECT_FALSE(write_text(pair.server, "answer"));
        EXPECT_EQ(read_text(pair.client), "answer");
    });
}

TEST_P(TlsStream, BeforeTheHandshakeAndAfterTheEnd) {
    auto pair = connect_tls(with_.client, with_.server, "localhost", how());
    act([&] {
        EXPECT_EQ(read_error(pair.client), std::errc::not_connected);
        EXPECT_EQ(write_text(pair.client, "x"), std::errc::not_connected);
        EXPECT_EQ(error_of(pair.client.shutdown(safety_net)), std::errc::not_connected);
        pair.client.close();
        EXPECT_FALSE(pair.client.is_open());
        EXPECT_EQ(error_of(pair.client.handshake(safety_net)), std::errc::bad_file_descriptor);
        tls_socket none;
        EXPECT_EQ(read_error(none), std::errc::bad_file_descriptor);
        EXPECT_EQ(none.version(), "");
        EXPECT_FALSE(none.transport().is_open());
    });
}

TEST_P(TlsStream, ABorrowedSocketStaysOpen) {
    auto pair = connect_pair(how());
    act([&] {
        tls_pair borrowing{.client = tls_socket(&pair.near, with_.client, "localhost"),
                           .server = tls_socket(&pair.far, with_.server)};
        establish(runtime_, borrowing);
        EXPECT_FALSE(write_text(borrowing.client, "hello"));
        EXPECT_EQ(read_text(borrowing.server), "hello");
    });
    EXPECT_TRUE(pair.near.is_open());
}

// Deadlines. What was given up is gone on with.

TEST_P(TlsStream, AHandshakeTimesOutAndGoesOn) {
    auto pair = connect_tls(with_.client, with_.server, "localhost", how());
    act([&] {
        for (int i = 0; i < 3; ++i) {
            const auto start = clock::now();
            EXPECT_EQ(error_of(pair.client.handshake(2ms)), std::errc::timed_out);
            EXPECT_GE(clock::now() - start, 2ms);
        }
        EXPECT_EQ(error_of(pair.client.handshake(clock::time_point::min())), std::errc::timed_out);
        establish(runtime_, pair);
        EXPECT_FALSE(write_text(pair.client, "hello"));
        EXPECT_EQ(read_text(pair.server), "hello");
    });
}

TEST_P(TlsStream, AReadTimesOutAndGoesOn) {
    auto pair = connected();
    act([&] {
        for (int i = 0; i < 5; ++i) {
            EXPECT_EQ(read_error(pair.server, 1ms), std::errc::timed_out);
            EXPECT_EQ(read_error(pair.server, clock::time_point::min()), std::errc::timed_out);
            ASSERT_FALSE(write_text(pair.client, "on", clock::time_point::min()));
            EXPECT_EQ(read_text(pair.server, 100, clock::time_point::min()), "on")
                << "what need not wait succeeds";
        }
    });
}

TEST_P(TlsStream, AWriteTimesOutAndTheStreamGoesOn) {
    auto pair = connected();
    shrink_buffers(pair.client.transport());
    shrink_buffers(pair.server.transport());
    const std::string much = pattern(4'000'000);
    act([&] {
        const auto start = clock::now();
        EXPECT_EQ(write_text(pair.client, much, 3ms), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 3ms);
        EXPECT_EQ(write_text(pair.client, much, clock::time_point::min()), std::errc::timed_out);
        std::string got;
        actor reader(runtime_, kind(), [&] {
            for (std::string part = read_text(pair.server, 60'000); !part.empty();
                 part = read_text(pair.server, 60'000)) {
                got += part;
            }
        });
        EXPECT_FALSE(write_text(pair.client, "the end"));
        EXPECT_TRUE(pair.client.shutdown(safety_net));
        reader.join();
        EXPECT_TRUE(got.ends_with("the end"));
        got.resize(got.size() - 7);
        EXPECT_TRUE(much.starts_with(got)) << "whole records of the first write, none of the other";
    });
}

// Stops.

TEST_P(TlsStream, CloseEndsWhoWaits) {
    auto pair = connected();
    shrink_buffers(pair.client.transport());
    const std::string much = pattern(4'000'000);
    std::atomic<int> waiting = 0;
    actor reader(runtime_, kind(), [&] {
        ++waiting;
        EXPECT_THAT(read_error(pair.client), ended_by_close());
    });
    actor writer(runtime_, kind(), [&] {
        ++waiting;
        EXPECT_THAT(write_text(pair.client, much), ended_by_close());
    });
    act([&] {
        ASSERT_TRUE(eventually([&] { return waiting == 2; }));
        static_cast<void>(this_fiber::sleep_for(2ms));  // so that most often they do wait
        pair.client.close();
    });
}

/// What a client does, and what must hold whatever ended it.
void converse(tls_socket& client, const std::string& text, std::error_code& error) {
    if ((error = error_of(client.handshake(safety_net)))) {
        return;
    }
    if ((error = write_text(client, text))) {
        return;
    }
    std::string got(text.size(), '\0');
    for (std::size_t have = 0; have < got.size();) {
        const auto n =
            client.read(std::as_writable_bytes(std::span(got)).subspan(have), safety_net);
        if (!n || *n == 0) {
            error = error_of(n);
            return;
        }
        have += *n;
    }
    EXPECT_TRUE(got == text);
    error = error_of(client.shutdown(safety_net));
}

/// Reads to the end; why it could not, or nothing.
std::error_code rest_of(tls_socket& from) {
    std::array<std::byte, 10'000> buffer{};
    for (;;) {
        const auto n = from.read(buffer, safety_net);
        if (!n || *n == 0) {
            return error_of(n);
        }
    }
}

// A client that is stopped at each of its waits reports that, and can go on as if nothing had been:
// everything but what was lost of its write.
TEST_P(TlsStream, StoppedAtEachWait) {
    const std::string text = pattern(20'000);
    bool stopped = true;
    for (std::uint64_t n = 1; stopped; ++n) {
        ASSERT_LT(n, 1000u);
        auto pair = connect_tls(with_.client, with_.server, "localhost", how());
        shrink_buffers(pair.client.transport());
        actor server(runtime_, actor_kind::fiber, [&] {
            if (pair.server.handshake(safety_net)) {
                echo(pair.server);
            }
        });
        act([&] {
            std::error_code error;
            stopped = stop_at_wait(n, [&] { converse(pair.client, text, error); });
            // What is ready by then is not waited for any more.
            EXPECT_TRUE(!error || (stopped && error == std::errc::operation_canceled))
                << n << ": " << error.message();
            EXPECT_TRUE(pair.client.handshake(safety_net)) << n;
            EXPECT_TRUE(pair.client.shutdown(safety_net)) << n;
            EXPECT_EQ(rest_of(pair.client), std::error_code()) << n;
        });
        server.join();
    }
}

TEST_P(TlsStream, StoppedWhileNobodyAnswers) {
    auto pair = connect_tls(with_.client, with_.server, "localhost", how());
    shrink_buffers(pair.client.transport());
    const std::string much = pattern(4'000'000);
    act([&] {
        std::error_code error;
        EXPECT_TRUE(stop_at_wait(1, [&] { error = error_of(pair.client.handshake(safety_net)); }));
        EXPECT_EQ(error, std::errc::operation_canceled);
        establish(runtime_, pair);
        EXPECT_TRUE(stop_at_wait(1, [&] { error = read_error(pair.server); }));
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_TRUE(stop_at_wait(1, [&] { error = write_text(pair.client, much); }));
        EXPECT_EQ(error, std::errc::operation_canceled);
        EXPECT_TRUE(stop_at_wait(1, [&] { error = error_of(pair.client.shutdown(safety_net)); }));
        EXPECT_EQ(error, std::errc::operation_canceled);
    });
}

bool has_bytes(const socket& s) {
    pollfd wanted{.fd = s.native_handle(), .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 0) == 1;
}

TEST_P(TlsStream, StoppedBefore) {
    auto pair = connected();
    act([&] {
        std::stop_source source;
        source.request_stop();
        with_stop_token(source.get_token(), [&] {
            EXPECT_EQ(read_error(pair.server), std::errc::operation_canceled);
            for (int i = 0; i < 50; ++i) {
                EXPECT_FALSE(write_text(pair.client, "x")) << "it need not wait";
                EXPECT_TRUE(eventually([&] { return has_bytes(pair.server.transport()); }));
                EXPECT_EQ(read_text(pair.server), "x") << "nor this";
            }
        });
    });
}

// Ends and bad bytes.

TEST_P(TlsStream, TruncationIsNoEnd) {
    auto pair = connected();
    act([&] {
        // Tickets come behind the handshake: who closes with unread bytes resets the connection.
        EXPECT_FALSE(write_text(pair.server, "x"));
        EXPECT_EQ(read_text(pair.client), "x");
        EXPECT_FALSE(write_text(pair.client, "half of a sen"));
        pair.client.close();
        EXPECT_EQ(read_text(pair.server), "half of a sen");
        const std::error_code error = read_error(pair.server);
        EXPECT_EQ(error, tls_errc::truncated);
        EXPECT_EQ(error, std::errc::connection_aborted);
        EXPECT_EQ(read_error(pair.server), tls_errc::truncated) << "and stays";
    });
}

TEST_P(TlsStream, TruncationDuringTheHandshake) {
    auto pair = connect_tls(with_.client, with_.server, "localhost", how());
    act([&] {
        pair.server.close();
        const std::error_code error = error_of(pair.client.handshake(safety_net));
        EXPECT_TRUE(error == tls_errc::truncated || error == std::errc::connection_reset)
            << error.message();
        auto other = connect_tls(with_.client, with_.server, "localhost", how());
        other.client.close();
        EXPECT_EQ(error_of(other.server.handshake(safety_net)), tls_errc::truncated);
        EXPECT_THAT(other.server.explain(), HasSubstr("during the handshake"));
    });
}

/// What each side says of a peer that sends `bytes` and then waits.
void expect_refused(const tls_context& context, transport how, std::string_view bytes) {
    auto pair = connect_pair(how);
    ASSERT_FALSE(write_text(pair.far, bytes));
    tls_socket victim(std::move(pair.near), context, "localhost");
    const std::error_code error = error_of(victim.handshake(safety_net));
    EXPECT_EQ(error, std::errc::protocol_error) << error.message();
    EXPECT_FALSE(victim.explain().empty());
    EXPECT_EQ(error_of(victim.handshake(safety_net)), error) << "and stays so";
    EXPECT_EQ(read_error(victim), error);
}

TEST_P(TlsStream, GarbageInsteadOfAHandshake) {
    act([&] {
        for (const tls_context& context : {with_.client, with_.server}) {
            expect_refused(context, how(), "SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
            expect_refused(context, how(), pattern(5000));
            expect_refused(context, how(), std::string(100, '\0'));
            expect_refused(context, how(), "\x16\x03\x01\x02\x00" + pattern(600));
        }
        expect_refused(with_.server, how(), "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        expect_refused(with_.client, how(), "HTTP/1.1 400 Bad Request\r\n\r\n");
    });
}

TEST_P(TlsStream, AnEndInsteadOfAHandshake) {
    act([&] {
        auto pair = connect_pair(how());
        const std::string close_notify("\x15\x03\x03\x00\x02\x01\x00", 7);
        ASSERT_FALSE(write_text(pair.far, close_notify));
        tls_socket client(std::move(pair.near), with_.client, "localhost");
        EXPECT_EQ(error_of(client.handshake(safety_net)), tls_errc::truncated) << client.explain();
        EXPECT_THAT(client.explain(), HasSubstr("during the handshake"));
    });
}

TEST_P(TlsStream, HttpIsCalledByItsName) {
    act([&] {
        auto pair = connect_pair(how());
        ASSERT_FALSE(write_text(pair.far, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"));
        tls_socket server(std::move(pair.near), with_.server);
        EXPECT_EQ(error_of(server.handshake(safety_net)), tls_errc::not_tls);
        EXPECT_THAT(server.explain(), HasSubstr("http request"));
    });
}

TEST_P(TlsStream, GarbageInTheMiddle) {
    for (const std::string& bytes : {std::string("garbage, and enough of it"),
                                     std::string("\x17\x03\x03\x00\x20", 5) + pattern(32),
                                     std::string("\x17\x03\x03\xff\xff", 5) + pattern(2000)}) {
        auto raw = connect_pair(how());
        tls_pair pair{.client = tls_socket(&raw.near, with_.client, "localhost"),
                      .server = tls_socket(&raw.far, with_.server)};
        act([&] {
            establish(runtime_, pair);
            EXPECT_FALSE(write_text(pair.client, "good"));
            ASSERT_TRUE(raw.near.write(bytes_of(bytes), safety_net));
            EXPECT_EQ(read_text(pair.server), "good");
            EXPECT_EQ(read_error(pair.server), tls_errc::bad_data) << pair.server.explain();
            EXPECT_EQ(write_text(pair.server, "x"), tls_errc::bad_data);
            EXPECT_EQ(read_error(pair.client), tls_errc::peer_alert) << "it is told";
            EXPECT_THAT(pair.client.explain(), HasSubstr("alert"));
        });
    }
}

TEST_P(TlsStream, ManyConnectionsAtOnce) {
    constexpr int connections = 200;
    std::atomic<int> good = 0;
    with_scope(runtime_, [&](scope& all) {
        for (int i = 0; i < connections; ++i) {
            all.spawn([&, i] {
                auto pair = connect_tls(with_.client, with_.server, "localhost", how());
                actor peer(runtime_, actor_kind::fiber, [&] {
                    ASSERT_TRUE(pair.server.handshake(safety_net)) << pair.server.explain();
                    echo(pair.server);
                });
                ASSERT_TRUE(pair.client.handshake(safety_net)) << pair.client.explain();
                const std::string text = pattern(static_cast<std::size_t>(1000 + i));
                for (int j = 0; j < 3; ++j) {
                    EXPECT_FALSE(write_text(pair.client, text));
                    EXPECT_TRUE(read_exactly(pair.client, text.size()) == text);
                }
                EXPECT_TRUE(pair.client.shutdown(safety_net));
                EXPECT_EQ(read_text(pair.client), "");
                peer.join();
                ++good;
            });
        }
    });
    EXPECT_EQ(good, connections);
}

TEST(TlsStreamDeathTest, TwoReadersAbort) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            runtime home(two_workers);
            both_contexts with;
            auto pair = connect_tls(with.client, with.server);
            establish(home, pair);
            actor one(home, actor_kind::fiber, [&] { read_text(pair.client); });
            actor two(home, actor_kind::fiber, [&] { read_text(pair.client); });
            one.join();
        },
        "two fibers read the same tls_socket");
}

}  // namespace
}  // namespace weft
