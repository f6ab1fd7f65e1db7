// SPDX-License-Identifier: Apache-2.0
//
// The standard's guards and std::lock with all kinds of weft's mutexes, mixed.
#include <gtest/gtest.h>

#include <mutex>
#include <shared_mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <weft/mutex.h>
#include <weft/shared_mutex.h>

#include "callers.h"

namespace weft {
namespace {

struct all_kinds {
    mutex plain;
    timed_mutex timed;
    recursive_mutex recursive;
    recursive_timed_mutex recursive_timed;
    shared_mutex shared;
    shared_timed_mutex shared_timed;
};

WEFT_TEST_BY_BLOCKING_CALLER(Guards, StdLockTakesAllKindsInAnyOrder) {
    all_kinds m;
    long count = 0;
    {
        std::vector<typename TypeParam::actor> all;
        for (int who = 0; who < 3; ++who) {
            all.push_back(this->start([&, who]() -> task<> {
                for (int i = 0; i < 100; ++i) {
                    if (who == 0) {
                        const std::scoped_lock lock(m.plain, m.timed, m.recursive,
                                                    m.recursive_timed, m.shared, m.shared_timed);
                        ++count;
                    } else if (who == 1) {
                        const std::scoped_lock lock(m.shared_timed, m.shared, m.recursive_timed,
                                                    m.recursive, m.timed, m.plain);
                        ++count;
                    } else {
                        std::unique_lock a(m.recursive, std::defer_lock);
                        std::unique_lock b(m.plain, std::defer_lock);
                        std::shared_lock c(m.shared, std::defer_lock);
                        std::lock(c, b, a);
                        ++count;
                    }
                }
                co_return;
            }));
        }
    }
    EXPECT_EQ(count, 300);
    EXPECT_EQ(
        std::try_lock(m.plain, m.timed, m.recursive, m.recursive_timed, m.shared, m.shared_timed),
        -1)
        << "all are free";
    m.plain.unlock();
    m.timed.unlock();
    m.recursive.unlock();
    m.recursive_timed.unlock();
    m.shared.unlock();
    m.shared_timed.unlock();
}

WEFT_TEST_BY_BLOCKING_CALLER(Guards, TryLockOfAllKindsGivesBackWhatItTook) {
    all_kinds m;
    const std::unique_lock held(m.shared_timed);
    this->act([&]() -> task<> {
        std::unique_lock a(m.plain, std::defer_lock);
        std::unique_lock b(m.timed, std::defer_lock);
        std::shared_lock c(m.shared, std::defer_lock);
        EXPECT_EQ(std::try_lock(a, b, m.recursive, c, m.shared_timed), 4);
        EXPECT_FALSE(a.owns_lock() || b.owns_lock() || c.owns_lock());
        co_return;
    });
    EXPECT_TRUE(m.recursive.try_lock());
    m.recursive.unlock();
}

/// What std::unique_lock and std::shared_lock promise, of `Lock`. `is_free()`: nobody holds it.
template <class Lock, class IsFree>
void move_swap_release(typename Lock::mutex_type& m, typename Lock::mutex_type& other,
                       IsFree is_free) {
    Lock a(m);
    Lock b(std::move(a));
    EXPECT_FALSE(a.owns_lock());  // NOLINT(bugprone-use-after-move)
    EXPECT_EQ(a.mutex(), nullptr);
    EXPECT_EQ(b.mutex(), &m);
    EXPECT_FALSE(is_free(m));
    EXPECT_THROW(a.lock(), std::system_error);
    EXPECT_THROW(b.lock(), std::system_error) << "it has it";
    EXPECT_THROW(static_cast<void>(b.try_lock()), std::system_error);

    Lock c(other);
    c = std::move(b);
    EXPECT_TRUE(is_free(other)) << "assignment unlocks what was held";
    EXPECT_EQ(c.mutex(), &m);
    swap(a, c);
    EXPECT_TRUE(a.owns_lock());
    EXPECT_FALSE(c.owns_lock());

    EXPECT_EQ(a.release(), &m);
    EXPECT_FALSE(a.owns_lock());
    EXPECT_EQ(a.mutex(), nullptr);
    EXPECT_FALSE(is_free(m)) << "who releases unlocks by himself";
    {
        const Lock adopted(m, std::adopt_lock);
    }
    EXPECT_TRUE(is_free(m));

    Lock deferred(m, std::defer_lock);
    EXPECT_THROW(deferred.unlock(), std::system_error);
    EXPECT_TRUE(deferred.try_lock());
    deferred.unlock();
    EXPECT_TRUE(is_free(m));
    const Lock tried(m, std::try_to_lock);
    EXPECT_TRUE(tried.owns_lock());
}

template <class Mutex>
void unique_lock_of() {
    Mutex m;
    Mutex other;
    // By another one: some kinds must not be tried by the one that holds them.
    move_swap_release<std::unique_lock<Mutex>>(m, other, [](Mutex& which) {
        bool free = false;
        std::thread([&] {
            free = which.try_lock();
            if (free) {
                which.unlock();
            }
        }).join();
        return free;
    });
}

template <class Mutex>
void shared_lock_of() {
    Mutex m;
    Mutex other;
    move_swap_release<std::shared_lock<Mutex>>(m, other, [](Mutex& which) {
        const bool free = which.try_lock();
        if (free) {
            which.unlock();
        }
        return free;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(Guards, MoveSwapAndRelease) {
    this->act([&]() -> task<> {
        unique_lock_of<mutex>();
        unique_lock_of<timed_mutex>();
        unique_lock_of<recursive_mutex>();
        unique_lock_of<shared_mutex>();
        shared_lock_of<shared_mutex>();
        shared_lock_of<shared_timed_mutex>();
        co_return;
    });
}

WEFT_TEST_BY_CALLER(Guards, WhatALockGaveBackMayGoElsewhere) {
    shared_mutex m;
    mutex n;
    this->act([&]() -> task<> {
        std::unique_lock<mutex> kept;
        std::shared_lock<shared_mutex> kept_shared;
        {
            auto lock = co_await TypeParam::lock(n);
            auto shared = co_await TypeParam::lock_shared(m);
            co_await TypeParam::yield();
            kept = std::move(lock);
            kept_shared = std::move(shared);
        }
        EXPECT_TRUE(kept.owns_lock() && kept_shared.owns_lock());
        EXPECT_FALSE(n.try_lock());
        EXPECT_FALSE(m.try_lock());
        mutex* const released = kept.release();
        released->unlock();
        kept_shared.unlock();
    });
    EXPECT_TRUE(n.try_lock());
    EXPECT_TRUE(m.try_lock());
    n.unlock();
    m.unlock();
}

}  // namespace
}  // namespace weft
