// SPDX-License-Identifier: Apache-2.0
//
// Datagram sockets, UDP and Unix: sizes, senders, cut off ones, several at a time, full queues,
// deadlines, stops and close(), by fibers, coroutines and plain threads.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/datagram.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <future>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

enum class kind : std::uint8_t { udp, unix_datagram };
constexpr std::array both_kinds{kind::udp, kind::unix_datagram};

/// Bound to a loopback port or an abstract name that nobody else uses.
datagram_socket bound(kind how) {
    static std::atomic<int> number = 0;
    const endpoint at = how == kind::udp
                            ? endpoint::loopback(0)
                            : *endpoint::parse("@weft-datagram-" + std::to_string(::getpid()) +
                                               "-" + std::to_string(++number));
    auto made = datagram_socket::bind(at);
    EXPECT_TRUE(made) << made.error().message();
    return std::move(made).value();
}

class IoDatagram : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, IoDatagram, each_caller, name_of_caller);

TEST_P(IoDatagram, SendToAndReceiveFrom) {
    for (const kind how : both_kinds) {
        datagram_socket a = bound(how);
        datagram_socket b = bound(how);
        const endpoint at_a = *a.local_endpoint();
        const endpoint at_b = *b.local_endpoint();
        std::string buffer(100, '.');
        for (int i = 0; i < 50; ++i) {
            auto waiting = start(WEFT_BOTH_OF(b, receive_from, writable(buffer), safety_net));
            if (i % 2 == 0) {
                waiting.wait_for(200us);
            }
            const std::string text = "number " + std::to_string(i);
            ASSERT_TRUE(call(WEFT_BOTH_OF(a, send_to, bytes_of(text), at_b, safety_net)));
            const auto got = waiting.get();
            ASSERT_TRUE(got) << got.error().message();
            EXPECT_EQ(buffer.substr(0, got->size), text);
            EXPECT_FALSE(got->truncated);
            EXPECT_EQ(got->from, at_a);
        }
        EXPECT_TRUE(call(WEFT_BOTH_OF(a, send_to, bytes_of(""), at_b)));
        EXPECT_EQ(call(WEFT_BOTH_OF(b, receive_from, writable(buffer)))->size, 0u)
            << "a datagram without bytes is one, too";
    }
}

TEST_P(IoDatagram, WhatDoesNotFitIsCutOffAndSaid) {
    for (const kind how : both_kinds) {
        datagram_socket a = bound(how);
        datagram_socket b = bound(how);
        const endpoint at_b = *b.local_endpoint();
        std::string small(4, '.');
        ASSERT_TRUE(call(WEFT_BOTH_OF(a, send_to, bytes_of("too long"), at_b)));
        ASSERT_TRUE(call(WEFT_BOTH_OF(a, send_to, bytes_of("fits"), at_b)));
        ASSERT_TRUE(call(WEFT_BOTH_OF(a, send_to, bytes_of("x"), at_b)));
        auto got = call(WEFT_BOTH_OF(b, receive, writable(small)));
        EXPECT_EQ(got->size, 4u);
        EXPECT_TRUE(got->truncated);
        EXPECT_EQ(small, "too ");
        got = call(WEFT_BOTH_OF(b, receive, writable(small)));
        EXPECT_EQ(got->size, 4u);
        EXPECT_FALSE(got->truncated);
        EXPECT_EQ(small, "fits");
        got = call(WEFT_BOTH_OF(b, receive_from, std::span<std::byte>()));
        EXPECT_EQ(got->size, 0u);
        EXPECT_TRUE(got->truncated);
    }
}

TEST_P(IoDatagram, WithAPeer) {
    for (const kind how : both_kinds) {
        datagram_socket a = bound(how);
        datagram_socket b = bound(how);
        datagram_socket stranger = bound(how);
        ASSERT_TRUE(a.connect(*b.local_endpoint()));
        EXPECT_EQ(*a.peer_endpoint(), *b.local_endpoint());
        std::string buffer(100, '.');
        ASSERT_TRUE(call(WEFT_BOTH_OF(a, send, bytes_of("to the peer"), safety_net)));
        EXPECT_EQ(buffer.substr(0, call(WEFT_BOTH_OF(b, receive, writable(buffer)))->size),
                  "to the peer");
        (void)stranger.send_to(bytes_of("strange"), *a.local_endpoint(), 1ms);
        EXPECT_EQ(call(WEFT_BOTH_OF(a, receive, writable(buffer), 1ms)).error(),
                  std::errc::timed_out);
        ASSERT_TRUE(b.send_to(bytes_of("back"), *a.local_endpoint()));
        EXPECT_EQ(call(WEFT_BOTH_OF(a, receive, writable(buffer), safety_net))->size, 4u);
    }
    auto nobody = datagram_socket::open(AF_INET);
    ASSERT_TRUE(nobody);
    EXPECT_EQ(call(WEFT_BOTH_OF(*nobody, send, bytes_of("x"))).error(),
              std::errc::destination_address_required);
}

TEST_P(IoDatagram, SendersWithoutAnAddress) {
    datagram_socket b = bound(kind::unix_datagram);
    auto a = datagram_socket::open(AF_UNIX);
    ASSERT_TRUE(a);
    ASSERT_TRUE(call(WEFT_BOTH_OF(*a, send_to, bytes_of("x"), *b.local_endpoint())));
    std::string buffer(100, '.');
    const auto got = call(WEFT_BOTH_OF(b, receive_from, writable(buffer)));
    ASSERT_TRUE(got);
    EXPECT_EQ(got->from, endpoint());
    auto c = datagram_socket::open(AF_INET);
    datagram_socket d = bound(kind::udp);
    ASSERT_TRUE(call(WEFT_BOTH_OF(*c, send_to, bytes_of("x"), *d.local_endpoint())));
    EXPECT_EQ(call(WEFT_BOTH_OF(d, receive_from, writable(buffer)))->from.port(),
              c->local_endpoint()->port());
}

TEST_P(IoDatagram, NobodyIsThere) {
    auto a = datagram_socket::open(AF_INET);
    {
        const datagram_socket gone = bound(kind::udp);
        ASSERT_TRUE(a->connect(*gone.local_endpoint()));
    }
    std::string buffer(100, '.');
    ASSERT_TRUE(call(WEFT_BOTH_OF(*a, send, bytes_of("x"))));
    EXPECT_EQ(call(WEFT_BOTH_OF(*a, receive, writable(buffer), safety_net)).error(),
              std::errc::connection_refused);
    EXPECT_EQ(call(WEFT_BOTH_OF(*a, receive, writable(buffer), 1ms)).error(), std::errc::timed_out)
        << "it goes on to work";
    auto b = datagram_socket::open(AF_UNIX);
    const endpoint nowhere = *endpoint::parse("@weft-nobody-is-here");
    EXPECT_EQ(call(WEFT_BOTH_OF(*b, send_to, bytes_of("x"), nowhere)).error(),
              std::errc::connection_refused);
}

TEST_P(IoDatagram, TooLong) {
    datagram_socket a = bound(kind::udp);
    const std::string much(70'000, 'x');
    EXPECT_EQ(call(WEFT_BOTH_OF(a, send_to, bytes_of(much), *a.local_endpoint())).error(),
              std::errc::message_size);
}

TEST_P(IoDatagram, TimesOutAndIsCancelled) {
    for (const kind how : both_kinds) {
        datagram_socket a = bound(how);
        std::string buffer(100, '.');
        const auto begin = clock::now();
        EXPECT_EQ(call(WEFT_BOTH_OF(a, receive_from, writable(buffer), 2ms)).error(),
                  std::errc::timed_out);
        EXPECT_GE(clock::now() - begin, 2ms);
        for (int i = 0; i < 20; ++i) {
            std::stop_source stop;
            const bounds limits{.token = stop.get_token(), .until = {}};
            auto waiting = start_in(limits, WEFT_BOTH_OF(a, receive, writable(buffer)));
            if (i % 2 == 0) {
                waiting.wait_for(100us);
            }
            stop.request_stop();
            ASSERT_EQ(waiting.get().error(), std::errc::operation_canceled);
            ASSERT_TRUE(
                call_in(limits, WEFT_BOTH_OF(a, send_to, bytes_of("here"), *a.local_endpoint())));
            ASSERT_EQ(call_in(limits, WEFT_BOTH_OF(a, receive, writable(buffer)))->size, 4u)
                << "what need not wait succeeds";
            ASSERT_EQ(call_in(limits, WEFT_BOTH_OF(a, receive, writable(buffer))).error(),
                      std::errc::operation_canceled);
        }
        ASSERT_TRUE(a.send_to(bytes_of("late"), *a.local_endpoint()));
        EXPECT_TRUE(call(WEFT_BOTH_OF(a, receive, writable(buffer), clock::time_point::min())));
    }
}

TEST_P(IoDatagram, CloseEndsAllWhoWait) {
    for (const kind how : both_kinds) {
        for (int i = 0; i < 10; ++i) {
            datagram_socket a = bound(how);
            std::vector<std::string> buffers(4, std::string(100, '.'));
            std::vector<std::future<result<received_datagram>>> waiting;
            for (std::string& buffer : buffers) {
                waiting.push_back(start(WEFT_BOTH_OF(a, receive_from, writable(buffer))));
            }
            if (i % 2 == 0) {
                waiting.front().wait_for(300us);
            }
            a.close();
            for (auto& each : waiting) {
                const std::error_code error = each.get().error();
                EXPECT_TRUE(error == std::errc::operation_canceled ||
                            error == std::errc::bad_file_descriptor)
                    << error.message();
            }
            EXPECT_FALSE(a.is_open());
            EXPECT_EQ(a.native_handle(), -1);
            EXPECT_EQ(a.receive(writable(buffers[0])).error(), std::errc::bad_file_descriptor);
            EXPECT_EQ(a.send(bytes_of("x")).error(), std::errc::bad_file_descriptor);
            EXPECT_EQ(a.connect(endpoint::loopback(1)).error(), std::errc::bad_file_descriptor);
        }
    }
}

// The queue of a Unix socket is short, and poll(2) tells only its own peers that it is full.
TEST_P(IoDatagram, AFullQueue) {
    for (const bool with_peer : {true, false}) {
        datagram_socket a = bound(kind::unix_datagram);
        datagram_socket b = bound(kind::unix_datagram);
        const endpoint to = with_peer ? endpoint() : *b.local_endpoint();
        if (with_peer) {
            ASSERT_TRUE(a.connect(*b.local_endpoint()));
        }
        std::string buffer(100, '.');
        int queued = 0;
        while (a.send_to(bytes_of("x"), to, clock::time_point::min())) {
            ++queued;
        }
        const auto begin = clock::now();
        EXPECT_EQ(call(WEFT_BOTH_OF(a, send_to, bytes_of("x"), to, 3ms)).error(),
                  std::errc::timed_out);
        EXPECT_GE(clock::now() - begin, 3ms);
        std::stop_source stop;
        auto stopped = start_in({.token = stop.get_token(), .until = {}},
                                WEFT_BOTH_OF(a, send_to, bytes_of("stopped"), to));
        stop.request_stop();
        EXPECT_EQ(stopped.get().error(), std::errc::operation_canceled);
        std::vector<std::future<result<void>>> waiting;
        for (int i = 0; i < 3; ++i) {
            waiting.push_back(start(WEFT_BOTH_OF(a, send_to, bytes_of("late"), to, safety_net)));
        }
        waiting.front().wait_for(300us);
        int late = 0;
        for (int i = 0; i < queued + 3; ++i) {
            const auto got = b.receive(writable(buffer), safety_net);
            ASSERT_TRUE(got);
            late += got->size == 4 ? 1 : 0;
        }
        EXPECT_EQ(late, 3);
        for (auto& each : waiting) {
            EXPECT_TRUE(each.get());
        }
    }
}

TEST_P(IoDatagram, ManyReceiversAndSenders) {
    constexpr int senders = 4;
    constexpr int each = 100;
    for (const kind how : both_kinds) {
        datagram_socket server = bound(how);
        const endpoint at = *server.local_endpoint();
        std::mutex m;
        std::multiset<std::string> got;
        std::vector<std::future<bool>> receivers;
        const auto note = [&](const std::string& buffer, const result<received_datagram>& d) {
            const std::lock_guard lock(m);
            got.insert(buffer.substr(0, d->size));
        };
        for (int i = 0; i < 3; ++i) {
            receivers.push_back(start(
                [&] {
                    std::string buffer(100, '.');
                    while (const auto d = server.receive_from(writable(buffer))) {
                        note(buffer, d);
                        (void)server.send_to(bytes_of("ack"), d->from, safety_net);
                    }
                    return true;
                },
                [&]() -> task<bool> {
                    std::string buffer(100, '.');
                    for (;;) {
                        const auto d = co_await co::receive_from(server, writable(buffer));
                        if (!d) {
                            break;
                        }
                        note(buffer, d);
                        (void)co_await co::send_to(server, bytes_of("ack"), d->from, safety_net);
                    }
                    co_return true;
                }));
        }
        {
            std::vector<actor> all;
            for (int i = 0; i < senders; ++i) {
                all.emplace_back(
                    home(), i % 2 == 0 ? actor_kind::fiber : actor_kind::thread, [&, i] {
                        datagram_socket s = bound(how);
                        std::string ack(3, '.');
                        for (int n = 0; n < each; ++n) {
                            const std::string text = std::to_string(i) + ":" + std::to_string(n);
                            ASSERT_TRUE(s.send_to(bytes_of(text), at, safety_net));
                            ASSERT_TRUE(s.receive(writable(ack), safety_net));
                            ASSERT_EQ(ack, "ack");
                        }
                    });
            }
        }
        server.close();
        for (auto& receiver : receivers) {
            EXPECT_TRUE(receiver.get());
        }
        EXPECT_EQ(got.size(), std::size_t{senders} * each);
        EXPECT_EQ(std::set<std::string>(got.begin(), got.end()).size(), got.size());
    }
}

TEST_P(IoDatagram, SeveralWithOneCall) {
    for (const kind how : both_kinds) {
        datagram_socket a = bound(how);
        datagram_socket b = bound(how);
        ASSERT_TRUE(a.connect(*b.local_endpoint()));
        constexpr std::size_t count = 70;
        std::vector<std::string> texts;
        std::vector<outgoing_datagram> out;
        for (std::size_t i = 0; i < count; ++i) {
            texts.push_back(std::string(i, 'x'));
        }
        for (std::size_t i = 0; i < count; ++i) {
            out.push_back(
                {.bytes = bytes_of(texts[i]),
                 .to = how == kind::udp && i % 2 == 0 ? *b.local_endpoint() : endpoint()});
        }
        auto sending = start(WEFT_BOTH_OF(a, send_many, out, safety_net));
        std::vector<std::string> buffers(100, std::string(60, '.'));
        std::vector<datagram_slot> slots;
        for (std::string& buffer : buffers) {
            slots.push_back({.buffer = writable(buffer), .received = {}});
        }
        std::size_t received = 0;
        while (received < count) {
            const auto rest = std::span(slots).subspan(received);
            const auto n = call(WEFT_BOTH_OF(b, receive_many, rest, safety_net));
            ASSERT_TRUE(n) << n.error().message();
            ASSERT_GT(*n, 0u);
            received += *n;
        }
        EXPECT_EQ(*sending.get(), count);
        for (std::size_t i = 0; i < count; ++i) {
            EXPECT_EQ(slots[i].received.size, std::min<std::size_t>(i, 60));
            EXPECT_EQ(slots[i].received.truncated, i > 60);
            EXPECT_EQ(slots[i].received.from, *a.local_endpoint());
        }
        EXPECT_EQ(call(WEFT_BOTH_OF(b, receive_many, slots, 1ms)).error(), std::errc::timed_out);
        EXPECT_EQ(*call(WEFT_BOTH_OF(b, receive_many, std::span<datagram_slot>())), 0u);
        EXPECT_EQ(*call(WEFT_BOTH_OF(a, send_many, std::span<outgoing_datagram>())), 0u);
    }
}

TEST_P(IoDatagram, SomeOfSeveralCannotBeSent) {
    datagram_socket a = bound(kind::udp);
    const std::string much(70'000, 'x');
    const std::array out{outgoing_datagram{bytes_of("1"), *a.local_endpoint()},
                         outgoing_datagram{bytes_of(much), *a.local_endpoint()},
                         outgoing_datagram{bytes_of("3"), *a.local_endpoint()}};
    EXPECT_EQ(*call(WEFT_BOTH_OF(a, send_many, out)), 1u);
    const auto rest = std::span(out).subspan(1);
    EXPECT_EQ(call(WEFT_BOTH_OF(a, send_many, rest)).error(), std::errc::message_size);
}

TEST_P(IoDatagram, InterruptedAllTheTime) {
    const signal_storm storm;
    datagram_socket a = bound(kind::udp);
    datagram_socket b = bound(kind::unix_datagram);
    std::string buffer(100, '.');
    for (int i = 0; i < 20; ++i) {
        for (datagram_socket* const s : {&a, &b}) {
            auto waiting = start(WEFT_BOTH_OF(*s, receive, writable(buffer), safety_net));
            waiting.wait_for(300us);
            ASSERT_TRUE(call(WEFT_BOTH_OF(*s, send_to, bytes_of("text"), *s->local_endpoint())));
            ASSERT_EQ(waiting.get()->size, 4u);
        }
        ASSERT_EQ(call(WEFT_BOTH_OF(a, receive, writable(buffer), 500us)).error(),
                  std::errc::timed_out);
    }
}

TEST(IoDatagramSocket, OptionsAndFailures) {
    const datagram_socket a = bound(kind::udp);
    EXPECT_EQ(datagram_socket::bind(*a.local_endpoint()).error(), std::errc::address_in_use);
    const auto b = datagram_socket::bind(endpoint::loopback(0), {.reuse_port = true});
    ASSERT_TRUE(b);
    EXPECT_TRUE(datagram_socket::bind(*b->local_endpoint(), {.reuse_port = true}));
    EXPECT_FALSE(datagram_socket::bind(endpoint()));
    EXPECT_FALSE(datagram_socket::open(-1));
    EXPECT_TRUE(datagram_socket::open(AF_INET6, {.broadcast = true}));
    EXPECT_EQ(datagram_socket::from_native(-1).error(), std::errc::bad_file_descriptor);
    const int stream = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    EXPECT_EQ(datagram_socket::from_native(stream).error(), std::errc::wrong_protocol_type);
    EXPECT_EQ(::close(stream), 0) << "it stayed the caller's";
    std::error_code error;
    {
        const no_descriptors_left none;
        error = error_of(datagram_socket::bind(endpoint::loopback(0)));
    }
    expect_no_descriptors({error});
}

TEST(IoDatagramSocket, FilesOfDeadOnesAreReplacedIfWanted) {
    const temporary_folder folder;
    const endpoint at = *endpoint::parse("unix:" + folder / "s");
    {
        const auto first = datagram_socket::bind(at);
        ASSERT_TRUE(first);
        EXPECT_EQ(datagram_socket::bind(at, {.reuse_address = true}).error(),
                  std::errc::address_in_use)
            << "somebody receives";
    }
    EXPECT_EQ(datagram_socket::bind(at).error(), std::errc::address_in_use);
    EXPECT_TRUE(datagram_socket::bind(at, {.reuse_address = true}));
}

TEST(IoDatagramSocket, MovedAndReleased) {
    datagram_socket a = bound(kind::udp);
    datagram_socket b = std::move(a);
    EXPECT_FALSE(a.is_open());  // NOLINT(bugprone-use-after-move)
    const int fd = b.release();
    ASSERT_GE(fd, 0);
    EXPECT_FALSE(b.is_open());
    auto c = datagram_socket::from_native(fd);
    ASSERT_TRUE(c);
    b = std::move(*c);
    EXPECT_EQ(b.native_handle(), fd);
    EXPECT_EQ(b.release(), fd);
    ::close(fd);
    EXPECT_EQ(b.release(), -1);
    b.close();
}

// Registered with one runtime, waited for in another one and by a thread.
TEST(IoDatagramSocket, BetweenRuntimes) {
    runtime first({.workers = 1});
    runtime second({.workers = 2});
    datagram_socket s = bound(kind::udp);
    const endpoint at = *s.local_endpoint();
    for (int i = 0; i < 20; ++i) {
        std::atomic<int> received = 0;
        const auto receive_one = [&] {
            std::string buffer(10, '.');
            ASSERT_TRUE(s.receive(writable(buffer), safety_net));
            ++received;
        };
        fiber a = first.spawn(receive_one);
        fiber b = second.spawn(receive_one);
        std::thread c(receive_one);
        for (int n = 0; n < 3; ++n) {
            ASSERT_TRUE(s.send_to(bytes_of("x"), at));
        }
        a.join();
        b.join();
        c.join();
        EXPECT_EQ(received, 3);
    }
}

}  // namespace
}  // namespace weft
