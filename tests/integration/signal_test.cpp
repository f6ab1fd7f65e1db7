// SPDX-License-Identifier: Apache-2.0
//
// Signals as something to wait for, by fibers, coroutines and plain threads.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/signal.h>

#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <weft/process.h>
#include <weft/select.h>

#include "callers.h"
#include "sockets.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

void send(int signal) {
    EXPECT_EQ(::kill(::getpid(), signal), 0);
}

/// What the process does at a signal, as the kernel knows it.
void (*action_of(int signal))(int) {
    struct sigaction now{};
    EXPECT_EQ(::sigaction(signal, nullptr, &now), 0);
    return now.sa_handler;
}

class Signal : public OnEachCaller {};
INSTANTIATE_TEST_SUITE_P(Callers, Signal, each_caller, name_of_caller);

TEST_P(Signal, ThatCameBefore) {
    signal_set set({SIGUSR1, SIGTERM});
    send(SIGTERM);
    const auto got = call(WEFT_BOTH_OF(set, wait, safety_net));
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->signal, SIGTERM);
    EXPECT_EQ(got->code, SI_USER);
    EXPECT_EQ(got->process, ::getpid());
    EXPECT_EQ(got->user, ::getuid());
}

/// The threads of the runtime were there before the set.
TEST_P(Signal, ThatComesLater) {
    (void)call(WEFT_BOTH(wait_readable(-1)));
    signal_set set({SIGUSR1});
    for (int i = 0; i < 50; ++i) {
        auto waiting = start(WEFT_BOTH_OF(set, wait, safety_net));
        if (i % 2 == 0) {
            EXPECT_EQ(waiting.wait_for(100us), std::future_status::timeout);
        }
        send(SIGUSR1);
        const auto got = waiting.get();
        ASSERT_TRUE(got) << got.error().message();
        ASSERT_EQ(got->signal, SIGUSR1);
    }
}

TEST_P(Signal, WithAValue) {
    const int signal = SIGRTMIN + 3;
    const std::array wanted{signal};
    auto set = signal_set::make(wanted);
    ASSERT_TRUE(set);
    for (int i = 0; i < 3; ++i) {
        EXPECT_EQ(::sigqueue(::getpid(), signal, {.sival_int = i}), 0);
    }
    for (int i = 0; i < 3; ++i) {
        const auto got = call(WEFT_BOTH_OF(*set, wait, safety_net));
        EXPECT_EQ(got->signal, signal);
        EXPECT_EQ(got->code, SI_QUEUE);
        EXPECT_EQ(got->value, i);
    }
}

TEST_P(Signal, OfAChild) {
    signal_set set({SIGCHLD});
    auto child = spawn_process({.program = "sh", .arguments = {"-c", "exit 7"}});
    ASSERT_TRUE(child);
    const auto got = call(WEFT_BOTH_OF(set, wait, safety_net));
    EXPECT_EQ(got->signal, SIGCHLD);
    EXPECT_EQ(got->code, CLD_EXITED);
    EXPECT_EQ(got->process, child->id());
    EXPECT_EQ(got->value, 7);
    EXPECT_EQ(child->wait(safety_net)->code(), 7);
}

TEST_P(Signal, DeadlineStopAndClose) {
    signal_set set({SIGUSR1});
    EXPECT_EQ(call(WEFT_BOTH_OF(set, wait, 2ms)).error(), std::errc::timed_out);
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto stopped = start_in(limits, WEFT_BOTH_OF(set, wait));
    stopped.wait_for(1ms);
    stop.request_stop();
    EXPECT_EQ(stopped.get().error(), std::errc::operation_canceled);
    send(SIGUSR1);
    EXPECT_EQ(call(WEFT_BOTH_OF(set, wait, clock::time_point::min()))->signal, SIGUSR1)
        << "what need not wait succeeds";
    auto closed = start(WEFT_BOTH_OF(set, wait));
    EXPECT_TRUE(until_all_others_sleep());
    set.close();
    expect_closed(closed.get().error());
    EXPECT_EQ(call(WEFT_BOTH_OF(set, wait)).error(), std::errc::bad_file_descriptor);
    EXPECT_EQ(action_of(SIGUSR1), SIG_DFL);
}

task<> wait_in_coroutine(signal_set& set, std::error_code& failed) {
    failed = error_of(co_await co::wait(set));
}

TEST_P(Signal, StoppedAtTheNthWaitForAllN) {
    signal_set set({SIGUSR1});
    std::error_code failed;
    const auto stopped = [&](std::uint64_t n) {
        return call([&] { return stop_at_wait(n, [&] { failed = error_of(set.wait()); }); },
                    [&] { return co::stop_at_wait(n, wait_in_coroutine(set, failed)); });
    };
    EXPECT_TRUE(stopped(1));
    EXPECT_EQ(failed, std::errc::operation_canceled);
    send(SIGUSR1);
    EXPECT_FALSE(stopped(2)) << "it waits at most once";
    EXPECT_FALSE(failed);
}

task<result<std::size_t>> select_in_coroutine(signal_set& one, signal_set& two) {
    co_return co_await co::select(on_readable(one), on_readable(two));
}

TEST_P(Signal, Select) {
    signal_set one({SIGUSR1});
    signal_set two({SIGUSR2});
    for (int i = 0; i < 20; ++i) {
        auto selecting = start([&] { return select(on_readable(one), on_readable(two)); },
                               [&] { return select_in_coroutine(one, two); });
        if (i % 3 == 0) {
            selecting.wait_for(100us);
        }
        send(i % 2 == 0 ? SIGUSR1 : SIGUSR2);
        ASSERT_EQ(*selecting.get(), static_cast<std::size_t>(i % 2));
        ASSERT_TRUE((i % 2 == 0 ? one : two).wait(clock::time_point::min()));
    }
}

TEST(SignalSets, EachGetsIt) {
    signal_set one({SIGUSR1});
    {
        signal_set two({SIGUSR1, SIGUSR2});
        send(SIGUSR1);
        EXPECT_EQ(one.wait(safety_net)->signal, SIGUSR1);
        EXPECT_EQ(two.wait(safety_net)->signal, SIGUSR1);
    }
    EXPECT_EQ(action_of(SIGUSR2), SIG_DFL);
    EXPECT_NE(action_of(SIGUSR1), SIG_DFL);
    signal_set moved(std::move(one));
    one = signal_set({SIGUSR2});
    one = std::move(moved);
    EXPECT_EQ(action_of(SIGUSR2), SIG_DFL);
    send(SIGUSR1);
    EXPECT_EQ(one.wait(safety_net)->signal, SIGUSR1);
}

TEST(SignalSets, TheActionBeforeComesBack) {
    struct sigaction ignored{};
    struct sigaction before{};
    ignored.sa_handler = SIG_IGN;
    ASSERT_EQ(::sigaction(SIGUSR1, &ignored, &before), 0);
    {
        const signal_set set({SIGUSR1});
        EXPECT_NE(action_of(SIGUSR1), SIG_IGN);
    }
    EXPECT_EQ(action_of(SIGUSR1), SIG_IGN);
    ::sigaction(SIGUSR1, &before, nullptr);
}

TEST(SignalSets, BlockedByTheCaller) {
    sigset_t user;
    ::sigemptyset(&user);
    ::sigaddset(&user, SIGUSR1);
    ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &user, nullptr), 0);
    signal_set set({SIGUSR1});
    send(SIGUSR1);
    EXPECT_EQ(set.wait(safety_net)->signal, SIGUSR1);
}

TEST(SignalSets, WhatIsRefused) {
    const auto failure = [](std::vector<int> signals) {
        return error_of(signal_set::make(signals));
    };
    for (const int signal : {0, -1, 32, 65, SIGKILL, SIGSTOP, SIGSEGV, SIGABRT, SIGURG}) {
        EXPECT_EQ(failure({SIGUSR1, signal}), std::errc::invalid_argument) << signal;
    }
    EXPECT_EQ(failure({}), std::errc::invalid_argument);
    EXPECT_THROW(signal_set({SIGKILL}), std::system_error);
    EXPECT_EQ(action_of(SIGUSR1), SIG_DFL);
    std::vector<std::error_code> errors;
    {
        const no_descriptors_left none;
        errors.push_back(failure({SIGUSR1}));
    }
    expect_no_descriptors(errors);
    signal_set none;
    EXPECT_EQ(none.wait().error(), std::errc::bad_file_descriptor);
    std::vector<signal_set> many;
    while (many.size() < 64) {
        many.push_back(signal_set({SIGUSR1}));
    }
    EXPECT_EQ(failure({SIGUSR1}), std::errc::resource_unavailable_try_again);
}

/// Signals come from one thread while sets come and go on another.
TEST(SignalSets, ComeAndGoUnderFire) {
    signal_set stays({SIGUSR1});
    std::atomic<bool> done = false;
    std::thread sender([&] {
        while (!done) {
            send(SIGUSR1);
        }
    });
    const std::size_t open = open_descriptors();
    for (int i = 0; i < 500; ++i) {
        signal_set comes({SIGUSR1});
        if (i % 10 == 0) {
            ASSERT_TRUE(comes.wait(safety_net));
        }
    }
    done = true;
    sender.join();
    EXPECT_EQ(open_descriptors(), open);
    EXPECT_TRUE(stays.wait(safety_net));
}

/// In a child that was forked the signal does what it does by default.
TEST(SignalSets, NotThoseOfAForkedChild) {
    signal_set set({SIGUSR1});
    const pid_t child = ::fork();
    if (child == 0) {
        ::raise(SIGUSR1);
        ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1);
    EXPECT_EQ(set.wait(clock::time_point::min()).error(), std::errc::timed_out);
}

/// Also after it has made sets of its own, and closed them.
TEST(SignalSets, ThoseOfAForkedChildHaveNothingToDoWithItsParents) {
    signal_set set({SIGUSR1});
    for (const int of_child : {SIGUSR2, SIGUSR1}) {
        const pid_t child = ::fork();
        if (child == 0) {
            signal_set own({of_child});
            if (of_child == SIGUSR1) {
                own.close();
            }
            ::raise(SIGUSR1);
            ::_exit(0);
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGUSR1) << of_child;
    }
}

}  // namespace
}  // namespace weft
