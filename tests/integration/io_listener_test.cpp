// SPDX-License-Identifier: Apache-2.0
//
// Listeners and connecting, on fibers and plain threads, TCP and Unix.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <tuple>
#include <vector>

#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class IoListener : public OnEachTransport {};
INSTANTIATE_TEST_SUITE_P(Cases, IoListener, OnEachTransport::cases(),
                         OnEachTransport::name_of_case);

TEST_P(IoListener, AcceptsBeforeAndAfterTheClientComes) {
    listener l = listen_on(how());
    const endpoint at = *l.local_endpoint();
    for (int i = 0; i < 50; ++i) {
        actor server(runtime_, kind(), [&] {
            auto s = l.accept(i % 2 == 0 ? deadline::never() : deadline(safety_net));
            ASSERT_TRUE(s);
            EXPECT_FALSE(write_text(*s, "welcome"));
        });
        act([&] {
            auto s = connect(at, i % 3 == 0 ? deadline::never() : deadline(safety_net));
            ASSERT_TRUE(s);
            EXPECT_EQ(read_text(*s), "welcome");
        });
    }
}

TEST_P(IoListener, AcceptTimesOutNeverEarly) {
    listener l = listen_on(how());
    act([&] {
        const auto start = clock::now();
        EXPECT_EQ(l.accept(2ms).error(), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_EQ(l.accept(clock::time_point::min()).error(), std::errc::timed_out);
        auto s = connect(*l.local_endpoint(), safety_net);
        ASSERT_TRUE(s);
        EXPECT_TRUE(l.accept(clock::time_point::min())) << "what need not wait succeeds";
        EXPECT_EQ(l.accept(1ms).error(), std::errc::timed_out);
    });
}

TEST_P(IoListener, ManyAcceptOnOneListener) {
    listener l = listen_on(how());
    const endpoint at = *l.local_endpoint();
    constexpr int servers = 20;
    constexpr int clients = 200;
    std::atomic<int> accepted = 0;
    std::atomic<int> timed_out = 0;
    {
        std::vector<actor> all;
        for (int i = 0; i < servers; ++i) {
            all.emplace_back(runtime_, kind(), [&, i] {
                for (;;) {
                    auto s = l.accept(i % 4 == 0 ? deadline(200us) : deadline::never());
                    if (s) {
                        ++accepted;
                        EXPECT_FALSE(write_text(*s, "served"));
                    } else if (s.error() == std::errc::timed_out) {
                        ++timed_out;
                    } else {
                        EXPECT_TRUE(s.error() == std::errc::operation_canceled ||
                                    s.error() == std::errc::bad_file_descriptor)
                            << s.error().message();
                        break;
                    }
                }
            });
        }
        act([&] {
            for (int i = 0; i < clients; i += 10) {
                std::vector<socket> batch;
                for (int k = 0; k < 10; ++k) {
                    auto s = connect(at, safety_net);
                    ASSERT_TRUE(s) << s.error().message();
                    batch.push_back(std::move(*s));
                }
                for (socket& each : batch) {
                    EXPECT_EQ(read_text(each), "served");
                }
            }
        });
        l.close();
    }
    EXPECT_EQ(accepted, clients);
}

TEST_P(IoListener, CloseEndsAllAcceptors) {
    for (int i = 0; i < 20; ++i) {
        listener l = listen_on(how());
        std::atomic<int> about_to = 0;
        std::atomic<int> cancelled = 0;
        {
            std::vector<actor> all;
            for (int k = 0; k < 4; ++k) {
                all.emplace_back(runtime_, kind(), [&, k] {
                    ++about_to;
                    const auto s = l.accept(k % 2 == 0 ? deadline::never() : deadline(safety_net));
                    ASSERT_FALSE(s);
                    cancelled += s.error() == std::errc::operation_canceled ||
                                 s.error() == std::errc::bad_file_descriptor;
                });
            }
            ASSERT_TRUE(eventually([&] { return about_to == 4; }));
            for (int n = 0; n < i % 3; ++n) {
                this_fiber::yield();
            }
            l.close();
        }
        ASSERT_EQ(cancelled, 4);
        EXPECT_EQ(l.accept().error(), std::errc::bad_file_descriptor);
        EXPECT_FALSE(l.is_open());
    }
}

TEST_P(IoListener, ConnectIsRefused) {
    listener l = listen_on(how());
    const endpoint at = *l.local_endpoint();
    l.close();
    act([&] {
        for (int i = 0; i < 5; ++i) {
            const auto s = connect(at, safety_net);
            ASSERT_FALSE(s);
            EXPECT_EQ(s.error(), std::errc::connection_refused);
        }
    });
}

constexpr int short_backlog = 1;

/// Connects until the next one has to wait: the kernel takes one more than the backlog, and drops
/// or refuses what comes then. Not "until one is not taken soon": an emulator is slow.
std::vector<socket> fill_backlog(const endpoint& at) {
    std::vector<socket> waiting;
    for (int i = 0; i <= short_backlog; ++i) {
        auto s = connect(at, safety_net);
        EXPECT_TRUE(s) << s.error().message();
        if (s) {
            waiting.push_back(std::move(*s));
        }
    }
    return waiting;
}

TEST_P(IoListener, ConnectTimesOutNeverEarlyWhileTheBacklogIsFull) {
    listener l = listen_on(how(), {.backlog = short_backlog});
    const endpoint at = *l.local_endpoint();
    act([&] {
        const auto waiting = fill_backlog(at);
        for (const auto timeout : {300us, 2500us}) {
            const auto start = clock::now();
            const auto s = connect(at, timeout);
            EXPECT_GE(clock::now() - start, timeout);
            ASSERT_FALSE(s);
            EXPECT_EQ(s.error(), std::errc::timed_out);
        }
    });
}

/// TCP has queues in the kernel on both sides, and tries again after a second.
class IoUnixListener : public OnEachTransport {};
INSTANTIATE_TEST_SUITE_P(Cases, IoUnixListener, OnEachTransport::cases({transport::unix_stream}),
                         OnEachTransport::name_of_case);

TEST_P(IoUnixListener, ConnectWaitsForAPlaceInTheBacklog) {
    listener l = listen_on(how(), {.backlog = short_backlog});
    const endpoint at = *l.local_endpoint();
    const auto waiting = fill_backlog(at);
    actor client(runtime_, kind(), [&] {
        auto s = connect(at, safety_net);
        ASSERT_TRUE(s) << s.error().message();
        EXPECT_EQ(read_text(*s), "late");
    });
    for (std::size_t i = 0; i < waiting.size(); ++i) {
        ASSERT_TRUE(l.accept(safety_net));
    }
    auto s = l.accept(safety_net);
    ASSERT_TRUE(s);
    EXPECT_FALSE(write_text(*s, "late"));
    client.join();
}

// A client that is gone before it is accepted: the others are served.
TEST_P(IoListener, ClientsThatAreGoneByNow) {
    listener l = listen_on(how());
    const endpoint at = *l.local_endpoint();
    act([&] {
        for (int i = 0; i < 10; ++i) {
            auto gone = connect(at, safety_net);
            ASSERT_TRUE(gone);
            reset(*gone);
        }
        auto there = connect(at, safety_net);
        ASSERT_TRUE(there);
        ASSERT_FALSE(write_text(*there, "here"));
        bool served = false;
        while (!served) {
            auto s = l.accept(safety_net);
            ASSERT_TRUE(s) << s.error().message();
            served = read_text(*s) == "here";
        }
    });
}

TEST(IoListenerAddress, SomethingIsThereAlready) {
    const listener l = listen_on(transport::tcp);
    EXPECT_EQ(listener::bind(*l.local_endpoint()).error(), std::errc::address_in_use);
    const listener a = *listener::bind(endpoint::loopback(0), {.reuse_port = true});
    EXPECT_TRUE(listener::bind(*a.local_endpoint(), {.reuse_port = true}));
    EXPECT_FALSE(listener::bind(endpoint()));
}

/// Several listeners of one port: the kernel hands connections to all of them.
TEST(IoListenerAddress, ListenersThatShareAPortAllGetConnections) {
    runtime home({.workers = 2});
    std::array<listener, 2> both;
    both[0] = listener::bind(endpoint::loopback(0), {.reuse_port = true}).value();
    const endpoint at = both[0].local_endpoint().value();
    both[1] = listener::bind(at, {.reuse_port = true}).value();
    std::array<std::atomic<unsigned>, 2> accepted{};
    const deadline until(safety_net);
    std::vector<fiber> acceptors;
    for (std::size_t i = 0; i < 2; ++i) {
        acceptors.push_back(home.spawn([&, i] {
            while (both[i].accept(until)) {
                ++accepted[i];
            }
        }));
    }
    // Which one it is a hash of the addresses says: each has its half of the ports.
    unsigned connected = 0;
    while ((accepted[0] == 0 || accepted[1] == 0) && !until.expired()) {
        const auto client = connect(at, until);
        ASSERT_TRUE(client) << client.error().message();
        ++connected;
        EXPECT_TRUE(eventually([&] { return accepted[0] + accepted[1] == connected; }));
    }
    EXPECT_GT(accepted[0], 0u);
    EXPECT_GT(accepted[1], 0u);
    both[0].close();
    both[1].close();
    for (fiber& each : acceptors) {
        each.join();
    }
}

TEST(IoListenerAddress, FilesOfDeadUnixSocketsAreReplaced) {
    const temporary_folder folder;
    const endpoint at = *endpoint::parse("unix:" + folder / "s");
    {
        const auto first = listener::bind(at);
        ASSERT_TRUE(first);
        EXPECT_EQ(listener::bind(at).error(), std::errc::address_in_use) << "somebody listens";
    }
    EXPECT_EQ(listener::bind(at, {.reuse_address = false}).error(), std::errc::address_in_use);
    auto second = listener::bind(at);
    ASSERT_TRUE(second) << second.error().message();
    auto client = connect(at, safety_net);
    ASSERT_TRUE(client);
    auto server = second->accept(safety_net);
    ASSERT_TRUE(server);
    ASSERT_FALSE(write_text(*client, "by path"));
    EXPECT_EQ(read_text(*server), "by path");
    EXPECT_EQ(*client->peer_endpoint(), at);
    EXPECT_EQ(server->peer_endpoint()->to_string(), "unix:");
}

TEST(IoFromNative, BadDescriptorsStayTheCallers) {
    EXPECT_EQ(socket::from_native(-1).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(listener::from_native(-1).error(), std::errc::bad_file_descriptor);
    const int file = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    EXPECT_EQ(socket::from_native(file).error(), std::errc::not_a_socket);
    EXPECT_EQ(listener::from_native(file).error(), std::errc::not_a_socket);
    EXPECT_EQ(::close(file), 0);
    const int datagram = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(socket::from_native(datagram).error(), std::errc::wrong_protocol_type);
    EXPECT_EQ(listener::from_native(datagram).error(), std::errc::wrong_protocol_type);
    EXPECT_EQ(::close(datagram), 0);
    const int stream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(listener::from_native(stream).error(), std::errc::invalid_argument);
    EXPECT_EQ(::close(stream), 0);
}

// From socketpair(), in both modes, on both kinds of callers.
TEST(IoFromNative, BlockingAndNonBlockingPairs) {
    runtime r({.workers = 2});
    for (const int flags : {0, static_cast<int>(SOCK_NONBLOCK)}) {
        for (const actor_kind kind : {actor_kind::fiber, actor_kind::thread}) {
            std::array<int, 2> fds{};
            ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, fds.data()), 0);
            auto a = socket::from_native(fds[0]);
            auto b = socket::from_native(fds[1]);
            ASSERT_TRUE(a && b);
            actor echo(r, kind, [&] {
                for (int i = 0; i < 50; ++i) {
                    EXPECT_FALSE(
                        write_text(*b, read_text(*b, 100, deadline::never()), deadline::never()));
                }
            });
            for (int i = 0; i < 50; ++i) {
                ASSERT_FALSE(write_text(*a, "ping"));
                ASSERT_EQ(read_text(*a), "ping");
            }
        }
    }
}

TEST(IoListenerMixed, FibersAndThreadsAcceptOnTheSameListener) {
    runtime r({.workers = 2});
    listener l = listen_on(transport::tcp);
    const endpoint at = *l.local_endpoint();
    std::atomic<int> accepted = 0;
    {
        std::vector<actor> all;
        for (int i = 0; i < 6; ++i) {
            all.emplace_back(r, i % 2 == 0 ? actor_kind::fiber : actor_kind::thread, [&, i] {
                for (;;) {
                    const auto s = l.accept(i < 3 ? deadline::never() : deadline(safety_net));
                    if (!s) {
                        break;
                    }
                    ++accepted;
                }
            });
        }
        for (int i = 0; i < 100; ++i) {
            ASSERT_TRUE(connect(at, safety_net));
        }
        EXPECT_TRUE(eventually([&] { return accepted == 100; }));
        l.close();
    }
}

}  // namespace
}  // namespace weft
