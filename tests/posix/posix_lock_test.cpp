// SPDX-License-Identifier: Apache-2.0
//
// Locks by the C library's names and, on top of them, the standard library's.
#include <pthread.h>
#include <semaphore.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <thread>

#include "../integration/support.h"
#include "one_worker.h"

namespace weft {

namespace {

using testing::run_together;

/// A mutex of one of the C library's kinds.
class pthread_lock {
public:
    explicit pthread_lock(int type) {
        pthread_mutexattr_t attributes;
        ::pthread_mutexattr_init(&attributes);
        ::pthread_mutexattr_settype(&attributes, type);
        ::pthread_mutex_init(&mutex_, &attributes);
        ::pthread_mutexattr_destroy(&attributes);
    }
    ~pthread_lock() { EXPECT_EQ(::pthread_mutex_destroy(&mutex_), 0); }
    pthread_lock(const pthread_lock&) = delete;
    pthread_lock& operator=(const pthread_lock&) = delete;

    pthread_mutex_t* operator&() { return &mutex_; }  // NOLINT(google-runtime-operator)

private:
    pthread_mutex_t mutex_;
};

class PosixMutexOfKind : public ::testing::TestWithParam<int> {};

INSTANTIATE_TEST_SUITE_P(, PosixMutexOfKind,
                         ::testing::Values(PTHREAD_MUTEX_NORMAL, PTHREAD_MUTEX_RECURSIVE,
                                           PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ADAPTIVE_NP));

TEST_P(PosixMutexOfKind, ExcludesFibersOfOneKernelThread) {
    pthread_lock lock(GetParam());
    int inside = 0;
    const auto body = [&] {
        for (int i = 0; i < 50; ++i) {
            ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
            ASSERT_EQ(++inside, 1);
            this_fiber::yield();
            --inside;
            ASSERT_EQ(::pthread_mutex_unlock(&lock), 0);
        }
    };
    run_together({body, body, body});
}

TEST_P(PosixMutexOfKind, ExcludesFibersAndThreads) {
    pthread_lock lock(GetParam());
    long count = 0;
    const auto body = [&] {
        for (int i = 0; i < 2000; ++i) {
            ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
            ++count;
            if (i % 64 == 0) {
                this_fiber::yield();
            }
            ASSERT_EQ(::pthread_mutex_unlock(&lock), 0);
        }
    };
    {
        runtime home(testing::two_workers);
        const testing::actor a(home, testing::actor_kind::fiber, body);
        const testing::actor b(home, testing::actor_kind::fiber, body);
        const testing::actor c(home, testing::actor_kind::fiber, body);
        const testing::actor d(home, testing::actor_kind::thread, body);
        const testing::actor e(home, testing::actor_kind::thread, body);
    }
    EXPECT_EQ(count, 5 * 2000);
}

TEST_P(PosixMutexOfKind, GivesUpAtItsDeadline) {
    pthread_lock lock(GetParam());
    run_together({[&] {
        ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
        fiber other = spawn([&] {
            EXPECT_EQ(::pthread_mutex_trylock(&lock), EBUSY);
            timespec when{};
            ::clock_gettime(CLOCK_REALTIME, &when);
            EXPECT_EQ(::pthread_mutex_timedlock(&lock, &when), ETIMEDOUT);
            ::clock_gettime(CLOCK_MONOTONIC, &when);
            when.tv_nsec = std::min(when.tv_nsec + 2'000'000, 999'999'999L);
            EXPECT_EQ(::pthread_mutex_clocklock(&lock, CLOCK_MONOTONIC, &when), ETIMEDOUT);
            when.tv_nsec = -1;
            EXPECT_EQ(::pthread_mutex_timedlock(&lock, &when), EINVAL);
        });
        other.join();
        EXPECT_EQ(::pthread_mutex_destroy(&lock), EBUSY);
        EXPECT_EQ(::pthread_mutex_unlock(&lock), 0);
    }});
}

TEST(PosixMutex, ARecursiveOneBelongsToAFiber) {
    pthread_lock lock(PTHREAD_MUTEX_RECURSIVE);
    run_together({[&] {
        ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
        ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
        ASSERT_EQ(::pthread_mutex_trylock(&lock), 0);
        fiber stranger = spawn([&] {
            EXPECT_EQ(::pthread_mutex_unlock(&lock), EPERM);
            EXPECT_EQ(::pthread_mutex_trylock(&lock), EBUSY);
        });
        stranger.join();
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(::pthread_mutex_unlock(&lock), 0);
        }
        EXPECT_EQ(::pthread_mutex_unlock(&lock), EPERM);
    }});
}

TEST(PosixMutex, AnErrorCheckingOneReportsMisuse) {
    pthread_lock lock(PTHREAD_MUTEX_ERRORCHECK);
    run_together({[&] {
        EXPECT_EQ(::pthread_mutex_unlock(&lock), EPERM);
        ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
        EXPECT_EQ(::pthread_mutex_lock(&lock), EDEADLK);
        EXPECT_EQ(::pthread_mutex_trylock(&lock), EBUSY);
        EXPECT_EQ(::pthread_mutex_unlock(&lock), 0);
    }});
}

TEST(PosixMutex, ARobustOneStaysTheCLibrarys) {
    pthread_mutexattr_t attributes;
    ::pthread_mutexattr_init(&attributes);
    ::pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_t lock;
    ::pthread_mutex_init(&lock, &attributes);
    ::pthread_mutexattr_destroy(&attributes);
    std::thread([&] { ::pthread_mutex_lock(&lock); }).join();  // dies with it
    run_together({[&] { EXPECT_EQ(::pthread_mutex_lock(&lock), EOWNERDEAD); }});
}

TEST(PosixMutex, TheStandardLibrarysMayBeHeldWhileOthersRun) {
    std::mutex lock;
    std::recursive_timed_mutex timed;
    int order = 0;
    run_together({[&] {
                      const std::scoped_lock guard(lock, timed);
                      this_fiber::yield();
                      this_fiber::yield();
                      EXPECT_EQ(++order, 1);
                  },
                  [&] {
                      const std::scoped_lock guard(lock, timed);
                      EXPECT_EQ(++order, 2);
                  }});
}

/// Locks and unlocks; known to sleep when made.
class sleeping_thread {
public:
    explicit sleeping_thread(std::mutex& lock)
        : thread_([&] {
              id_ = ::gettid();
              const std::lock_guard guard(lock);
          }) {
        while (id_ == 0) {
            std::this_thread::yield();
        }
        EXPECT_TRUE(testing::until_asleep(id_));
    }

private:
    std::atomic<pid_t> id_ = 0;
    std::jthread thread_;
};

// TSan dies of a thread that a child of a program with threads starts ("dup thread with used id").
#if !defined(__SANITIZE_THREAD__)
TEST(PosixFork, AMutexForWhichOthersWaitedWorksInTheChild) {
    std::mutex lock;
    std::unique_lock guard(lock);
    const sleeping_thread of_parent(lock);
    const pid_t child = ::fork();
    if (child == 0) {
        ::alarm(20);  // if nobody wakes the second one
        {
            const sleeping_thread of_child(lock);
            lock.unlock();
        }
        ::_exit(0);
    }
    guard.unlock();
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}
#endif

TEST(PosixFork, WhatAFiberOwnsIsItsOwnInTheChild) {
    pthread_lock lock(PTHREAD_MUTEX_RECURSIVE);
    run_together({[&] {
        ASSERT_EQ(::pthread_mutex_lock(&lock), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            ::_exit(::pthread_mutex_unlock(&lock));
        }
        int status = 0;
        EXPECT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_EQ(status, 0);
        EXPECT_EQ(::pthread_mutex_unlock(&lock), 0);
    }});
}

TEST(PosixCondition, WhoCannotUnlockDoesNotWait) {
    pthread_lock lock(PTHREAD_MUTEX_ERRORCHECK);
    pthread_cond_t never = PTHREAD_COND_INITIALIZER;
    run_together({[&] { EXPECT_EQ(::pthread_cond_wait(&never, &lock), EPERM); }});
    EXPECT_EQ(::pthread_cond_wait(&never, &lock), EPERM);
}

TEST(PosixCondition, FibersAndThreadsWakeEachOther) {
    std::mutex lock;
    std::condition_variable changed;
    int turn = 0;
    constexpr int rounds = 300;
    constexpr int players = 3;
    const auto play = [&](int me) {
        for (int i = 0; i < rounds; ++i) {
            std::unique_lock guard(lock);
            changed.wait(guard, [&] { return turn % players == me; });
            ++turn;
            changed.notify_all();
        }
    };
    {
        runtime home(testing::two_workers);
        const testing::actor a(home, testing::actor_kind::fiber, [&] { play(0); });
        const testing::actor b(home, testing::actor_kind::fiber, [&] { play(1); });
        const testing::actor c(home, testing::actor_kind::thread, [&] { play(2); });
    }
    EXPECT_EQ(turn, rounds * players);
}

TEST(PosixCondition, EachSignalReachesSomebody) {
    std::mutex lock;
    std::condition_variable changed;
    int tokens = 0;
    int taken = 0;
    constexpr int each = 400;
    const auto take = [&] {
        for (int i = 0; i < each; ++i) {
            std::unique_lock guard(lock);
            changed.wait(guard, [&] { return tokens > 0; });
            --tokens;
            ++taken;
        }
    };
    {
        runtime home(testing::two_workers);
        const testing::actor a(home, testing::actor_kind::fiber, take);
        const testing::actor b(home, testing::actor_kind::thread, take);
        for (int i = 0; i < 2 * each; ++i) {
            const std::lock_guard guard(lock);
            ++tokens;
            changed.notify_one();
        }
    }
    EXPECT_EQ(taken, 2 * each);
}

TEST(PosixCondition, GivesUpAtItsDeadline) {
    run_together({[] {
        std::mutex lock;
        std::condition_variable never;
        std::unique_lock guard(lock);
        EXPECT_EQ(never.wait_for(guard, std::chrono::milliseconds(2)), std::cv_status::timeout);
        EXPECT_EQ(never.wait_until(guard,
                                   std::chrono::system_clock::now() + std::chrono::milliseconds(2)),
                  std::cv_status::timeout);
        EXPECT_TRUE(guard.owns_lock());
    }});
}

TEST(PosixCondition, MayEndRightAfterAllWereNotified) {
    constexpr int most_rounds = 20'000;
    const deadline enough(std::chrono::seconds(1));  // where CPUs are busy a round takes long
    std::mutex lock;
    std::optional<std::condition_variable> changed;
    bool is_over = false;
    std::atomic<int> round = 0;
    std::atomic<int> waiting = 0;
    const auto wait = [&] {
        for (int i = 1;; ++i) {
            while (round != i) {
                if (round < 0) {
                    return;
                }
                std::this_thread::yield();
            }
            std::unique_lock guard(lock);
            waiting = i;
            while (!is_over) {
                changed->wait(guard);
            }
            is_over = false;
            waiting = 0;
        }
    };
    {
        changed.emplace();
        const std::jthread waiter(wait);
        for (int i = 1; i <= most_rounds && !enough.expired(); ++i) {
            round = i;
            while (waiting != i) {
            }
            while (!lock.try_lock()) {
            }
            is_over = true;
            changed->notify_all();
            // Another one in its place, which nobody notifies.
            changed.emplace();
            lock.unlock();
            while (waiting != 0) {
            }
        }
        round = -1;
    }
}

TEST(PosixRwlock, ManyReadOneWrites) {
    std::shared_mutex lock;
    long value = 0;
    const auto body = [&] {
        for (int i = 0; i < 300; ++i) {
            if (i % 4 == 0) {
                const std::unique_lock guard(lock);
                ++value;
                this_fiber::yield();
                ++value;
            } else {
                const std::shared_lock guard(lock);
                ASSERT_EQ(value % 2, 0);
                this_fiber::yield();
            }
        }
    };
    {
        runtime home(testing::two_workers);
        const testing::actor a(home, testing::actor_kind::fiber, body);
        const testing::actor b(home, testing::actor_kind::fiber, body);
        const testing::actor c(home, testing::actor_kind::thread, body);
    }
    EXPECT_EQ(value, 3 * 2 * 75);
}

TEST(PosixRwlock, ReportsMisuseAndDeadlines) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    run_together({[&] {
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), EPERM);
        EXPECT_EQ(::pthread_rwlock_wrlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_rdlock(&lock), EDEADLK);
        EXPECT_EQ(::pthread_rwlock_tryrdlock(&lock), EBUSY);
        EXPECT_EQ(::pthread_rwlock_trywrlock(&lock), EBUSY);
        fiber other = spawn([&] {
            timespec when{};
            ::clock_gettime(CLOCK_REALTIME, &when);
            EXPECT_EQ(::pthread_rwlock_timedrdlock(&lock, &when), ETIMEDOUT);
            EXPECT_EQ(::pthread_rwlock_timedwrlock(&lock, &when), ETIMEDOUT);
        });
        other.join();
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_rdlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_rdlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
    }});
    EXPECT_EQ(::pthread_rwlock_destroy(&lock), 0);
}

TEST(PosixRwlock, WritersComeFirstWhereTheLockSaysSo) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    std::string order;
    run_together({[&] {
        ASSERT_EQ(::pthread_rwlock_rdlock(&lock), 0);
        fiber writer = spawn([&] {
            EXPECT_EQ(::pthread_rwlock_wrlock(&lock), 0);
            order += 'w';
            EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
        });
        this_fiber::yield();
        EXPECT_EQ(::pthread_rwlock_tryrdlock(&lock), EBUSY);
        order += 'r';
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
        writer.join();
    }});
    EXPECT_EQ(order, "rw");
}

TEST(PosixRwlock, AWriterThatGaveUpKeepsNoReaderOut) {
    pthread_rwlock_t lock = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;
    run_together({[&] {
        ASSERT_EQ(::pthread_rwlock_rdlock(&lock), 0);
        fiber reader;
        fiber writer = spawn([&] {
            reader = spawn([&] {
                EXPECT_EQ(::pthread_rwlock_rdlock(&lock), 0);  // waits for the writer to give up
                EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
            });
            timespec when{};
            ::clock_gettime(CLOCK_REALTIME, &when);
            when.tv_nsec = std::min(when.tv_nsec + 3'000'000, 999'999'999L);
            EXPECT_EQ(::pthread_rwlock_timedwrlock(&lock, &when), ETIMEDOUT);
        });
        writer.join();
        reader.join();
        EXPECT_EQ(::pthread_rwlock_tryrdlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
        EXPECT_EQ(::pthread_rwlock_unlock(&lock), 0);
    }});
}

TEST(PosixSemaphore, FibersAndThreadsShareOne) {
    sem_t tokens;
    ASSERT_EQ(::sem_init(&tokens, 0, 0), 0);
    std::atomic<int> taken = 0;
    constexpr int each = 500;
    const auto take = [&] {
        for (int i = 0; i < each; ++i) {
            ASSERT_EQ(::sem_wait(&tokens), 0);
            ++taken;
        }
    };
    {
        runtime home(testing::one_kernel_thread);
        const testing::actor a(home, testing::actor_kind::fiber, take);
        const testing::actor b(home, testing::actor_kind::fiber, take);
        const testing::actor c(home, testing::actor_kind::thread, take);
        const testing::actor d(home, testing::actor_kind::fiber, [&] {
            for (int i = 0; i < 3 * each; ++i) {
                ASSERT_EQ(::sem_post(&tokens), 0);
                if (i % 7 == 0) {
                    this_fiber::yield();
                }
            }
        });
    }
    EXPECT_EQ(taken, 3 * each);
    run_together({[&] {
        timespec when{};
        ::clock_gettime(CLOCK_REALTIME, &when);
        EXPECT_EQ(::sem_timedwait(&tokens, &when), -1);
        EXPECT_EQ(errno, ETIMEDOUT);
    }});
    ::sem_destroy(&tokens);
}

}  // namespace

}  // namespace weft
