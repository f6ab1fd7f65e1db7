// SPDX-License-Identifier: Apache-2.0
//
// Waiting for descriptors and for time by the C library's names.
#include <netdb.h>
#include <poll.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <time.h>

#include <chrono>
#include <vector>

#include <weft/scope.h>

#include "one_worker.h"

namespace weft {

namespace {

using testing::descriptor_pair;
using testing::run_together;
using testing::ten_minutes;

TEST(PosixPoll, LetsOthersRunUntilOneOfManyIsReady) {
    std::vector<std::unique_ptr<descriptor_pair>> pairs;
    std::vector<pollfd> set;
    for (int i = 0; i < 20; ++i) {
        pairs.push_back(std::make_unique<descriptor_pair>());
        set.push_back({.fd = pairs.back()->near(), .events = POLLIN, .revents = 0});
    }
    set.push_back({.fd = -1, .events = POLLIN, .revents = 77});
    run_together({[&] { EXPECT_EQ(::poll(set.data(), set.size(), ten_minutes), 1); },
                  [&] { EXPECT_EQ(::write(pairs[13]->far(), "x", 1), 1); }});
    for (std::size_t i = 0; i < set.size(); ++i) {
        EXPECT_EQ(set[i].revents, i == 13 ? POLLIN : 0) << i;
    }
}

TEST(PosixPoll, SaysWhatIsNoDescriptorAndWhatHasHungUp) {
    descriptor_pair pair;
    constexpr int number = 9999;  // is no descriptor
    pair.close_far();
    pollfd set[] = {{.fd = pair.near(), .events = 0, .revents = 0},
                    {.fd = number, .events = POLLIN, .revents = 0}};
    run_together({[&] { EXPECT_EQ(::poll(set, 2, ten_minutes), 2); }});
    EXPECT_EQ(set[0].revents, POLLHUP);
    EXPECT_EQ(set[1].revents, POLLNVAL);
}

TEST(PosixPoll, ReturnsNothingAfterItsTimeout) {
    const descriptor_pair pair;
    pollfd wanted{.fd = pair.near(), .events = POLLIN, .revents = 0};
    run_together({[&] {
        EXPECT_EQ(::poll(&wanted, 1, 2), 0);
        EXPECT_EQ(::poll(&wanted, 1, 0), 0);
        EXPECT_EQ(::poll(nullptr, 0, 2), 0);
        const timespec soon{.tv_sec = 0, .tv_nsec = 2'000'000};
        EXPECT_EQ(::ppoll(&wanted, 1, &soon, nullptr), 0);
        const timespec never{.tv_sec = 0, .tv_nsec = 2'000'000'000};
        EXPECT_EQ(::ppoll(&wanted, 1, &never, nullptr), -1);
        EXPECT_EQ(errno, EINVAL);
    }});
}

TEST(PosixPoll, StopsAtEachWait) {
    const descriptor_pair pair;
    const descriptor_pair other;
    runtime home(testing::one_kernel_thread);
    home.run([&] {
        const auto outcome = stop_at_wait(1, [&] {
            pollfd set[] = {{.fd = pair.near(), .events = POLLIN, .revents = 0},
                            {.fd = other.near(), .events = POLLIN, .revents = 0}};
            EXPECT_EQ(::poll(set, 2, ten_minutes), -1);
            EXPECT_EQ(errno, ECANCELED);
        });
        EXPECT_TRUE(outcome);
        // Nothing is left behind: the same descriptors can be waited for again.
        EXPECT_EQ(::write(pair.far(), "x", 1), 1);
        pollfd wanted{.fd = pair.near(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&wanted, 1, ten_minutes), 1);
    });
}

TEST(PosixSelect, SaysWhichAreReady) {
    const descriptor_pair quiet;
    const descriptor_pair pair;
    fd_set read;
    fd_set write;
    run_together({[&] {
                      FD_ZERO(&read);
                      FD_SET(quiet.near(), &read);
                      FD_SET(pair.near(), &read);
                      timeval limit{.tv_sec = 600, .tv_usec = 0};
                      EXPECT_EQ(::select(FD_SETSIZE, &read, nullptr, nullptr, &limit), 1);
                      EXPECT_LT(limit.tv_sec, 600);
                      FD_ZERO(&write);
                      FD_SET(quiet.near(), &write);
                      EXPECT_EQ(::select(FD_SETSIZE, &read, &write, nullptr, nullptr), 2);
                  },
                  [&] { EXPECT_EQ(::write(pair.far(), "x", 1), 1); }});
    EXPECT_FALSE(FD_ISSET(quiet.near(), &read));
    EXPECT_TRUE(FD_ISSET(pair.near(), &read));
    EXPECT_TRUE(FD_ISSET(quiet.near(), &write));
}

TEST(PosixSelect, ReportsABadDescriptor) {
    run_together({[&] {
        fd_set read;
        FD_ZERO(&read);
        FD_SET(FD_SETSIZE - 1, &read);
        EXPECT_EQ(::select(FD_SETSIZE, &read, nullptr, nullptr, nullptr), -1);
        EXPECT_EQ(errno, EBADF);
        EXPECT_EQ(::select(-1, nullptr, nullptr, nullptr, nullptr), -1);
        EXPECT_EQ(errno, EINVAL);
    }});
}

TEST(PosixSelect, TakesSetsOfMoreThanTheUsualSize) {
    const descriptor_pair pair;
    constexpr int count = 4 * FD_SETSIZE;
    fd_set read[4] = {};
    run_together({[&] {
                      FD_SET(pair.near(), &read[0]);
                      EXPECT_EQ(::select(count, &read[0], nullptr, nullptr, nullptr), 1);
                  },
                  [&] { EXPECT_EQ(::write(pair.far(), "x", 1), 1); }});
    EXPECT_TRUE(FD_ISSET(pair.near(), &read[0]));
}

TEST(PosixSelect, WaitsOnWhereOnlyWhatWasNotAskedForHasCome) {
    descriptor_pair pair(descriptor_pair::kind::pipe);
    const descriptor_pair other;
    pair.close_far();
    run_together({[&] {
                      fd_set except;
                      fd_set read;
                      FD_ZERO(&except);
                      FD_ZERO(&read);
                      FD_SET(pair.near(), &except);
                      FD_SET(other.near(), &read);
                      EXPECT_EQ(::select(FD_SETSIZE, &read, nullptr, &except, nullptr), 1);
                      EXPECT_FALSE(FD_ISSET(pair.near(), &except));
                      EXPECT_TRUE(FD_ISSET(other.near(), &read));
                  },
                  // Runs when the first one waits.
                  [&] { EXPECT_EQ(::write(other.far(), "x", 1), 1); }});
}

TEST(PosixEpoll, AWaitLetsOthersRun) {
    const descriptor_pair pair;
    const int epoll = ::epoll_create1(0);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = 42}};
    ASSERT_EQ(::epoll_ctl(epoll, EPOLL_CTL_ADD, pair.near(), &event), 0);
    epoll_event got{};
    run_together({[&] {
                      EXPECT_EQ(::epoll_wait(epoll, &got, 1, 2), 0);
                      EXPECT_EQ(::epoll_wait(epoll, &got, 1, -1), 1);
                  },
                  [&] {
                      ::usleep(5000);
                      EXPECT_EQ(::write(pair.far(), "x", 1), 1);
                  }});
    EXPECT_EQ(got.data.u64, 42u);
    ::close(epoll);
}

TEST(PosixSleep, OthersRunMeanwhile) {
    int last = 0;
    const auto begun = clock::now();
    run_together({[&] {
                      ::sleep(1);
                      last = 1;
                  },
                  [&] {
                      ::usleep(1000);
                      const timespec part{.tv_sec = 0, .tv_nsec = 1'000'000};
                      EXPECT_EQ(::nanosleep(&part, nullptr), 0);
                      EXPECT_EQ(::clock_nanosleep(CLOCK_MONOTONIC, 0, &part, nullptr), 0);
                      timespec when{};
                      ::clock_gettime(CLOCK_REALTIME, &when);
                      when.tv_nsec = std::min(when.tv_nsec + 1'000'000, 999'999'999L);
                      EXPECT_EQ(::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &when, nullptr),
                                0);
                      EXPECT_EQ(last, 0);
                  }});
    EXPECT_GE(clock::now() - begun, std::chrono::seconds(1));
}

TEST(PosixSleep, AStopLooksLikeASignal) {
    runtime home(testing::one_kernel_thread);
    fiber sleeper = home.spawn([&](std::stop_token) {
        const timespec ten{.tv_sec = 600, .tv_nsec = 0};
        timespec left{};
        EXPECT_EQ(::nanosleep(&ten, &left), -1);
        EXPECT_EQ(errno, EINTR);
        EXPECT_GT(left.tv_sec, 500);
        EXPECT_GT(::sleep(600), 500u);
    });
    sleeper.request_stop();
    sleeper.join();
}

TEST(PosixSleep, BadTimesAreReported) {
    run_together({[] {
        const timespec bad{.tv_sec = 0, .tv_nsec = 1'000'000'000};
        EXPECT_EQ(::nanosleep(&bad, nullptr), -1);
        EXPECT_EQ(errno, EINVAL);
        EXPECT_EQ(::clock_nanosleep(CLOCK_MONOTONIC, 0, &bad, nullptr), EINVAL);
    }});
}

TEST(PosixSleep, ClocksThatNobodyCanSleepByAreRefused) {
    run_together({[] {
        const timespec part{.tv_sec = 0, .tv_nsec = 1'000'000};
        EXPECT_EQ(::clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &part, nullptr), EINVAL);
        EXPECT_EQ(::clock_nanosleep(CLOCK_MONOTONIC_COARSE, 0, &part, nullptr), EOPNOTSUPP);
    }});
}

TEST(PosixBlocking, OthersRunWhileAChildIsWaitedFor) {
    descriptor_pair pair(descriptor_pair::kind::pipe);
    const pid_t child = ::fork();
    if (child == 0) {
        char byte = 0;
        ::_exit(::read(pair.near(), &byte, 1) == 1 ? 7 : 8);
    }
    int status = 0;
    run_together({[&] { EXPECT_EQ(::waitpid(child, &status, 0), child); },
                  [&] { EXPECT_EQ(::write(pair.far(), "x", 1), 1); }});
    EXPECT_TRUE(WIFEXITED(status));
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST(PosixBlocking, ErrnoSurvivesTheReturnToTheWorker) {
    sem_t never;
    ASSERT_EQ(::sem_init(&never, 1, 0), 0);
    constexpr int number = 9999;  // is no descriptor
    sigset_t none;
    ::sigemptyset(&none);
    runtime home({.workers = 1});
    const auto body = [&] {
        for (int i = 0; i < 200; ++i) {
            timespec when{};
            ::clock_gettime(CLOCK_REALTIME, &when);
            EXPECT_EQ(::sem_timedwait(&never, &when), -1);
            ASSERT_EQ(errno, ETIMEDOUT) << i;
            epoll_event event{};
            EXPECT_EQ(::epoll_pwait(number, &event, 1, 1, &none), -1);
            ASSERT_EQ(errno, EBADF) << i;
        }
    };
    fiber a = home.spawn(body);
    fiber b = home.spawn(body);
    a.join();
    b.join();
    ::sem_destroy(&never);
}

TEST(PosixBlocking, NamesAreFound) {
    run_together({[] {
        addrinfo* found = nullptr;
        EXPECT_EQ(::getaddrinfo("localhost", "80", nullptr, &found), 0);
        ::freeaddrinfo(found);
    }});
}

}  // namespace

}  // namespace weft
