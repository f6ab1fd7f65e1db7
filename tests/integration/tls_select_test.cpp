// SPDX-License-Identifier: Apache-2.0
//
// weft::select on TLS connections: readable when read() would not wait, which the socket alone does
// not tell.
#include <gtest/gtest.h>
#include <poll.h>
#include <weft/select.h>
#include <weft/tls.h>

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>

#include "channel_calls.h"
#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

const auto lay_aside = [](std::optional<int> /*unused*/) {};

bool socket_has_bytes(const tls_socket& s) {
    pollfd wanted{.fd = s.transport().native_handle(), .events = POLLIN, .revents = 0};
    return ::poll(&wanted, 1, 0) == 1;
}

class SelectOnTls : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    /// After the handshake.
    tls_pair connected() {
        tls_pair pair = connect_tls(with_.client, with_.server);
        establish(home_, pair);
        return pair;
    }

    void expect_ready(const tls_socket& s) {
        as(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_receive(nobody_, lay_aside), on_readable(s)), 1u);
            EXPECT_EQ(by.select(on_readable(s), otherwise()), 0u);
        });
    }

    void expect_not_ready(const tls_socket& s) {
        as(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_readable(s), on_deadline(3ms)), 1u);
            EXPECT_EQ(by.select(on_readable(s), otherwise()), 1u);
        });
    }

    template <class Then>
    void expect_ends_the_wait(const tls_socket& s, Then then) {
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_receive(nobody_, lay_aside), on_readable(s)), 1u);
        });
        ASSERT_TRUE(until_receivers_wait(nobody_));
        then();
    }

    both_contexts with_;
    channel<int> nobody_;
    runtime home_{{.workers = 2}};
};
INSTANTIATE_TEST_SUITE_P(Callers, SelectOnTls, ::testing::ValuesIn(all_callers),
                         ::testing::PrintToStringParamName());

TEST_P(SelectOnTls, WhatWasDecryptedAndNotReadIsReady) {
    tls_pair pair = connected();
    ASSERT_FALSE(write_text(pair.server, "a text of one record"));
    ASSERT_EQ(read_text(pair.client, 6), "a text");
    EXPECT_FALSE(socket_has_bytes(pair.client)) << "or this tests nothing";
    expect_ready(pair.client);
    EXPECT_EQ(read_text(pair.client), " of one record");
    expect_not_ready(pair.client);
}

/// The server sends tickets after the handshake, which are no data.
TEST_P(SelectOnTls, WhatIsNoDataIsNotReady) {
    tls_pair pair = connected();
    ASSERT_EQ(pair.client.version(), "TLSv1.3");
    ASSERT_TRUE(eventually([&] { return socket_has_bytes(pair.client); }));
    expect_not_ready(pair.client);
    EXPECT_FALSE(socket_has_bytes(pair.client)) << "they were taken";
    expect_ends_the_wait(pair.client, [&] { EXPECT_FALSE(write_text(pair.server, "text")); });
    EXPECT_EQ(read_text(pair.client), "text");
}

/// Bytes from one socket to another one.
void relay(socket& from, socket& to, std::size_t size) {
    const std::string bytes = read_exactly(from, size);
    ASSERT_EQ(bytes.size(), size);
    EXPECT_FALSE(write_text(to, bytes));
}

TEST_P(SelectOnTls, APartOfARecordIsNotReady) {
    connected_pair of_client = connect_pair(transport::tcp);
    connected_pair of_server = connect_pair(transport::tcp);
    tls_pair pair{tls_socket(std::move(of_client.near), with_.client, "localhost"),
                  tls_socket(std::move(of_server.near), with_.server)};
    std::stop_source established;
    const auto forward = [&](socket& from, socket& to) {
        with_stop_token(established.get_token(), [&] {
            std::string text;
            while (!(text = read_text(from)).starts_with("error: ")) {
                EXPECT_FALSE(write_text(to, text));
            }
        });
    };
    actor there(home_, actor_kind::thread, [&] { forward(of_client.far, of_server.far); });
    actor back(home_, actor_kind::thread, [&] { forward(of_server.far, of_client.far); });
    establish(home_, pair);
    ASSERT_FALSE(write_text(pair.server, "first"));
    ASSERT_EQ(read_text(pair.client), "first") << "behind all tickets";
    established.request_stop();
    there.join();
    back.join();

    ASSERT_FALSE(write_text(pair.server, std::string(1000, 'x')));
    relay(of_server.far, of_client.far, 500);
    ASSERT_TRUE(eventually([&] { return socket_has_bytes(pair.client); }));
    expect_not_ready(pair.client);
    relay(of_server.far, of_client.far, 300);
    expect_not_ready(pair.client);
    expect_ends_the_wait(
        pair.client, [&] { EXPECT_FALSE(write_text(of_client.far, read_text(of_server.far))); });
    EXPECT_EQ(read_text(pair.client), std::string(1000, 'x'));
}

TEST_P(SelectOnTls, ChannelsDeadlinesAndStopsEndTheWait) {
    tls_pair pair = connected();
    std::stop_source stop;
    party stopped(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.within({.until = 2ms}).select(on_readable(pair.client)).error(),
                  std::errc::timed_out);
        EXPECT_EQ(by.within({.stop = stop.get_token()})
                      .select(on_readable(pair.client), on_receive(nobody_, lay_aside))
                      .error(),
                  std::errc::operation_canceled);
    });
    ASSERT_TRUE(until_receivers_wait(nobody_));
    stop.request_stop();
    stopped.join();
    party receiving(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_readable(pair.client), on_receive(nobody_, lay_aside)), 1u);
    });
    EXPECT_TRUE(nobody_.send(1, safety_net));
    receiving.join();
    EXPECT_FALSE(write_text(pair.server, "text"));
    EXPECT_EQ(read_text(pair.client), "text");
}

TEST_P(SelectOnTls, TheEndIsReady) {
    tls_pair pair = connected();
    expect_ends_the_wait(pair.client, [&] { EXPECT_TRUE(pair.server.shutdown(safety_net)); });
    EXPECT_EQ(read_text(pair.client), "");
    expect_ready(pair.client);

    tls_pair cut = connected();
    expect_ends_the_wait(cut.client, [&] { cut.server.close(); });
    EXPECT_EQ(read_error(cut.client), tls_errc::truncated);
    expect_ready(cut.client);

    tls_pair closed = connected();
    expect_ends_the_wait(closed.client, [&] { closed.client.close(); });
    expect_ready(closed.client);
    expect_ready(tls_socket());
}

TEST_P(SelectOnTls, BeforeTheHandshakeAReadFailsAtOnce) {
    const tls_pair pair = connect_tls(with_.client, with_.server);
    expect_ready(pair.client);
}

TEST_P(SelectOnTls, WritableWhenThereIsRoom) {
    tls_pair pair = connected();
    as(home_, kind(),
       [&](const calls& by) { EXPECT_EQ(by.select(on_writable(pair.client), otherwise()), 0u); });
    shrink_buffers(pair.client.transport());
    const std::string much = pattern(1 << 20);
    ASSERT_TRUE(eventually([&] {
        static_cast<void>(write_text(pair.client, much, 1ms));
        return select(on_writable(pair.client), otherwise()) == 1u;
    }));
    std::atomic<bool> writable = false;
    party selecting(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(nobody_, lay_aside), on_writable(pair.client)), 1u);
        writable = true;
    });
    while (!writable) {
        static_cast<void>(read_text(pair.server, 1 << 16, 1ms));
    }
}

/// A reader that selects, a writer beside it who keeps the engine busy, and a channel.
TEST_P(SelectOnTls, BesideAWriter) {
    constexpr int rounds = 200;
    tls_pair pair = connected();
    const std::string some = pattern(5000);
    actor echoing(home_, actor_kind::fiber, [&] { echo(pair.server); });
    std::atomic<std::size_t> got = 0;
    std::atomic<int> values = 0;
    party selecting(home_, kind(), [&](const calls& by) {
        while (got < rounds * some.size() || values < rounds) {
            const auto taken = by.select(on_receive(nobody_, [&](std::optional<int>) { ++values; }),
                                         on_readable(pair.client), on_deadline(safety_net));
            ASSERT_TRUE(taken && *taken != 2u) << got << " " << values;
            if (*taken == 1u) {
                const std::string text = read_text(pair.client, 3000, 0s);
                ASSERT_FALSE(text.starts_with("error: ")) << text << ": it had to wait";
                got += text.size();
            }
        }
    });
    actor writing(home_, actor_kind::fiber, [&] {
        for (int i = 0; i < rounds; ++i) {
            EXPECT_FALSE(write_text(pair.client, some));
        }
    });
    for (int i = 0; i < rounds; ++i) {
        EXPECT_TRUE(nobody_.send(i, safety_net));
    }
    writing.join();
    selecting.join();
    EXPECT_TRUE(pair.client.shutdown(safety_net));
}

TEST(SelectOnTlsDeathTest, TwoReaders) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            const both_contexts with;
            runtime home({.workers = 1});
            tls_pair pair = connect_tls(with.client, with.server);
            establish(home, pair);
            static_cast<void>(select(on_readable(pair.client), on_readable(pair.client)));
        },
        "two fibers read the same");
}

}  // namespace
}  // namespace weft
