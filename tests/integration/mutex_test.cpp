// SPDX-License-Identifier: Apache-2.0
//
// weft::mutex between fibers, coroutines and plain threads.
#include <weft/mutex.h>

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "support.h"

namespace weft {
namespace {

using testing::actor;
using testing::actor_kind;
using testing::eventually;
using testing::one_worker;
using testing::two_workers;

/// Where a yield lets the others run. With fair sharing whoever is behind goes on, and under
/// ThreadSanitizer a first turn costs milliseconds.
const std::vector<runtime_options> options_with_turns{
    {.workers = 1, .fifo = true, .preempt = false},
#if !defined(__SANITIZE_THREAD__)
    one_worker,
#endif
};

/// What a mutex guards: notices who is in it at the same time.
class guarded {
public:
    void enter() noexcept {
        EXPECT_EQ(inside_.fetch_add(1, std::memory_order_relaxed), 0);
        ++entered_;
    }
    void leave() noexcept { inside_.fetch_sub(1, std::memory_order_relaxed); }
    [[nodiscard]] long entered() const noexcept { return entered_; }

private:
    std::atomic<int> inside_ = 0;
    long entered_ = 0;  // a data race if the mutex does not order its owners
};

constexpr int turns = 400;

void take_turns(mutex& m, guarded& inner) {
    for (int i = 0; i < turns; ++i) {
        const std::lock_guard guard(m);
        inner.enter();
        if (i % 4 == 0) {
            this_fiber::yield();
        }
        inner.leave();
    }
}

task<> take_turns_in_coroutine(mutex& m, guarded& inner) {
    for (int i = 0; i < turns; ++i) {
        const auto lock = co_await co::lock(m);
        inner.enter();
        if (i % 4 == 0) {
            co_await co::yield();
        }
        inner.leave();
    }
}

TEST(Mutex, ExcludesFibersThreadsAndCoroutines) {
    constexpr int each_kind = 3;
    mutex m;
    guarded inner;
    {
        runtime r(two_workers);
        std::vector<std::jthread> threads;
        std::vector<fiber> fibers;
        std::vector<task_handle<>> coroutines;
        for (int i = 0; i < each_kind; ++i) {
            fibers.push_back(r.spawn([&] { take_turns(m, inner); }));
            coroutines.push_back(r.spawn(take_turns_in_coroutine(m, inner)));
            threads.emplace_back([&] { take_turns(m, inner); });
        }
    }
    EXPECT_EQ(inner.entered(), 3L * each_kind * turns);
}

TEST(Mutex, ShortSectionsOfManyFibers) {
    runtime r(two_workers);
    mutex m;
    long count = 0;
    constexpr int fibers = 50;
    r.run([&] {
        std::vector<fiber> all;
        for (int i = 0; i < fibers; ++i) {
            all.push_back(spawn([&] {
                for (int n = 0; n < 1000; ++n) {
                    const std::lock_guard guard(m);
                    ++count;
                }
            }));
        }
    });
    EXPECT_EQ(count, fibers * 1000L);
}

/// Locks again as soon as it has unlocked, until `got_it`; returns how often.
long hog(mutex& m, const std::atomic<bool>& got_it) {
    const auto limit = clock::now() + testing::safety_net;
    long laps = 0;
    while (!got_it && clock::now() < limit) {
        const std::lock_guard guard(m);
        ++laps;
        this_fiber::yield();  // whoever was woken finds the mutex locked
    }
    return laps;
}

task<> lock_once(mutex& m, std::atomic<bool>& got_it) {
    const auto lock = co_await co::lock(m);
    got_it = true;
}

/// The head of the queue loses at most three turns to those that did not queue; a few more laps
/// belong to its start.
constexpr long most_laps = 8;

void expect_few_overtake_a_fiber(const runtime_options& options) {
    mutex m;
    run(options, [&] {
        std::atomic<bool> got_it = false;
        fiber waiter = spawn([&] {
            const std::lock_guard guard(m);
            got_it = true;
        });
        EXPECT_LE(hog(m, got_it), most_laps);
        EXPECT_TRUE(got_it);
    });
}

TEST(Mutex, AFiberIsOvertakenAFewTimesOnly) {
    for (const runtime_options& options : options_with_turns) {
        expect_few_overtake_a_fiber(options);
    }
}

void expect_few_overtake_a_coroutine(const runtime_options& options) {
    mutex m;
    run(options, [&] {
        std::atomic<bool> got_it = false;
        auto waiter = spawn(lock_once(m, got_it));
        EXPECT_LE(hog(m, got_it), most_laps);
        EXPECT_TRUE(got_it);
        waiter.join();
    });
}

TEST(Mutex, ACoroutineIsOvertakenAFewTimesOnly) {
    for (const runtime_options& options : options_with_turns) {
        expect_few_overtake_a_coroutine(options);
    }
}

TEST(Mutex, APlainThreadIsNotStarved) {
    mutex m;
    runtime r(one_worker);
    std::atomic<bool> got_it = false;
    std::jthread waiter([&] {
        const std::lock_guard guard(m);
        got_it = true;
    });
    r.run([&] { hog(m, got_it); });
    EXPECT_TRUE(got_it);
}

std::string order_of_waiters(const runtime_options& options) {
    mutex m;
    std::string order;
    run(options, [&] {
        std::vector<fiber> all;
        m.lock();
        for (char name = 'a'; name <= 'h'; ++name) {
            all.push_back(spawn([&, name] {
                const std::lock_guard guard(m);
                order += name;
            }));
        }
        this_fiber::yield();
        m.unlock();
    });
    return order;
}

TEST(Mutex, WaitersGetItInTheOrderOfTheirArrival) {
    for (const runtime_options& options : options_with_turns) {
        EXPECT_EQ(order_of_waiters(options), "abcdefgh");
    }
}

class MutexByKind : public ::testing::TestWithParam<actor_kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, MutexByKind,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(MutexByKind, TryLockAndTheStandardGuards) {
    runtime r(two_workers);
    testing::act(r, GetParam(), [] {
        mutex m;
        EXPECT_TRUE(m.try_lock());
        m.unlock();
        std::unique_lock lock(m, std::defer_lock);
        EXPECT_FALSE(lock.owns_lock());
        EXPECT_TRUE(lock.try_lock());
        lock.unlock();
        lock.lock();
        std::unique_lock moved = std::move(lock);
        EXPECT_TRUE(moved.owns_lock());
        moved.release()->unlock();
        const std::lock_guard guard(m);
    });
}

TEST_P(MutexByKind, TryLockFailsWhileSomebodyElseHasIt) {
    runtime r(two_workers);
    mutex m;
    const std::lock_guard guard(m);
    actor(r, GetParam(), [&] { EXPECT_FALSE(m.try_lock()); }).join();
}

TEST_P(MutexByKind, ScopedLockTakesTwoInAnyOrder) {
    runtime r(two_workers);
    mutex a;
    mutex b;
    long both = 0;
    {
        std::vector<actor> all;
        for (int i = 0; i < 4; ++i) {
            all.emplace_back(r, GetParam(), [&, i] {
                for (int n = 0; n < 300; ++n) {
                    if (i % 2 == 0) {
                        const std::scoped_lock guard(a, b);
                        ++both;
                    } else {
                        const std::scoped_lock guard(b, a);
                        ++both;
                    }
                }
            });
        }
    }
    EXPECT_EQ(both, 4 * 300);
}

// The last unlock() may still be on its way out when the next owner destroys the mutex.
TEST_P(MutexByKind, MayBeDestroyedByItsNextOwner) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        auto m = std::make_unique<mutex>();
        binary_semaphore locked(0);
        actor first(r, GetParam(), [&, here = m.get()] {
            here->lock();
            locked.release();
            here->unlock();
        });
        locked.acquire();
        m->lock();
        m->unlock();
        m.reset();
        first.join();
    }
}

TEST(Mutex, IsUnlockedOnAnotherWorkerThanItWasLockedOn) {
    mutex m;
    run({.workers = 4}, [&] {
        std::vector<fiber> all;
        for (int i = 0; i < 8; ++i) {
            all.push_back(spawn([&] {
                for (int n = 0; n < 20; ++n) {
                    const std::lock_guard guard(m);
                    for (int k = 0; k < 5; ++k) {
                        this_fiber::yield();
                    }
                }
            }));
        }
    });
}

class MutexDeathTest : public ::testing::Test {
protected:
    MutexDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(MutexDeathTest, UnlockingWhatIsNotLocked) {
    EXPECT_DEATH(
        {
            mutex m;
            m.unlock();
        },
        "not locked");
}

#ifndef NDEBUG

TEST_F(MutexDeathTest, LockingTwiceOnAThread) {
    EXPECT_DEATH(
        {
            mutex m;
            m.lock();
            m.lock();
        },
        "the caller has locked");
}

TEST_F(MutexDeathTest, LockingTwiceOnAFiber) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         mutex m;
                         m.lock();
                         this_fiber::yield();
                         m.lock();
                     }),
                 "the caller has locked");
}

TEST_F(MutexDeathTest, UnlockingByAStranger) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         mutex m;
                         m.lock();
                         spawn([&] { m.unlock(); }).join();
                     }),
                 "somebody else has locked");
}

TEST_F(MutexDeathTest, DestroyingItLocked) {
    EXPECT_DEATH(
        {
            mutex m;
            m.lock();
        },
        "destroyed while it is locked");
}

TEST_F(MutexDeathTest, DestroyingItWhileSomebodyWaits) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         std::optional<mutex> m(std::in_place);
                         m->lock();
                         binary_semaphore there(0);
                         fiber waiter = spawn([&] {
                             there.release();
                             m->lock();
                         });
                         there.acquire();
                         this_fiber::yield();
                         m.reset();
                     }),
                 "while somebody waits for it");
}

#endif

}  // namespace
}  // namespace weft
