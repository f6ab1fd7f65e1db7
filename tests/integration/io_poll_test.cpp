// SPDX-License-Identifier: Apache-2.0
//
// Waiting for descriptors that are not weft's: what is ready and what is not, several that wait for
// one, copies, numbers that are used again, cancellation, and descriptors that weft has, too.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/poll.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <future>
#include <stop_token>
#include <vector>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

class unique_pipe {
public:
    unique_pipe() { EXPECT_EQ(::pipe2(fds_.data(), O_CLOEXEC | O_NONBLOCK), 0); }
    ~unique_pipe() {
        close_out();
        close_in();
    }
    unique_pipe(const unique_pipe&) = delete;
    unique_pipe& operator=(const unique_pipe&) = delete;

    [[nodiscard]] int out() const { return fds_[0]; }
    [[nodiscard]] int in() const { return fds_[1]; }
    void close_out() { close(fds_[0]); }
    void close_in() { close(fds_[1]); }
    void put(char byte = 'x') const { EXPECT_EQ(::write(in(), &byte, 1), 1); }
    char take() const {
        char byte = 0;
        return ::read(out(), &byte, 1) == 1 ? byte : '\0';
    }
    void fill() const {
        const std::array<char, 4096> page{};
        while (::write(in(), page.data(), page.size()) > 0) {
        }
        EXPECT_EQ(errno, EAGAIN);
    }

private:
    static void close(int& fd) {
        if (fd >= 0) {
            ::close(std::exchange(fd, -1));
        }
    }

    std::array<int, 2> fds_{-1, -1};
};

/// Whether the call that `future` stands for is still going on, some time after it began. Only a
/// hint that a test is of worth: it is never expected that something did not happen.
template <class Future>
bool waits(const Future& future) {
    return future.wait_for(1ms) == std::future_status::timeout;
}

class IoPoll : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, IoPoll, each_caller, name_of_caller);

TEST_P(IoPoll, ReadyBefore) {
    unique_pipe pipe;
    pipe.put();
    EXPECT_TRUE(call(WEFT_BOTH(wait_readable(pipe.out()))));
    EXPECT_TRUE(call(WEFT_BOTH(wait_writable(pipe.in()))));
    EXPECT_EQ(*call(WEFT_BOTH(poll(pipe.out(), POLLIN | POLLRDNORM))), POLLIN | POLLRDNORM);
    EXPECT_EQ(pipe.take(), 'x');
}

TEST_P(IoPoll, ReadyLater) {
    unique_pipe pipe;
    for (int i = 0; i < 100; ++i) {
        auto waiting = start(WEFT_BOTH(wait_readable(pipe.out(), safety_net)));
        if (i % 2 == 0) {
            waits(waiting);
        }
        pipe.put(static_cast<char>('a' + i % 26));
        ASSERT_TRUE(waiting.get());
        ASSERT_EQ(pipe.take(), 'a' + i % 26);
    }
}

TEST_P(IoPoll, WritableLater) {
    unique_pipe pipe;
    for (int i = 0; i < 20; ++i) {
        pipe.fill();
        auto waiting = start(WEFT_BOTH(wait_writable(pipe.in(), safety_net)));
        if (i % 2 == 0) {
            waits(waiting);
        }
        std::array<char, 65536> all{};
        ASSERT_GT(::read(pipe.out(), all.data(), all.size()), 0);
        ASSERT_TRUE(waiting.get());
    }
}

TEST_P(IoPoll, ThePeerGoes) {
    {
        unique_pipe pipe;
        auto waiting = start(WEFT_BOTH(poll(pipe.out(), POLLIN, safety_net)));
        waits(waiting);
        pipe.close_in();
        EXPECT_EQ(*waiting.get(), POLLHUP);
        EXPECT_TRUE(call(WEFT_BOTH(wait_readable(pipe.out()))));
    }
    unique_pipe pipe;
    pipe.fill();
    auto waiting = start(WEFT_BOTH(poll(pipe.in(), POLLOUT, safety_net)));
    waits(waiting);
    pipe.close_out();
    EXPECT_EQ(*waiting.get() & POLLERR, POLLERR);
    EXPECT_TRUE(call(WEFT_BOTH(wait_writable(pipe.in()))));
}

TEST_P(IoPoll, NothingElseThanTheEventsAskedFor) {
    auto pair = connect_pair(transport::unix_stream);
    const int fd = pair.near.native_handle();
    EXPECT_EQ(*call(WEFT_BOTH(poll(fd, POLLIN | POLLOUT, safety_net))), POLLOUT);
    EXPECT_EQ(call(WEFT_BOTH(poll(fd, POLLIN | POLLPRI, 1ms))).error(), std::errc::timed_out);
    EXPECT_EQ(call(WEFT_BOTH(poll(fd, 0, 1ms))).error(), std::errc::timed_out);
    auto waiting = start(WEFT_BOTH(poll(fd, POLLRDHUP, safety_net)));
    waits(waiting);
    ASSERT_FALSE(write_text(pair.far, "no end yet"));
    waits(waiting);
    ASSERT_TRUE(pair.far.shutdown_write());
    EXPECT_EQ(*waiting.get(), POLLRDHUP);
}

TEST_P(IoPoll, TimesOutNeverEarly) {
    unique_pipe pipe;
    for (int i = 0; i < 3; ++i) {
        const auto start = clock::now();
        EXPECT_EQ(call(WEFT_BOTH(wait_readable(pipe.out(), 2ms))).error(), std::errc::timed_out);
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_EQ(call(WEFT_BOTH(wait_readable(pipe.out(), clock::time_point::min()))).error(),
                  std::errc::timed_out);
        pipe.put();
        EXPECT_TRUE(call(WEFT_BOTH(wait_readable(pipe.out(), clock::time_point::min()))))
            << "what need not wait succeeds";
        pipe.take();
    }
}

TEST_P(IoPoll, CancelledWhileItWaitsAndBefore) {
    unique_pipe pipe;
    for (int i = 0; i < 50; ++i) {
        std::stop_source stop;
        const bounds limits{.token = stop.get_token(), .until = {}};
        auto waiting = start_in(limits, WEFT_BOTH(wait_readable(pipe.out())));
        if (i % 2 == 0) {
            waits(waiting);
        }
        stop.request_stop();
        ASSERT_EQ(waiting.get().error(), std::errc::operation_canceled);
        EXPECT_EQ(call_in(limits, WEFT_BOTH(wait_readable(pipe.out()))).error(),
                  std::errc::operation_canceled);
        pipe.put();
        EXPECT_TRUE(call_in(limits, WEFT_BOTH(wait_readable(pipe.out()))))
            << "what need not wait succeeds";
        EXPECT_EQ(pipe.take(), 'x');
    }
}

TEST_P(IoPoll, ADeadlineAroundIt) {
    unique_pipe pipe;
    const auto until = clock::now() + 2ms;
    EXPECT_EQ(
        call_in({.token = {}, .until = until}, WEFT_BOTH(wait_readable(pipe.out(), safety_net)))
            .error(),
        std::errc::timed_out);
    EXPECT_GE(clock::now(), until);
}

TEST_P(IoPoll, BadDescriptors) {
    const auto bad = make_error_code(std::errc::bad_file_descriptor);
    EXPECT_EQ(call(WEFT_BOTH(wait_readable(-1))).error(), bad);
    EXPECT_EQ(call(WEFT_BOTH(wait_writable(-7, 1ms))).error(), bad);
    unique_pipe pipe;
    const int closed = pipe.out();
    pipe.close_out();
    EXPECT_EQ(call(WEFT_BOTH(poll(closed, POLLIN, safety_net))).error(), bad);
}

// epoll refuses them, poll(2) says that they are always ready.
TEST_P(IoPoll, RegularFilesAreAlwaysReady) {
    const int file = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    ASSERT_GE(file, 0);
    EXPECT_TRUE(call(WEFT_BOTH(wait_readable(file))));
    EXPECT_EQ(*call(WEFT_BOTH(poll(file, POLLIN | POLLOUT))), POLLIN | POLLOUT);
    ::close(file);
}

TEST_P(IoPoll, AChildProcessEnds) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::pause();
        ::_exit(0);
    }
    const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, child, 0));
    ASSERT_GE(pidfd, 0);
    auto waiting = start(WEFT_BOTH(wait_readable(pidfd, safety_net)));
    waits(waiting);
    ::kill(child, SIGKILL);
    EXPECT_TRUE(waiting.get());
    EXPECT_EQ(::waitpid(child, nullptr, 0), child);
    ::close(pidfd);
}

TEST_P(IoPoll, AnEpollInstanceOfSomebodyElse) {
    unique_pipe pipe;
    const int outer = ::epoll_create1(EPOLL_CLOEXEC);
    epoll_event event{.events = EPOLLIN, .data = {.fd = pipe.out()}};
    ASSERT_EQ(::epoll_ctl(outer, EPOLL_CTL_ADD, pipe.out(), &event), 0);
    auto waiting = start(WEFT_BOTH(wait_readable(outer, safety_net)));
    waits(waiting);
    pipe.put();
    EXPECT_TRUE(waiting.get());
    EXPECT_EQ(::epoll_wait(outer, &event, 1, 0), 1);
    ::close(outer);
}

// Both directions of one descriptor, each more than once: one event must leave the others waiting,
// and must not cost them theirs.
TEST_P(IoPoll, SeveralWaitForTheSameDescriptor) {
    use_workers(1);
    for (int i = 0; i < 20; ++i) {
        auto pair = connect_pair(transport::unix_stream);
        shrink_buffers(pair.near);
        const int fd = pair.near.native_handle();
        const std::string page(4096, 'x');
        while (::send(fd, page.data(), page.size(), MSG_DONTWAIT) > 0) {
        }
        std::vector<std::future<result<short>>> readers;
        std::vector<std::future<result<short>>> writers;
        for (const caller each : {who(), caller::fiber, caller::coroutine, caller::thread}) {
            readers.push_back(start_as(each, WEFT_BOTH(poll(fd, POLLIN, safety_net))));
            writers.push_back(start_as(each, WEFT_BOTH(poll(fd, POLLOUT, safety_net))));
        }
        auto both = start(WEFT_BOTH(poll(fd, POLLIN | POLLOUT, safety_net)));
        EXPECT_EQ(call(WEFT_BOTH(poll(fd, POLLIN, 300us))).error(), std::errc::timed_out);
        if (i % 2 == 0) {
            ASSERT_FALSE(write_text(pair.far, "data"));
            for (auto& each : readers) {
                EXPECT_EQ(*each.get(), POLLIN);
            }
            EXPECT_TRUE(waits(writers.front()));
        }
        std::thread drain([&] {
            while (!read_text(pair.far, 65536).empty()) {
            }
        });
        for (auto& each : writers) {
            EXPECT_EQ(*each.get(), POLLOUT);
        }
        EXPECT_TRUE(both.get());
        if (i % 2 != 0) {
            ASSERT_FALSE(write_text(pair.far, "data"));
            for (auto& each : readers) {
                EXPECT_EQ(*each.get(), POLLIN);
            }
        }
        pair.near.close();
        drain.join();
    }
}

TEST_P(IoPoll, SomeOfSeveralGiveUp) {
    unique_pipe pipe;
    for (int i = 0; i < 50; ++i) {
        std::stop_source stop;
        auto stays = start(WEFT_BOTH(wait_readable(pipe.out(), safety_net)));
        auto stopped = start_in({.token = stop.get_token(), .until = {}},
                                WEFT_BOTH(wait_readable(pipe.out())));
        auto late = start(WEFT_BOTH(wait_readable(pipe.out(), 200us)));
        EXPECT_EQ(late.get().error(), std::errc::timed_out);
        stop.request_stop();
        EXPECT_EQ(stopped.get().error(), std::errc::operation_canceled);
        pipe.put();
        ASSERT_TRUE(stays.get());
        pipe.take();
    }
}

// What became ready in the moment of the stop or the deadline is reported, or is there for the next
// one; no wake-up is spent on somebody who has gone.
TEST_P(IoPoll, EventsAndStopsRace) {
    unique_pipe pipe;
    int ready = 0;
    for (int i = 0; i < 300; ++i) {
        std::stop_source stop;
        auto racing = start_in({.token = stop.get_token(), .until = deadline(50us * (i % 5))},
                               WEFT_BOTH(wait_readable(pipe.out())));
        auto stays = start(WEFT_BOTH(wait_readable(pipe.out(), safety_net)));
        if (i % 3 == 0) {
            stop.request_stop();
            pipe.put();
        } else {
            pipe.put();
            stop.request_stop();
        }
        ASSERT_TRUE(stays.get());
        const auto outcome = racing.get();
        ready += outcome ? 1 : 0;
        if (!outcome) {
            ASSERT_TRUE(outcome.error() == std::errc::timed_out ||
                        outcome.error() == std::errc::operation_canceled);
        }
        ASSERT_EQ(pipe.take(), 'x');
    }
    EXPECT_GT(ready, 0);
}

TEST_P(IoPoll, ACopyOfTheDescriptor) {
    unique_pipe pipe;
    const int copy = ::dup(pipe.out());
    auto original = start(WEFT_BOTH(wait_readable(pipe.out(), safety_net)));
    auto copied = start(WEFT_BOTH(wait_readable(copy, safety_net)));
    waits(copied);
    pipe.put();
    EXPECT_TRUE(original.get());
    EXPECT_TRUE(copied.get());
    pipe.take();
    ::close(copy);
    EXPECT_EQ(call(WEFT_BOTH(wait_readable(pipe.out(), 300us))).error(), std::errc::timed_out);
}

// The number of a pipe that was waited for becomes that of another one, again and again; sometimes
// the old one lives on under another number and has something to say.
TEST_P(IoPoll, NumbersAreUsedAgain) {
    const int number = ::fcntl(0, F_DUPFD_CLOEXEC, 200);
    ASSERT_GE(number, 200);
    for (int i = 0; i < 100; ++i) {
        unique_pipe old;
        ASSERT_EQ(::dup3(old.out(), number, O_CLOEXEC), number);
        EXPECT_EQ(call(WEFT_BOTH(wait_readable(number, 100us))).error(), std::errc::timed_out);
        unique_pipe fresh;
        ASSERT_EQ(::dup3(fresh.out(), number, O_CLOEXEC), number);
        if (i % 3 == 0) {
            old.close_out();
            old.close_in();
        }
        auto waiting = start(WEFT_BOTH(wait_readable(number, safety_net)));
        if (i % 3 == 1) {
            old.put();
            EXPECT_EQ(call(WEFT_BOTH(wait_readable(number, 300us))).error(), std::errc::timed_out);
        }
        EXPECT_TRUE(waits(waiting));
        fresh.put();
        ASSERT_TRUE(waiting.get());
        ASSERT_EQ(fresh.take(), 'x');
    }
    ::close(number);
}

// Who waits for a number that is closed meanwhile is told when it is known, and nobody else is
// hurt.
TEST_P(IoPoll, ClosedUnderAWaiter) {
    if (who() == caller::thread) {
        GTEST_SKIP() << "the kernel keeps the file open for poll(2)";
    }
    use_workers(1);
    const int number = ::fcntl(0, F_DUPFD_CLOEXEC, 210);
    for (int i = 0; i < 30; ++i) {
        unique_pipe old;
        ASSERT_EQ(::dup3(old.out(), number, O_CLOEXEC), number);
        auto loses = start(WEFT_BOTH(wait_readable(number, safety_net)));
        // It is registered before this one, or has its turn after it: then it sees the new file.
        EXPECT_EQ(call(WEFT_BOTH(wait_readable(number, 2ms))).error(), std::errc::timed_out);
        unique_pipe fresh;
        ASSERT_EQ(::dup3(fresh.out(), number, O_CLOEXEC), number);
        if (i % 2 == 0) {
            old.close_out();
        }
        auto waiting = start(WEFT_BOTH(wait_readable(number, safety_net)));
        waits(waiting);
        fresh.put();
        ASSERT_TRUE(waiting.get());
        // That one may have found it readable without a wait, which tells nobody.
        fresh.take();
        EXPECT_EQ(call(WEFT_BOTH(wait_readable(number, 2ms))).error(), std::errc::timed_out);
        fresh.put();
        const auto outcome = loses.get();
        EXPECT_TRUE(outcome || outcome.error() == std::errc::bad_file_descriptor);
    }
    ::close(number);
}

TEST_P(IoPoll, ClosedAndNotUsedAgain) {
    if (who() == caller::thread) {
        GTEST_SKIP() << "the kernel keeps the file open for poll(2)";
    }
    use_workers(1);
    unique_pipe pipe;
    const int number = pipe.out();
    std::stop_source stop;
    auto waiting =
        start_in({.token = stop.get_token(), .until = {}}, WEFT_BOTH(wait_readable(number)));
    EXPECT_EQ(call(WEFT_BOTH(wait_readable(number, 2ms))).error(), std::errc::timed_out);
    pipe.close_out();
    waits(waiting);
    stop.request_stop();
    const auto outcome = waiting.get();
    EXPECT_TRUE(outcome.error() == std::errc::operation_canceled ||
                outcome.error() == std::errc::bad_file_descriptor);
}

// The netpoll's own registration, edge-triggered, must stay as it is.
TEST_P(IoPoll, TheDescriptorOfAWeftSocket) {
    auto pair = connect_pair(transport::tcp);
    const int fd = pair.near.native_handle();
    for (int i = 0; i < 30; ++i) {
        fiber reader = home().spawn([&] {
            EXPECT_EQ(read_exactly(pair.near, 5), "first");
            EXPECT_EQ(read_exactly(pair.near, 6), "second");
        });
        auto waiting = start(WEFT_BOTH(wait_readable(fd, safety_net)));
        auto writable = start(WEFT_BOTH(wait_writable(fd, safety_net)));
        EXPECT_TRUE(writable.get());
        ASSERT_FALSE(write_text(pair.far, "first"));
        this_fiber::sleep_for(100us);
        ASSERT_FALSE(write_text(pair.far, "second"));
        reader.join();
        // Who waits may have come too late for both.
        ASSERT_FALSE(write_text(pair.far, "third"));
        EXPECT_TRUE(waiting.get());
        EXPECT_EQ(read_text(pair.near), "third");
    }
}

TEST_P(IoPoll, ADescriptorThatBecomesAWeftSocket) {
    std::array<int, 2> fds{};
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds.data()), 0);
    EXPECT_EQ(call(WEFT_BOTH(wait_readable(fds[0], 300us))).error(), std::errc::timed_out);
    socket near = *socket::from_native(fds[0]);
    socket far = *socket::from_native(fds[1]);
    fiber reader = home().spawn([&] { EXPECT_EQ(read_text(near), "text"); });
    this_fiber::yield();
    ASSERT_FALSE(write_text(far, "text"));
    reader.join();
}

// Each of two runtimes has its own registration.
TEST_P(IoPoll, InTwoRuntimes) {
    runtime other({.workers = 1});
    unique_pipe pipe;
    for (int i = 0; i < 20; ++i) {
        auto here = start(WEFT_BOTH(wait_readable(pipe.out(), safety_net)));
        fiber there = other.spawn([&] { EXPECT_TRUE(wait_readable(pipe.out(), safety_net)); });
        waits(here);
        pipe.put();
        EXPECT_TRUE(here.get());
        there.join();
        pipe.take();
    }
}

TEST_P(IoPoll, ManyDescriptors) {
    constexpr int count = 300;
    std::vector<unique_pipe> pipes(count);
    std::atomic<int> woken = 0;
    {
        std::vector<fiber> all;
        for (unique_pipe& pipe : pipes) {
            all.push_back(home().spawn([&] {
                for (int i = 0; i < 5; ++i) {
                    EXPECT_TRUE(wait_readable(pipe.out(), safety_net));
                    EXPECT_EQ(pipe.take(), 'x');
                    ++woken;
                }
            }));
        }
        for (int i = 0; i < 5; ++i) {
            for (const unique_pipe& pipe : pipes) {
                pipe.put();
            }
            EXPECT_TRUE(eventually([&] { return woken == (i + 1) * count; }));
        }
    }
    EXPECT_EQ(woken, 5 * count);
}

// No descriptor is needed to wait for one.
TEST_P(IoPoll, NoDescriptorsLeft) {
    unique_pipe pipe;
    EXPECT_EQ(call(WEFT_BOTH(wait_readable(pipe.out(), 100us))).error(), std::errc::timed_out);
    std::error_code error;
    {
        const no_descriptors_left none;
        error = error_of(call(WEFT_BOTH(wait_readable(pipe.out(), 100us))));
    }
    EXPECT_EQ(error, std::errc::timed_out);
}

TEST_P(IoPoll, OnAllNumbersOfWorkers) {
    for (const unsigned workers : {1u, 2u, 4u}) {
        use_workers(workers);
        unique_pipe to;
        unique_pipe back;
        auto pong = start(
            [&] {
                for (int i = 0; i < 300; ++i) {
                    if (!wait_readable(to.out(), safety_net) || to.take() != 'x') {
                        return false;
                    }
                    back.put();
                }
                return true;
            },
            [&]() -> task<bool> {
                for (int i = 0; i < 300; ++i) {
                    const auto ready = co_await co::wait_readable(to.out(), safety_net);
                    if (!ready || to.take() != 'x') {
                        co_return false;
                    }
                    back.put();
                }
                co_return true;
            });
        home().run([&] {
            for (int i = 0; i < 300; ++i) {
                to.put();
                ASSERT_TRUE(wait_readable(back.out(), safety_net));
                ASSERT_EQ(back.take(), 'x');
            }
        });
        EXPECT_TRUE(pong.get());
    }
}

// A fiber for which there is always something lets others run.
TEST(IoPollFairness, WhoNeverWaitsLetsOthersRun) {
    runtime alone({.workers = 1, .preempt = false});
    unique_pipe pipe;
    pipe.put();
    std::atomic<bool> stop = false;
    alone.run([&] {
        fiber busy = spawn([&] {
            while (!stop) {
                ASSERT_TRUE(wait_readable(pipe.out()));
            }
        });
        this_fiber::yield();
        stop = true;  // this fiber got its turn
        busy.join();
    });
}

task<> calls_what_blocks(int fd) {
    (void)wait_readable(fd);
    co_return;
}

TEST(IoPollDeathTest, InACoroutine) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            runtime r({.workers = 1});
            r.spawn(calls_what_blocks(0)).join();
        },
        "use its co_await form");
}

}  // namespace
}  // namespace weft
