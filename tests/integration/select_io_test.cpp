// SPDX-License-Identifier: Apache-2.0
//
// weft::select on what is no stream socket: datagrams, descriptors that are not weft's, children.
#include <weft/select.h>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>
#include <weft/datagram.h>
#include <weft/detail/unique_fd.h>
#include <weft/process.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "channel_calls.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::as;
using testing::bytes_of;
using testing::caller;
using testing::calls;
using testing::eventually;
using testing::party;
using testing::safety_net;
using testing::until_receivers_wait;

const auto drop = [](std::optional<int> /*unused*/) {};

class SelectOnIo : public ::testing::TestWithParam<caller> {
protected:
    [[nodiscard]] static caller kind() { return GetParam(); }

    /// Selects among `io` and a channel beside the test; `then` happens once it waits.
    template <class Case, class Then>
    void expect_ends_the_wait(Case io, Then then) {
        party selecting(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(on_receive(nobody_, drop), io()), 1u);
        });
        ASSERT_TRUE(until_receivers_wait(nobody_));
        then();
        selecting.join();
        EXPECT_EQ(testing::receivers_waiting(nobody_), 0u);
    }

    /// What bounds a select ends the wait for `io`, which is not ready, and so does a channel.
    template <class Case>
    void expect_other_ends(Case io) {
        as(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(io(), otherwise()), 1u);
            EXPECT_EQ(by.select(io(), on_deadline(2ms)), 1u);
            EXPECT_EQ(by.within({.until = 1ms}).select(io()).error(), std::errc::timed_out);
        });
        std::stop_source stop;
        party stopped(home_, kind(), [&](const calls& by) {
            const calls mine = by.within({.stop = stop.get_token()});
            EXPECT_EQ(mine.select(on_receive(nobody_, drop), io()).error(),
                      std::errc::operation_canceled);
        });
        ASSERT_TRUE(until_receivers_wait(nobody_));
        stop.request_stop();
        stopped.join();
        party receiving(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(io(), on_receive(nobody_, drop)), 1u);
        });
        EXPECT_TRUE(nobody_.send(1, safety_net));
    }

    channel<int> nobody_;
    runtime home_;  // as many workers as CPUs, or what WEFT_WORKERS says
};
INSTANTIATE_TEST_SUITE_P(Callers, SelectOnIo, ::testing::ValuesIn(testing::all_callers),
                         ::testing::PrintToStringParamName());

// Datagrams.

struct datagram_pair {
    datagram_socket receiver = datagram_socket::bind(endpoint::loopback(0)).value();
    datagram_socket sender = datagram_socket::open(AF_INET).value();

    datagram_pair() { EXPECT_TRUE(sender.connect(*receiver.local_endpoint())); }

    void send() { EXPECT_TRUE(sender.send(bytes_of("some"), safety_net)); }
    [[nodiscard]] bool receive(deadline until = safety_net) {
        std::array<std::byte, 16> room{};
        return receiver.receive(room, until).has_value();
    }
};

TEST_P(SelectOnIo, ADatagram) {
    datagram_pair pair;
    const auto readable = [&] { return on_readable(pair.receiver); };
    expect_other_ends(readable);
    for (int round = 0; round < 10; ++round) {
        expect_ends_the_wait(readable, [&] { pair.send(); });
        as(home_, kind(),
           [&](const calls& by) { EXPECT_EQ(by.select(readable(), otherwise()), 0u) << "still"; });
        EXPECT_TRUE(pair.receive());
        as(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(readable(), otherwise()), 1u) << "all was received";
            EXPECT_EQ(by.select(on_writable(pair.sender), otherwise()), 0u);
        });
    }
    expect_ends_the_wait(readable, [&] { pair.receiver.close(); });
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(readable(), otherwise()), 0u);
        EXPECT_EQ(by.select(on_writable(pair.receiver), otherwise()), 0u);
        const datagram_socket none;
        EXPECT_EQ(by.select(on_readable(none), otherwise()), 0u);
    });
}

TEST_P(SelectOnIo, RoomForDatagrams) {
    auto ends = std::array{-1, -1};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends.data()), 0);
    datagram_socket near = datagram_socket::from_native(ends[0]).value();
    datagram_socket far = datagram_socket::from_native(ends[1]).value();
    while (near.send(bytes_of("x"), 0s)) {
    }
    const auto writable = [&] { return on_writable(near); };
    expect_other_ends(writable);
    expect_ends_the_wait(writable, [&] {
        std::array<std::byte, 16> room{};
        while (far.receive(room, 0s)) {
        }
    });
}

/// Whoever is woken for a datagram and takes another case leaves it to the next one.
TEST_P(SelectOnIo, ADatagramIsNotLostToASelectThatTookAnotherCase) {
    for (int round = 0; round < 30; ++round) {
        datagram_pair pair;
        std::atomic<int> received = 0;
        party selecting(home_, kind(), [&](const calls& by) {
            const auto taken = by.select(on_readable(pair.receiver), on_receive(nobody_, drop));
            ASSERT_TRUE(taken);
            if (*taken == 0 && pair.receive(1ms)) {
                ++received;
            }
        });
        ASSERT_TRUE(until_receivers_wait(nobody_));
        fiber receiver = home_.spawn([&] {
            if (pair.receive()) {
                ++received;
            }
        });
        party sending(home_, caller::thread,
                      [&](const calls&) { static_cast<void>(nobody_.send(1, 2ms)); });
        pair.send();
        sending.join();
        selecting.join();
        EXPECT_TRUE(eventually([&] { return received == 1; })) << "it was lost";
        pair.receiver.close();
        receiver.join();
    }
}

// Descriptors of others.

class raw_pipe {
public:
    raw_pipe() { EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
    ~raw_pipe() {
        ::close(ends_[0]);
        close_writer();
    }
    raw_pipe(const raw_pipe&) = delete;
    raw_pipe& operator=(const raw_pipe&) = delete;

    [[nodiscard]] int reader() const { return ends_[0]; }
    [[nodiscard]] int writer() const { return ends_[1]; }
    void close_writer() { ::close(std::exchange(ends_[1], -1)); }

    /// Until there is no room.
    void fill() const {
        const std::string some(4096, 'x');
        while (::write(ends_[1], some.data(), some.size()) > 0) {
        }
    }
    void drain() const {
        std::array<char, 4096> some{};
        while (::read(ends_[0], some.data(), some.size()) > 0) {
        }
    }

private:
    std::array<int, 2> ends_{-1, -1};
};

TEST_P(SelectOnIo, ADescriptorThatIsNotWeftsIsReadable) {
    raw_pipe pipe;
    const auto readable = [&] { return on_readable(pipe.reader()); };
    expect_other_ends(readable);
    for (int round = 0; round < 10; ++round) {
        expect_ends_the_wait(readable, [&] { EXPECT_EQ(::write(pipe.writer(), "x", 1), 1); });
        as(home_, kind(), [&](const calls& by) {
            EXPECT_EQ(by.select(readable(), otherwise()), 0u) << "still";
            pipe.drain();
            EXPECT_EQ(by.select(readable(), otherwise()), 1u);
        });
    }
    expect_ends_the_wait(readable, [&] { pipe.close_writer(); });
}

TEST_P(SelectOnIo, ADescriptorThatIsNotWeftsIsWritable) {
    const raw_pipe pipe;
    const auto writable = [&] { return on_writable(pipe.writer()); };
    as(home_, kind(), [&](const calls& by) { EXPECT_EQ(by.select(writable(), otherwise()), 0u); });
    pipe.fill();
    expect_other_ends(writable);
    expect_ends_the_wait(writable, [&] { pipe.drain(); });
}

TEST_P(SelectOnIo, ManyWaitForOneDescriptor) {
    const raw_pipe pipe;
    std::atomic<int> woken = 0;
    const auto wait = [&](const calls& by) {
        const auto taken = by.select(on_readable(pipe.reader()), on_receive(nobody_, drop),
                                     on_readable(pipe.reader()));
        EXPECT_TRUE(taken && *taken != 1u);
        ++woken;
    };
    party one(home_, kind(), wait);
    party two(home_, kind(), wait);
    party three(home_, caller::fiber, wait);
    ASSERT_TRUE(until_receivers_wait(nobody_, 3));
    EXPECT_EQ(::write(pipe.writer(), "x", 1), 1);
    one.join();
    two.join();
    three.join();
    EXPECT_EQ(woken, 3);
}

TEST_P(SelectOnIo, EventsAreToldToTheHandler) {
    raw_pipe pipe;
    as(home_, kind(), [&](const calls& by) {
        short got = 0;
        const auto keep = [&](short events) { got = events; };
        EXPECT_EQ(by.select(on_events(pipe.reader(), POLLIN, keep), otherwise()), 1u);
        EXPECT_EQ(::write(pipe.writer(), "x", 1), 1);
        EXPECT_EQ(by.select(on_events(pipe.reader(), POLLIN | POLLPRI, keep)), 0u);
        EXPECT_EQ(got, POLLIN);
        pipe.close_writer();
        EXPECT_EQ(by.select(on_events(pipe.reader(), POLLIN, keep), on_receive(nobody_, drop)), 0u);
        EXPECT_EQ(got, POLLIN | POLLHUP);
        EXPECT_EQ(by.select(on_events(pipe.reader(), 0, keep), on_receive(nobody_, drop)), 0u);
        EXPECT_EQ(got, POLLHUP);
    });
}

TEST_P(SelectOnIo, WhatIsNoDescriptorIsReadyBecauseACallFailsAtOnce) {
    as(home_, kind(), [&](const calls& by) {
        for (const int fd : {-1, 999'999}) {
            EXPECT_EQ(by.select(on_receive(nobody_, drop), on_readable(fd)), 1u);
            EXPECT_EQ(by.select(on_writable(fd), otherwise()), 0u);
            short got = 0;
            EXPECT_EQ(by.select(on_events(fd, POLLIN, [&](short events) { got = events; })), 0u);
            EXPECT_EQ(got, POLLNVAL);
        }
    });
}

/// A regular file is always readable, and epoll refuses it; nothing else ever comes from it.
TEST_P(SelectOnIo, AFileIsReadyAtOnce) {
    const testing::temporary_folder folder;
    const std::string path = folder.write("file", "text");
    const unique_fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(on_receive(nobody_, drop), on_readable(file.get())), 1u);
        const auto taken =
            by.select(on_events(file.get(), POLLPRI, [](short) {}), on_deadline(5ms));
        EXPECT_TRUE(taken) << "it ends";
    });
}

// Children.

child_process waiting_child() {
    return spawn_process({.program = "cat",
                          .input = process_stream::pipe(),
                          .output = process_stream::null()})
        .value();
}

TEST_P(SelectOnIo, TheEndOfAChild) {
    child_process child = waiting_child();
    const auto ended = [&] { return on_end(child); };
    expect_other_ends(ended);
    expect_ends_the_wait(ended, [&] { child.input().close(); });
    as(home_, kind(), [&](const calls& by) {
        EXPECT_EQ(by.select(ended(), otherwise()), 0u) << "until it was waited for";
        bool ran = false;
        EXPECT_EQ(by.select(on_end(child,
                                   [&] {
                                       const auto status = child.try_wait();
                                       ran = status && *status == exit_status::of_code(0);
                                   }),
                            on_receive(nobody_, drop)),
                  0u);
        EXPECT_TRUE(ran);
        EXPECT_EQ(by.select(ended(), otherwise()), 0u) << "and after that";
        const child_process none;
        EXPECT_EQ(by.select(on_end(none), otherwise()), 0u);
    });
}

TEST_P(SelectOnIo, ManyWaitForAChild) {
    child_process child = waiting_child();
    const auto wait = [&](const calls& by) {
        EXPECT_EQ(by.select(on_end(child), on_receive(nobody_, drop)), 0u);
        EXPECT_EQ(child.wait(safety_net), exit_status::of_signal(SIGTERM));
    };
    party one(home_, kind() == caller::coroutine ? caller::fiber : kind(), wait);
    party two(home_, caller::thread, wait);
    ASSERT_TRUE(until_receivers_wait(nobody_, 2));
    EXPECT_TRUE(child.kill(SIGTERM));
}

}  // namespace
}  // namespace weft
