// SPDX-License-Identifier: Apache-2.0
//
// Misuse of locks and their like that aborts where NDEBUG is not defined: by coroutines, whose
// owner is the task that was spawned; and the end of an object that is in use. Each death is a
// process of its own, so there are few.
#include <gtest/gtest.h>
#include <weft/co.h>
#include <weft/runtime.h>

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <utility>

#include "support.h"

namespace weft {
namespace {

using testing::one_worker;
using testing::safety_net;
using testing::two_workers;

task<std::unique_lock<mutex>> locked(mutex& m) {
    auto lock = co_await co::lock(m);
    co_await co::yield();
    co_return lock;
}

task<> uses_locks(mutex& m, shared_mutex& shared, timed_mutex& timed, recursive_mutex& recursive,
                  int& turns) {
    for (int i = 0; i < 100; ++i) {
        const auto lock = co_await locked(m);
        const auto writing = co_await co::lock(shared);
        const auto in_time = co_await co::lock(timed, safety_net);
        const auto outer = co_await co::lock(recursive);
        const auto inner = co_await co::lock(recursive);
        co_await co::yield();
        ++turns;
    }
}

// What is no misuse: waits between lock and unlock, on another worker, by tasks that are awaited.
TEST(LockMisuse, NothingIsSaidOfProperUse) {
    mutex m;
    shared_mutex shared;
    timed_mutex timed;
    recursive_mutex recursive;
    int turns = 0;
    run(two_workers, [&] {
        auto a = spawn(uses_locks(m, shared, timed, recursive, turns));
        auto b = spawn(uses_locks(m, shared, timed, recursive, turns));
        auto c = spawn(uses_locks(m, shared, timed, recursive, turns));
    });
    EXPECT_EQ(turns, 300);
}

#ifndef NDEBUG

class LockMisuseDeathTest : public ::testing::Test {
protected:
    LockMisuseDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

void in_coroutine(task<> body) {
    runtime r(one_worker);
    r.spawn(std::move(body)).join();
}

template <class Mutex>
task<> lock_again(Mutex& m) {
    const auto lock = co_await co::lock(m, safety_net);
}

template <class Mutex>
task<> locks_twice() {
    Mutex m;
    const auto lock = co_await co::lock(m);
    co_await co::yield();
    co_await lock_again(m);
}

template <class Mutex>
task<> unlocks(Mutex& m) {
    m.unlock();
    co_return;
}

template <class Mutex>
task<> has_another_task_unlock(bool first_waits) {
    Mutex m;
    fiber holder;
    if (first_waits) {
        holder = spawn([&] {
            m.lock();
            this_fiber::yield();
            m.unlock();
        });
        co_await co::yield();
    }
    const auto lock = co_await co::lock(m);
    co_await spawn(unlocks(m));
}

TEST_F(LockMisuseDeathTest, OfAMutexByCoroutines) {
    EXPECT_DEATH(in_coroutine(locks_twice<mutex>()),
                 "lock\\(\\) of a mutex that the caller has locked.*in: a coroutine");
    EXPECT_DEATH(in_coroutine(has_another_task_unlock<mutex>(false)), "somebody else has locked");
    EXPECT_DEATH(in_coroutine(has_another_task_unlock<mutex>(true)), "somebody else has locked");
}

task<> reads_what_it_writes() {
    shared_mutex m;
    const auto lock = co_await co::lock(m);
    const auto reading = co_await co::lock_shared(m);
}

TEST_F(LockMisuseDeathTest, OfASharedMutexByCoroutines) {
    EXPECT_DEATH(in_coroutine(locks_twice<shared_mutex>()), "the caller has locked");
    EXPECT_DEATH(in_coroutine(reads_what_it_writes()), "the caller has locked");
    EXPECT_DEATH(in_coroutine(has_another_task_unlock<shared_mutex>(true)),
                 "somebody else has locked");
}

TEST_F(LockMisuseDeathTest, OfASharedMutexByItsWriterThatReads) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         shared_mutex m;
                         const std::lock_guard lock(m);
                         m.lock_shared();
                     }),
                 "the caller has locked");
}

TEST_F(LockMisuseDeathTest, OfARecursiveMutexByCoroutines) {
    EXPECT_DEATH(in_coroutine(has_another_task_unlock<recursive_mutex>(false)),
                 "unlock\\(\\) of a recursive mutex that somebody else has locked");
}

task<> calls_from_inside() {
    once_flag flag;
    co_await co::call_once(flag, [&flag]() -> task<> {
        co_await co::yield();
        co_await co::call_once(flag, [] {});
    });
}

TEST_F(LockMisuseDeathTest, OfCallOnceByCoroutines) {
    EXPECT_DEATH(in_coroutine(calls_from_inside()), "from inside");
}

TEST_F(LockMisuseDeathTest, TheMessageNamesTheFiber) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         spawn({.name = "teller"}, [] {
                             mutex m;
                             m.lock();
                             m.lock();
                         }).join();
                     }),
                 "lock\\(\\) of a mutex that the caller has locked.*in: fiber 'teller'");
}

/// Ends an object, made of `args`, for which a fiber waits.
template <class Object, class Wait, class... Args>
void end_under(Wait wait, Args... args) {
    run(one_worker, [&] {
        std::optional<Object> object(std::in_place, args...);
        binary_semaphore there(0);
        fiber waiter = spawn([&] {
            there.release();
            wait(*object);
        });
        there.acquire();
        this_fiber::yield();
        object.reset();
    });
}

/// The same for what must be locked to be waited for.
template <class Mutex>
void end_locked_under_waiter() {
    run(one_worker, [&] {
        std::optional<Mutex> m(std::in_place);
        binary_semaphore there(0);
        m->lock();
        fiber waiter = spawn([&] {
            there.release();
            m->lock();
        });
        there.acquire();
        this_fiber::yield();
        m.reset();
    });
}

TEST_F(LockMisuseDeathTest, ALatchEndsUnderAWaiter) {
    EXPECT_DEATH(end_under<latch>([](latch& l) { l.wait(); }, 1),
                 "a latch is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, ABarrierEndsUnderAWaiter) {
    EXPECT_DEATH(end_under<barrier<>>([](barrier<>& b) { b.arrive_and_wait(); }, 2),
                 "a barrier is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, AnEventEndsUnderAWaiter) {
    EXPECT_DEATH(end_under<event>([](event& e) { e.wait(); }),
                 "an event is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, AWaitGroupEndsUnderAWaiter) {
    EXPECT_DEATH(end_under<wait_group>([](wait_group& g) { g.wait(); }, 1u),
                 "a wait_group is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, ASharedMutexEndsUnderAWaiter) {
    EXPECT_DEATH(end_locked_under_waiter<shared_mutex>(),
                 "a shared_mutex is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, ATimedMutexEndsUnderAWaiter) {
    EXPECT_DEATH(end_locked_under_waiter<timed_mutex>(),
                 "a timed_mutex is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, ARecursiveMutexEndsUnderAWaiter) {
    EXPECT_DEATH(end_locked_under_waiter<recursive_mutex>(),
                 "a recursive_mutex is destroyed while somebody waits");
}

TEST_F(LockMisuseDeathTest, AOnceFlagEndsUnderItsCall) {
    EXPECT_DEATH(end_under<once_flag>([](once_flag& f) { call_once(f, [] { latch(1).wait(); }); }),
                 "a once_flag is destroyed while its call runs");
}

#endif

}  // namespace
}  // namespace weft
