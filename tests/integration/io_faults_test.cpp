// SPDX-License-Identifier: Apache-2.0
//
// Sockets where the system does not do as one wishes: no descriptors left, calls interrupted all
// the time, messages that recv() stops behind.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <weft/condition_variable.h>
#include <weft/mutex.h>
#include <weft/semaphore.h>

#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class IoFaults : public ::testing::TestWithParam<actor_kind> {
protected:
    runtime runtime_{{.workers = 2}};
};
INSTANTIATE_TEST_SUITE_P(Kinds, IoFaults, ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

// The connection stays in the queue and is served when there is a descriptor again.
TEST_P(IoFaults, NoDescriptorsLeftInAccept) {
    listener l = listen_on(transport::tcp);
    act(runtime_, GetParam(), [&] {
        auto client = connect(*l.local_endpoint(), safety_net);
        ASSERT_TRUE(client);
        std::vector<std::error_code> errors;
        {
            const no_descriptors_left none;
            for (int i = 0; i < 3; ++i) {
                errors.push_back(error_of(l.accept(i == 0 ? deadline::never() : safety_net)));
            }
            errors.push_back(error_of(connect(*l.local_endpoint())));
            errors.push_back(error_of(listener::bind(endpoint::loopback(0))));
        }
        expect_no_descriptors(errors);
        auto s = l.accept(safety_net);
        ASSERT_TRUE(s) << s.error().message();
        ASSERT_FALSE(write_text(*client, "at last"));
        EXPECT_EQ(read_text(*s), "at last");
    });
}

// Acceptors that wait are told, all of them, and none hangs.
TEST_P(IoFaults, NoDescriptorsLeftForAcceptorsThatWait) {
    listener l = listen_on(transport::tcp);
    const endpoint at = *l.local_endpoint();
    const int raw = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    std::atomic<int> about_to = 0;
    std::atomic<int> refused = 0;
    std::atomic<int> accepted = 0;
    std::vector<actor> all;
    for (int i = 0; i < 3; ++i) {
        all.emplace_back(runtime_, GetParam(), [&] {
            ++about_to;
            for (;;) {
                const auto s = l.accept(safety_net);
                if (s) {
                    ++accepted;
                    break;
                }
                ASSERT_EQ(s.error().value(), EMFILE);  // see expect_no_descriptors
                ++refused;
                this_fiber::sleep_for(200us);
            }
        });
    }
    ASSERT_TRUE(eventually([&] { return about_to == 3; }));
    // accept4() takes a number, and gives it back, also when nobody comes.
    ASSERT_TRUE(until_all_others_sleep());
    {
        const no_descriptors_left none;
        ASSERT_EQ(::connect(raw, at.data(), at.size()), 0);
        EXPECT_TRUE(eventually([&] { return refused >= 3; }));
    }
    EXPECT_TRUE(eventually([&] { return accepted == 1; }));
    for (int i = 0; i < 2; ++i) {
        EXPECT_TRUE(connect(at, safety_net));
    }
    all.clear();
    EXPECT_EQ(accepted, 3);
    ::close(raw);
}

void echo_until_end(socket& s) {
    for (std::string text = read_text(s); !text.empty(); text = read_text(s)) {
        if (write_text(s, text)) {
            break;
        }
    }
}

/// A server on `kind` and clients of both kinds, with and without deadlines.
void serve_in_storm(runtime& r, actor_kind kind, transport how) {
    listener l = listen_on(how);
    const endpoint at = *l.local_endpoint();
    actor server(r, kind, [&] {
        std::vector<actor> connections;
        for (int i = 0; i < 8; ++i) {
            auto s = l.accept(i % 2 == 0 ? deadline::never() : deadline(safety_net));
            ASSERT_TRUE(s) << s.error().message();
            connections.emplace_back(r, kind, [c = std::move(*s)]() mutable { echo_until_end(c); });
        }
    });
    std::vector<actor> clients;
    for (int i = 0; i < 8; ++i) {
        clients.emplace_back(r, i % 2 == 0 ? actor_kind::fiber : actor_kind::thread, [&, i] {
            const auto until = [&] { return i < 4 ? deadline::never() : deadline(safety_net); };
            auto s = connect(at, until());
            ASSERT_TRUE(s) << s.error().message();
            shrink_buffers(*s);
            const std::string text = pattern(3000);
            for (int n = 0; n < 10; ++n) {
                ASSERT_FALSE(write_text(*s, text, until()));
                ASSERT_TRUE(read_exactly(*s, text.size(), until()) == text);
            }
        });
    }
}

TEST_P(IoFaults, CallsAreInterruptedAllTheTime) {
    const signal_storm storm;
    serve_in_storm(runtime_, GetParam(), transport::tcp);
    serve_in_storm(runtime_, GetParam(), transport::unix_stream);
}

TEST_P(IoFaults, TimeoutsAndLocksAreInterruptedAllTheTime) {
    const signal_storm storm;
    auto pair = connect_pair(transport::tcp);
    mutex m;
    condition_variable cv;
    binary_semaphore s(0);
    act(runtime_, GetParam(), [&] {
        std::array<std::byte, 8> buffer{};
        const auto start = clock::now();
        EXPECT_EQ(pair.near.read(buffer, 5ms).error(), std::errc::timed_out);
        EXPECT_FALSE(s.try_acquire_for(5ms));
        std::unique_lock lock(m);
        EXPECT_FALSE(cv.wait_for(lock, 5ms, [] { return false; }));
        this_fiber::sleep_for(5ms);
        EXPECT_GE(clock::now() - start, 20ms);
    });
}

/// Sends `text` together with a descriptor.
void send_with_descriptor(const socket& from, std::string_view text, int fd) {
    iovec part{.iov_base = const_cast<char*>(text.data()), .iov_len = text.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof fd)> control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(header), &fd, sizeof fd);
    ASSERT_EQ(::sendmsg(from.native_handle(), &message, MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
}

// recv() stops behind a message with a descriptor: the short read has not emptied the socket.
TEST_P(IoFaults, MessagesWithDescriptorsOnUnixSockets) {
    const std::size_t before = open_descriptors();
    {
        auto pair = connect_pair(transport::unix_stream);
        act(runtime_, GetParam(), [&] {
            std::array<std::byte, 8> buffer{};
            EXPECT_EQ(pair.far.read(buffer, 500us).error(), std::errc::timed_out);
            for (int i = 0; i < 20; ++i) {
                send_with_descriptor(pair.near, "one", pair.near.native_handle());
                ASSERT_FALSE(write_text(pair.near, "two"));
                EXPECT_EQ(read_exactly(pair.far, 6), "onetwo");
            }
        });
    }
    EXPECT_EQ(open_descriptors(), before) << "what was sent was thrown away";
}

// recv() stops at urgent data although more follows.
TEST_P(IoFaults, UrgentDataOnTcp) {
    auto pair = connect_pair(transport::tcp);
    act(runtime_, GetParam(), [&] {
        std::array<std::byte, 8> buffer{};
        EXPECT_EQ(pair.far.read(buffer, 500us).error(), std::errc::timed_out);
        for (int i = 0; i < 20; ++i) {
            ASSERT_FALSE(write_text(pair.near, "before"));
            ASSERT_EQ(::send(pair.near.native_handle(), "!", 1, MSG_OOB | MSG_NOSIGNAL), 1);
            ASSERT_FALSE(write_text(pair.near, "after"));
            ASSERT_EQ(read_exactly(pair.far, 11), "beforeafter");
        }
    });
}

TEST_P(IoFaults, NoDescriptorIsLeaked) {
    const auto once = [&] {
        listener l = listen_on(transport::tcp);
        const endpoint at = *l.local_endpoint();
        act(runtime_, GetParam(), [&] {
            auto client = connect(at, safety_net);
            auto server = l.accept(safety_net);
            ASSERT_TRUE(client && server);
            std::array<std::byte, 8> buffer{};
            EXPECT_FALSE(client->read(buffer, 100us));
            reset(*server);
            EXPECT_FALSE(client->read(buffer, safety_net));
            auto left_in_queue = connect(at, safety_net);
            l.close();
            EXPECT_FALSE(connect(at, safety_net)) << "refused";
            EXPECT_FALSE(connect(endpoint(), safety_net));
            EXPECT_FALSE(listener::bind(*endpoint::parse("unix:/no/such/folder/s")));
        });
    };
    once();  // what is opened once, for good
    const std::size_t before = open_descriptors();
    for (int i = 0; i < 20; ++i) {
        once();
    }
    EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace weft
