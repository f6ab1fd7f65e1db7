// SPDX-License-Identifier: Apache-2.0
//
// Sockets between runtimes, threads and lives: moved from one to another, numbers that are used
// again, runtimes that have ended.
#include <gtest/gtest.h>
#include <unistd.h>
#include <weft/socket.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <weft/semaphore.h>

#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// Waits in vain, so that the socket is registered where this runs.
void wait_in_vain(socket& s) {
    std::array<std::byte, 8> buffer{};
    EXPECT_EQ(s.read(buffer, 300us).error(), std::errc::timed_out);
}

class IoRuntimes : public ::testing::TestWithParam<transport> {};
INSTANTIATE_TEST_SUITE_P(Transports, IoRuntimes,
                         ::testing::Values(transport::tcp, transport::unix_stream),
                         ::testing::PrintToStringParamName());

TEST_P(IoRuntimes, ASocketMovesBetweenTwoAndAThread) {
    runtime a({.workers = 1});
    runtime b({.workers = 2});
    auto pair = connect_pair(GetParam());
    const auto exchange = [&](int i) {
        const std::string text = std::to_string(i);
        wait_in_vain(pair.near);
        ASSERT_FALSE(write_text(pair.far, text));
        ASSERT_EQ(read_text(pair.near), text);
        ASSERT_FALSE(write_text(pair.near, text));
        ASSERT_EQ(read_text(pair.far), text);
    };
    for (int i = 0; i < 60; ++i) {
        switch (i % 3) {
            case 0:
                a.run([&] { exchange(i); });
                break;
            case 1:
                b.run([&] { exchange(i); });
                break;
            default:
                exchange(i);
                break;
        }
    }
}

TEST_P(IoRuntimes, ReaderInOneWriterInTheOther) {
    runtime a({.workers = 1});
    runtime b({.workers = 1});
    auto pair = connect_pair(GetParam());
    shrink_buffers(pair.near);
    shrink_buffers(pair.far);
    const std::string sent = pattern(200'000);
    std::string at_near;
    std::string at_far;
    {
        fiber reader = a.spawn([&] { at_near = read_exactly(pair.near, sent.size()); });
        fiber writer = b.spawn([&] { EXPECT_FALSE(write_text(pair.near, sent)); });
        fiber far_reader = a.spawn([&] { at_far = read_exactly(pair.far, sent.size()); });
        fiber far_writer = b.spawn([&] { EXPECT_FALSE(write_text(pair.far, sent)); });
    }
    EXPECT_TRUE(at_near == sent);
    EXPECT_TRUE(at_far == sent);
}

TEST_P(IoRuntimes, ASocketOutlivesItsRuntime) {
    auto pair = connect_pair(GetParam());
    for (int i = 0; i < 20; ++i) {
        run({.workers = 1}, [&] {
            wait_in_vain(pair.near);
            wait_in_vain(pair.far);
        });
        ASSERT_FALSE(write_text(pair.far, "between"));
        if (i % 2 == 0) {
            ASSERT_EQ(read_text(pair.near), "between");
        } else {
            run({.workers = 1}, [&] { EXPECT_EQ(read_text(pair.near), "between"); });
        }
    }
}

// It is registered with the runtime of the reader; when that ends, the writer in the other one must
// look for itself.
TEST_P(IoRuntimes, TheRuntimeInWhichItIsRegisteredEnds) {
    for (int i = 0; i < 10; ++i) {
        auto pair = connect_pair(GetParam());
        shrink_buffers(pair.near);
        shrink_buffers(pair.far);
        const std::string sent = pattern(150'000);
        runtime lasting({.workers = 1});
        std::optional<runtime> ending(std::in_place, runtime_options{.workers = 1});
        fiber reader = ending->spawn([&] { EXPECT_EQ(read_text(pair.near), "end"); });
        fiber writer = lasting.spawn([&] { EXPECT_FALSE(write_text(pair.near, sent)); });
        EXPECT_EQ(read_exactly(pair.far, 1000).size(), 1000u);  // the writer is in its call
        EXPECT_FALSE(write_text(pair.far, "end"));
        reader.join();
        ending.reset();
        EXPECT_EQ(read_exactly(pair.far, sent.size() - 1000).size(), sent.size() - 1000);
        writer.join();
    }
}

TEST_P(IoRuntimes, AListenerMovesToo) {
    listener l = listen_on(GetParam());
    const endpoint at = *l.local_endpoint();
    for (int i = 0; i < 10; ++i) {
        run({.workers = 1}, [&] {
            EXPECT_EQ(l.accept(200us).error(), std::errc::timed_out);
            fiber server = spawn([&] { EXPECT_TRUE(l.accept(safety_net)); });
            EXPECT_TRUE(connect(at, safety_net));
        });
        const auto client = connect(at, safety_net);
        EXPECT_TRUE(l.accept(safety_net)) << "on a plain thread, in non-blocking mode by now";
    }
}

// Events of a socket that was closed must not reach the one that has its number now.
TEST_P(IoRuntimes, NumbersAreUsedAgain) {
    run({.workers = 2}, [&] {
        std::set<int> numbers;
        constexpr int rounds = 150;
        for (int i = 0; i < rounds; ++i) {
            auto pair = connect_pair(GetParam());
            numbers.insert(pair.near.native_handle());
            fiber reader = spawn([&] { EXPECT_EQ(read_text(pair.near), i % 2 == 0 ? "x" : ""); });
            if (i % 4 != 3) {
                this_fiber::yield();
            }
            if (i % 2 == 0) {
                ASSERT_FALSE(write_text(pair.far, "x"));
            }
            pair.far.close();  // its end is reported while the next pair comes to life
            reader.join();
        }
        EXPECT_LT(numbers.size(), std::size_t{rounds} / 2) << "no number was used again";
    });
}

// A copy of the descriptor keeps the old registration alive after the close.
TEST_P(IoRuntimes, LateEventsOfACopyAreDropped) {
    run({.workers = 2}, [&] {
        for (int i = 0; i < 30; ++i) {
            auto old = connect_pair(GetParam());
            wait_in_vain(old.near);
            const int copy = ::dup(old.near.native_handle());
            ASSERT_GE(copy, 0);
            old.near.close();
            old.near = socket();
            auto fresh = connect_pair(GetParam());
            fiber reader = spawn([&] { EXPECT_EQ(read_text(fresh.near), "fresh"); });
            this_fiber::yield();
            ASSERT_FALSE(write_text(old.far, "late"));
            this_fiber::sleep_for(100us);
            ASSERT_FALSE(write_text(fresh.far, "fresh"));
            reader.join();
            ::close(copy);
        }
    });
}

TEST_P(IoRuntimes, FibersAndThreadsOnTheTwoEnds) {
    runtime r({.workers = 2});
    constexpr int rounds = 500;
    for (const bool near_is_fiber : {true, false}) {
        auto pair = connect_pair(GetParam());
        const auto kind = near_is_fiber ? actor_kind::fiber : actor_kind::thread;
        actor pong(r, kind, [&] {
            for (int i = 0; i < rounds; ++i) {
                EXPECT_FALSE(write_text(pair.near, read_text(pair.near)));
            }
        });
        act(r, near_is_fiber ? actor_kind::thread : actor_kind::fiber, [&] {
            for (int i = 0; i < rounds; ++i) {
                ASSERT_FALSE(write_text(pair.far, "ping"));
                ASSERT_EQ(read_text(pair.far), "ping");
            }
        });
    }
}

// A waker of the other runtime may still be on its way out when what it woke has ended its own.
TEST(IoRuntimesEnd, AnEndedRuntimeIsNotTouchedByItsWakers) {
    runtime lasting({.workers = 1});
    for (int i = 0; i < 150; ++i) {
        binary_semaphore s(0);
        runtime ending({.workers = 1});
        fiber waker = lasting.spawn([&] { s.release(); });
        ending.run([&] { s.acquire(); });
        waker.detach();
    }
}

}  // namespace
}  // namespace weft
