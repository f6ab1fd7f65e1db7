// SPDX-License-Identifier: Apache-2.0
//
// Streams: reading, writing, deadlines, ends and resets, on fibers and plain threads, TCP and Unix.
#include <gtest/gtest.h>
#include <weft/socket.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class IoStream : public OnEachTransport {};
INSTANTIATE_TEST_SUITE_P(Cases, IoStream, OnEachTransport::cases(), OnEachTransport::name_of_case);

TEST_P(IoStream, EchoesBothWays) {
    auto pair = connect_pair(how());
    actor echo(runtime_, kind(), [&] {
        for (;;) {
            const std::string text = read_text(pair.far);
            if (text.empty() || write_text(pair.far, text)) {
                break;
            }
        }
        pair.far.close();
    });
    act([&] {
        for (int i = 0; i < 500; ++i) {
            const std::string text = "message " + std::to_string(i);
            ASSERT_FALSE(write_text(pair.near, text));
            ASSERT_EQ(read_exactly(pair.near, text.size()), text);
        }
        EXPECT_TRUE(pair.near.shutdown_write());
        EXPECT_EQ(read_text(pair.near), "");
    });
    echo.join();
}

TEST_P(IoStream, LargeWritesAgainstASlowReader) {
    auto pair = connect_pair(how());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string sent = pattern(300'000);
    actor writer(runtime_, kind(), [&] {
        EXPECT_FALSE(write_text(pair.near, sent, deadline::never()));
        EXPECT_FALSE(write_text(pair.near, sent, safety_net));
        pair.near.close();
    });
    std::string got;
    act([&] {
        for (std::size_t size = 1;; size = size % 5000 + 97) {
            const std::string part = read_text(pair.far, size);
            if (part.empty()) {
                break;
            }
            got += part;
            this_fiber::yield();
        }
    });
    EXPECT_TRUE(got == sent + sent) << "got " << got.size() << " bytes";
}

TEST_P(IoStream, ShortReadsLeaveTheRest) {
    auto pair = connect_pair(how());
    act([&] {
        for (int i = 0; i < 50; ++i) {
            ASSERT_FALSE(write_text(pair.near, "abcdef"));
            EXPECT_EQ(read_exactly(pair.far, 2), "ab");
            EXPECT_EQ(read_exactly(pair.far, 3), "cde");
            EXPECT_EQ(read_text(pair.far), "f");
        }
    });
}

TEST_P(IoStream, NothingToReadOrWrite) {
    auto pair = connect_pair(how());
    act([&] {
        EXPECT_EQ(read_text(pair.far, 0), "");
        EXPECT_FALSE(write_text(pair.near, ""));
    });
}

TEST_P(IoStream, ReadTimesOutNeverEarlyAndGoesOn) {
    auto pair = connect_pair(how());
    act([&] {
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 3; ++i) {
            const auto start = clock::now();
            const auto n = pair.far.read(buffer, 2ms);
            EXPECT_GE(clock::now() - start, 2ms);
            ASSERT_FALSE(n);
            EXPECT_EQ(n.error(), std::errc::timed_out);
            ASSERT_FALSE(write_text(pair.near, "on"));
            EXPECT_EQ(read_text(pair.far), "on");
        }
        EXPECT_EQ(pair.far.read(buffer, clock::time_point::min()).error(), std::errc::timed_out);
    });
}

// Also where the poller has not yet looked, and where nobody ever had to wait.
TEST_P(IoStream, WhatNeedNotWaitSucceedsAfterTheDeadline) {
    auto pair = connect_pair(how());
    act([&] {
        for (int i = 0; i < 20; ++i) {
            ASSERT_FALSE(write_text(pair.near, "here", clock::time_point::min()));
            ASSERT_EQ(read_text(pair.far, 100, clock::time_point::min()), "here") << i;
            if (i == 10) {
                std::array<std::byte, 8> buffer{};
                EXPECT_EQ(pair.far.read(buffer, 1ms).error(), std::errc::timed_out);
            }
        }
    });
}

TEST_P(IoStream, WriteTimesOutWhenNobodyReads) {
    auto pair = connect_pair(how());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string much = pattern(4'000'000);
    act([&] {
        const auto start = clock::now();
        EXPECT_EQ(write_text(pair.near, much, 3ms), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 3ms);
        EXPECT_EQ(write_text(pair.near, much, clock::time_point::min()), std::errc::timed_out);
    });
}

TEST_P(IoStream, HalfCloseEndsOneDirection) {
    auto pair = connect_pair(how());
    act([&] {
        ASSERT_FALSE(write_text(pair.near, "last words"));
        ASSERT_TRUE(pair.near.shutdown_write());
        EXPECT_EQ(read_exactly(pair.far, 10), "last words");
        EXPECT_EQ(read_text(pair.far), "");
        EXPECT_EQ(read_text(pair.far), "") << "and stays at the end";
        ASSERT_FALSE(write_text(pair.far, "answer"));
        EXPECT_EQ(read_text(pair.near), "answer");
        EXPECT_EQ(write_text(pair.near, "more"), std::errc::broken_pipe) << "and no SIGPIPE";
    });
}

// The end comes in the same edge as the data, before, while and after the reader waits.
TEST_P(IoStream, EndOfStreamTogetherWithData) {
    for (int i = 0; i < 60; ++i) {
        auto pair = connect_pair(how());
        std::string got;
        actor reader(runtime_, kind(), [&] {
            for (std::string part = read_text(pair.far); !part.empty();
                 part = read_text(pair.far)) {
                got += part;
            }
        });
        if (i % 3 == 0) {
            this_fiber::yield();
        }
        ASSERT_FALSE(write_text(pair.near, "data"));
        if (i % 2 == 0) {
            pair.near.close();
        } else {
            ASSERT_TRUE(pair.near.shutdown_write());
        }
        reader.join();
        ASSERT_EQ(got, "data") << "round " << i;
    }
}

/// Unix sockets have no reset of that kind.
class IoTcpStream : public OnEachTransport {};
INSTANTIATE_TEST_SUITE_P(Cases, IoTcpStream, OnEachTransport::cases({transport::tcp}),
                         OnEachTransport::name_of_case);

TEST_P(IoTcpStream, PeerResets) {
    auto pair = connect_pair(how());
    actor reader(runtime_, kind(), [&] {
        EXPECT_EQ(read_text(pair.far), "first");
        std::array<std::byte, 8> buffer{};
        EXPECT_EQ(pair.far.read(buffer, safety_net).error(), std::errc::connection_reset);
        EXPECT_EQ(write_text(pair.far, "x"), std::errc::broken_pipe);
    });
    ASSERT_FALSE(write_text(pair.near, "first"));
    reset(pair.near);
}

TEST_P(IoStream, PeerResetsAWriterThatWaits) {
    auto pair = connect_pair(how());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    std::error_code error;
    actor writer(runtime_, kind(),
                 [&] { error = write_text(pair.near, pattern(4'000'000), deadline::never()); });
    EXPECT_FALSE(read_exactly(pair.far, 5000).empty());
    reset(pair.far);
    writer.join();
    EXPECT_TRUE(error == std::errc::connection_reset || error == std::errc::broken_pipe)
        << error.message();
}

/// Counts signals that should not come.
std::atomic<int> pipe_signals = 0;

TEST_P(IoStream, NothingRaisesSigpipe) {
    struct sigaction counting{};
    struct sigaction before{};
    counting.sa_handler = [](int) { ++pipe_signals; };
    ASSERT_EQ(::sigaction(SIGPIPE, &counting, &before), 0);
    auto pair = connect_pair(how());
    pair.far.close();
    act([&] {
        std::error_code error;
        EXPECT_TRUE(eventually([&] {
            error = write_text(pair.near, "x");
            return static_cast<bool>(error);
        }));
        EXPECT_TRUE(error == std::errc::broken_pipe || error == std::errc::connection_reset);
        EXPECT_EQ(write_text(pair.near, "x"), std::errc::broken_pipe);
    });
    ::sigaction(SIGPIPE, &before, nullptr);
    EXPECT_EQ(pipe_signals, 0);
}

TEST_P(IoStream, ReaderAndWriterAtTheSameTime) {
    auto pair = connect_pair(how());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string sent = pattern(200'000);
    std::array<std::string, 2> got;
    std::vector<actor> all;
    for (socket* const s : {&pair.near, &pair.far}) {
        all.emplace_back(runtime_, kind(), [&, s] { EXPECT_FALSE(write_text(*s, sent)); });
    }
    all.emplace_back(runtime_, kind(), [&] { got[0] = read_exactly(pair.near, sent.size()); });
    all.emplace_back(runtime_, kind(), [&] { got[1] = read_exactly(pair.far, sent.size()); });
    all.clear();
    EXPECT_TRUE(got[0] == sent);
    EXPECT_TRUE(got[1] == sent);
}

// close() beside calls that wait, or are about to: they end, and nothing of it hangs or leaks.
TEST_P(IoStream, CloseEndsAReader) {
    for (int i = 0; i < 60; ++i) {
        auto pair = connect_pair(how());
        std::atomic<bool> about_to = false;
        std::error_code error;
        actor reader(runtime_, kind(), [&] {
            std::array<std::byte, 8> buffer{};
            about_to = true;
            error = pair.near.read(buffer, i % 2 == 0 ? deadline::never() : deadline(safety_net))
                        .error();
        });
        ASSERT_TRUE(eventually([&] { return about_to.load(); }));
        for (int k = 0; k < i % 4; ++k) {
            this_fiber::yield();
        }
        pair.near.close();
        reader.join();
        ASSERT_TRUE(error == std::errc::operation_canceled ||
                    error == std::errc::bad_file_descriptor)
            << error.message();
        EXPECT_FALSE(pair.near.is_open());
        EXPECT_EQ(pair.near.native_handle(), -1);
        EXPECT_EQ(read_text(pair.far), "");
        std::array<std::byte, 8> buffer{};
        EXPECT_EQ(pair.near.read(buffer).error(), std::errc::bad_file_descriptor);
    }
}

TEST_P(IoStream, CloseEndsAWriter) {
    for (int i = 0; i < 20; ++i) {
        auto pair = connect_pair(how());
        shrink_buffers(pair.near);
        shrink_buffers(pair.far);
        const std::string much = pattern(1'000'000);
        std::error_code error;
        actor writer(runtime_, kind(), [&] {
            error =
                write_text(pair.near, much, i % 2 == 0 ? deadline::never() : deadline(safety_net));
        });
        EXPECT_FALSE(read_text(pair.far, 1000).empty());  // it is in its call
        pair.near.close();
        writer.join();
        ASSERT_EQ(error, std::errc::operation_canceled) << error.message();
        EXPECT_EQ(write_text(pair.near, "x"), std::errc::bad_file_descriptor);
    }
}

TEST_P(IoStream, ParkedReaderIsCancelled) {
    auto pair = connect_pair(how());
    std::atomic<pid_t> tid = 0;
    std::error_code error;
    runtime alone({.workers = 1});
    actor reader(alone, kind(), [&] {
        std::array<std::byte, 8> buffer{};
        tid = ::gettid();
        error = pair.near.read(buffer).error();
    });
    ASSERT_TRUE(eventually([&] { return tid != 0; }));
    ASSERT_TRUE(until_asleep(tid));
    pair.near.close();
    reader.join();
    EXPECT_EQ(error, std::errc::operation_canceled);
}

TEST_P(IoStream, ClosedAndMovedFromSockets) {
    act([&] {
        socket none;
        std::array<std::byte, 8> buffer{};
        EXPECT_EQ(none.read(buffer).error(), std::errc::bad_file_descriptor);
        EXPECT_EQ(none.write(buffer).error(), std::errc::bad_file_descriptor);
        EXPECT_EQ(none.shutdown_write().error(), std::errc::bad_file_descriptor);
        EXPECT_FALSE(none.local_endpoint());
        EXPECT_EQ(none.native_handle(), -1);
        EXPECT_EQ(none.release(), -1);
        none.close();
        auto pair = connect_pair(how());
        socket moved = std::move(pair.near);
        EXPECT_FALSE(pair.near.is_open());  // NOLINT(bugprone-use-after-move)
        EXPECT_TRUE(moved.is_open());
        pair.far = std::move(moved);  // closes what was there
        EXPECT_EQ(read_text(pair.far), "");
        pair.far.close();
        pair.far.close();
        EXPECT_EQ(pair.far.release(), -1);
    });
}

TEST_P(IoStream, EndpointsOfBothSides) {
    listener l = listen_on(how());
    auto near = connect(*l.local_endpoint(), safety_net);
    ASSERT_TRUE(near);
    auto far = l.accept(safety_net);
    ASSERT_TRUE(far);
    EXPECT_EQ(*near->peer_endpoint(), *l.local_endpoint());
    EXPECT_EQ(*far->local_endpoint(), *l.local_endpoint());
    EXPECT_EQ(*far->peer_endpoint(), *near->local_endpoint());
}

TEST_P(IoStream, ReleasedAndTakenOverAgain) {
    auto pair = connect_pair(how());
    act([&] {
        std::array<std::byte, 8> buffer{};
        for (int i = 0; i < 10; ++i) {
            EXPECT_EQ(pair.far.read(buffer, 500us).error(), std::errc::timed_out);
            const int fd = pair.far.release();
            ASSERT_GE(fd, 0);
            EXPECT_FALSE(pair.far.is_open());
            auto again = socket::from_native(fd);
            ASSERT_TRUE(again);
            pair.far = std::move(*again);
            EXPECT_EQ(pair.far.native_handle(), fd);
            ASSERT_FALSE(write_text(pair.near, "again"));
            EXPECT_EQ(read_text(pair.far), "again");
        }
    });
}

class IoStreamDeathTest : public ::testing::Test {
protected:
    IoStreamDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(IoStreamDeathTest, TwoReaders) {
    EXPECT_DEATH(run({.workers = 1},
                     [] {
                         auto pair = connect_pair(transport::tcp);
                         fiber a = spawn([&] { read_text(pair.near); });
                         fiber b = spawn([&] { read_text(pair.near); });
                     }),
                 "two fibers read the same socket");
}

TEST_F(IoStreamDeathTest, TwoWriters) {
    EXPECT_DEATH(run({.workers = 1},
                     [] {
                         auto pair = connect_pair(transport::tcp);
                         const std::string much = pattern(20'000'000);
                         fiber a = spawn([&] { write_text(pair.near, much); });
                         fiber b = spawn([&] { write_text(pair.near, much); });
                     }),
                 "two fibers write the same socket");
}

// Without preemption the one that reads goes on until it waits in the call.
TEST_F(IoStreamDeathTest, DestroyedUnderACall) {
    EXPECT_DEATH(run({.workers = 1, .preempt = false},
                     [] {
                         auto pair = connect_pair(transport::tcp);
                         std::atomic<bool> there = false;
                         fiber a = spawn([&] {
                             there = true;
                             read_text(pair.near);
                         });
                         eventually([&] { return there.load(); });
                         {
                             const socket gone = std::move(pair.near);
                         }
                     }),
                 "while a call on it is in flight");
}

}  // namespace
}  // namespace weft
