// SPDX-License-Identifier: Apache-2.0
//
// weft::shared_mutex and shared_timed_mutex against the standard ones; who waits for whom; waits
// with deadlines and under stops.
#include <weft/shared_mutex.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <type_traits>
#include <vector>

#include "callers.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::expect_cancelled;
using testing::expect_timed_out;
using testing::until_all_wait;

static_assert(std::is_nothrow_default_constructible_v<shared_mutex>);
static_assert(!std::is_copy_constructible_v<shared_mutex>);
static_assert(!std::is_copy_assignable_v<shared_timed_mutex>);

constinit shared_mutex constant_shared_mutex;

/// What is guarded: notices who is in it beside whom.
class guarded {
public:
    void enter_writer() noexcept {
        EXPECT_EQ(inside_.exchange(writer), 0);
        ++plain_;
    }
    void leave_writer() noexcept { EXPECT_EQ(inside_.exchange(0), writer); }
    void enter_reader() noexcept {
        EXPECT_GE(inside_.fetch_add(1), 0);
        seen_ = std::max(seen_.load(), plain_);
    }
    void leave_reader() noexcept { inside_.fetch_sub(1); }
    [[nodiscard]] long written() const noexcept { return plain_; }

private:
    static constexpr int writer = -1000;
    std::atomic<int> inside_ = 0;
    std::atomic<long> seen_ = 0;
    long plain_ = 0;  // a data race if the mutex does not order its owners
};

WEFT_TEST_BY_CALLER(SharedMutexConformance, ReadersShare) {
    shared_mutex& m = constant_shared_mutex;
    std::atomic<int> inside = 0;
    std::vector<typename TypeParam::actor> all;
    for (int i = 0; i < 4; ++i) {
        all.push_back(this->start([&]() -> task<> {
            const auto lock = co_await TypeParam::lock_shared(m);
            EXPECT_TRUE(lock.owns_lock());
            EXPECT_EQ(lock.mutex(), &m);
            ++inside;
            while (inside < 4) {
                co_await TypeParam::yield();
            }
            EXPECT_FALSE(m.try_lock());
        }));
    }
    all.clear();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, AWriterExcludesEverybody) {
    shared_mutex m;
    this->act([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(lock.owns_lock());
        EXPECT_FALSE(m.try_lock());
        EXPECT_FALSE(m.try_lock_shared());
    });
    EXPECT_TRUE(m.try_lock_shared());
    EXPECT_TRUE(m.try_lock_shared());
    EXPECT_FALSE(m.try_lock());
    m.unlock_shared();
    EXPECT_FALSE(m.try_lock());
    m.unlock_shared();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, AWriterWaitsForTheLastReader) {
    shared_mutex m;
    std::atomic<bool> last_left = false;
    m.lock_shared();
    m.lock_shared();
    auto writer = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        EXPECT_TRUE(last_left);
    });
    until_all_wait();
    m.unlock_shared();
    until_all_wait();
    last_left = true;
    m.unlock_shared();
    writer.join();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, ReadersWaitForAWriter) {
    shared_mutex m;
    std::atomic<bool> left = false;
    std::atomic<int> inside = 0;
    m.lock();
    std::vector<typename TypeParam::actor> readers;
    for (int i = 0; i < 3; ++i) {
        readers.push_back(this->start([&]() -> task<> {
            const auto lock = co_await TypeParam::lock_shared(m);
            EXPECT_TRUE(left);
            ++inside;
            while (inside < 3) {  // all of them go on together
                co_await TypeParam::yield();
            }
        }));
    }
    until_all_wait();
    left = true;
    m.unlock();
    readers.clear();
    EXPECT_EQ(inside, 3);
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, ServesInTheOrderOfArrival) {
    shared_mutex m;
    std::mutex guards_order;
    std::string order;
    m.lock();
    std::vector<typename TypeParam::actor> all;
    for (const char name : std::string("rwRRwW")) {
        const bool writes = name == 'w' || name == 'W';
        all.push_back(this->start([&, name, writes]() -> task<> {
            if (writes) {
                const auto lock = co_await TypeParam::lock(m);
                const std::lock_guard guard(guards_order);
                order += name;
            } else {
                const auto lock = co_await TypeParam::lock_shared(m);
                const std::lock_guard guard(guards_order);
                order += name;
            }
        }));
        until_all_wait();
    }
    m.unlock();
    all.clear();
    EXPECT_EQ(order, "rwRRwW");
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, AReaderDoesNotOvertakeAWriterThatWaits) {
    shared_mutex m;
    m.lock_shared();
    std::atomic<bool> written = false;
    auto writer = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock(m);
        written = true;
    });
    until_all_wait();
    EXPECT_FALSE(m.try_lock_shared()) << "somebody waits";
    auto reader = this->start([&]() -> task<> {
        const auto lock = co_await TypeParam::lock_shared(m);
        EXPECT_TRUE(written);
    });
    until_all_wait();
    m.unlock_shared();
    writer.join();
    reader.join();
}

// Readers that come without end: each writer gets its turn; and the other way round.
WEFT_TEST_BY_CALLER(SharedMutexConformance, NobodyStarves) {
    shared_mutex m;
    guarded inner;
    std::atomic<int> going = 0;
    std::atomic<bool> end = false;
    const auto crowd = [&](bool writes) {
        return this->start([&, writes]() -> task<> {
            ++going;
            while (!end) {
                if (writes) {
                    const auto lock = co_await TypeParam::lock(m);
                    co_await TypeParam::yield();
                } else {
                    const auto lock = co_await TypeParam::lock_shared(m);
                    co_await TypeParam::yield();
                }
            }
        });
    };
    for (const bool crowd_writes : {false, true}) {
        end = false;
        going = 0;
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 3; ++i) {
            all.push_back(crowd(crowd_writes));
        }
        EXPECT_TRUE(testing::eventually([&] { return going == 3; }));
        this->act([&, crowd_writes]() -> task<> {
            for (int i = 0; i < 20; ++i) {
                if (crowd_writes) {
                    const auto lock = co_await TypeParam::lock_shared(m);
                    inner.enter_reader();
                    inner.leave_reader();
                } else {
                    const auto lock = co_await TypeParam::lock(m);
                    inner.enter_writer();
                    inner.leave_writer();
                }
            }
        });
        end = true;
    }
    EXPECT_EQ(inner.written(), 20);
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, WithADeadlineWhatNeedNotWaitSucceeds) {
    shared_timed_mutex m;
    this->act_within(testing::stopped(), clock::time_point::min(), [&]() -> task<> {
        {
            const auto lock = co_await TypeParam::lock(m, -1h);
            EXPECT_TRUE(lock.has_value());
        }
        const auto one = co_await TypeParam::lock_shared(m, -1h);
        EXPECT_TRUE(one.has_value());
        const auto two = co_await TypeParam::lock_shared(m, deadline::never());
        EXPECT_TRUE(two.has_value());
    });
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, TimesOutNeverEarly) {
    shared_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        const auto writer = co_await TypeParam::lock(m, 2ms);
        EXPECT_GE(clock::now() - start, 2ms);
        expect_timed_out(writer.error());
        const auto again = clock::now();
        const auto reader = co_await TypeParam::lock_shared(m, 2ms);
        EXPECT_GE(clock::now() - again, 2ms);
        expect_timed_out(reader.error());
        const auto past = co_await TypeParam::lock_shared(m, clock::time_point::min());
        expect_timed_out(past.error());
    });
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, AStopEndsTheWait) {
    shared_mutex m;
    m.lock();
    std::stop_source stop;
    auto writer = this->start_within(stop, [&]() -> task<> {
        const auto cancelled = co_await TypeParam::lock(m, testing::safety_net);
        expect_cancelled(cancelled.error());
        const auto before = co_await TypeParam::lock(m, deadline::never());
        expect_cancelled(before.error());
    });
    auto reader = this->start_within(stop, [&]() -> task<> {
        const auto cancelled = co_await TypeParam::lock_shared(m, testing::safety_net);
        expect_cancelled(cancelled.error());
        const auto before = co_await TypeParam::lock_shared(m, deadline::never());
        expect_cancelled(before.error());
    });
    until_all_wait();
    stop.request_stop();
    writer.join();
    reader.join();
    m.unlock();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, ReadersGoOnWhenTheWriterBeforeThemGivesUp) {
    shared_mutex m;
    m.lock_shared();
    std::stop_source stop;
    auto writer = this->start_within(stop, [&]() -> task<> {
        const auto cancelled = co_await TypeParam::lock(m, testing::safety_net);
        expect_cancelled(cancelled.error());
    });
    until_all_wait();
    std::vector<typename TypeParam::actor> readers;
    for (int i = 0; i < 3; ++i) {
        readers.push_back(this->start([&, i]() -> task<> {
            if (i == 1) {
                const auto lock = co_await TypeParam::lock_shared(m, testing::safety_net);
                EXPECT_TRUE(lock.has_value());
            } else {
                const auto lock = co_await TypeParam::lock_shared(m);
                EXPECT_TRUE(lock.owns_lock());
            }
        }));
    }
    until_all_wait();
    stop.request_stop();
    writer.join();
    readers.clear();  // while the main thread reads still
    m.unlock_shared();
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

template <class Caller>
task<> reads_writes_and_gives_up(shared_mutex& m, guarded& inner, int who) {
    for (int n = 0; n < 250; ++n) {
        const bool bounded = n % 4 != 0;
        const deadline until = bounded ? deadline(testing::timeout_of(who, n)) : deadline::never();
        if ((n + who) % 5 < 2) {
            const auto lock = co_await Caller::lock(m, until);
            if (lock) {
                inner.enter_writer();
                if (n % 3 == 0) {
                    co_await Caller::yield();
                }
                inner.leave_writer();
            }
            EXPECT_TRUE(lock || bounded);
        } else {
            const auto lock = co_await Caller::lock_shared(m, until);
            if (lock) {
                inner.enter_reader();
                if (n % 3 == 0) {
                    co_await Caller::yield();
                }
                inner.leave_reader();
            }
            EXPECT_TRUE(lock || bounded);
        }
    }
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, NothingIsLostUnderDeadlines) {
    shared_mutex m;
    guarded inner;
    {
        std::vector<typename TypeParam::actor> all;
        for (int i = 0; i < 6; ++i) {
            all.push_back(
                this->start([&, i] { return reads_writes_and_gives_up<TypeParam>(m, inner, i); }));
        }
    }
    EXPECT_GT(inner.written(), 0);
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

WEFT_TEST_BY_CALLER(SharedMutexConformance, NothingIsLostUnderStops) {
    shared_mutex m;
    guarded inner;
    for (int round = 0; round < 30; ++round) {
        std::vector<typename TypeParam::actor> all;
        std::stop_source stop;
        for (int i = 0; i < 6; ++i) {
            all.push_back(this->start_within(stop, [&, i]() -> task<> {
                for (int n = 0; n < 20; ++n) {
                    if ((i + n) % 3 == 0) {
                        const auto lock = co_await TypeParam::lock(m, deadline::never());
                        if (lock) {
                            inner.enter_writer();
                            co_await TypeParam::yield();
                            inner.leave_writer();
                        }
                    } else if (i % 2 == 0) {
                        const auto lock = co_await TypeParam::lock_shared(m);
                        inner.enter_reader();
                        co_await TypeParam::yield();
                        inner.leave_reader();
                    } else {
                        const auto lock = co_await TypeParam::lock_shared(m, deadline::never());
                        if (lock) {
                            inner.enter_reader();
                            inner.leave_reader();
                        }
                    }
                }
            }));
        }
        std::this_thread::yield();
        stop.request_stop();
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

TEST(SharedMutexConformance, AllKindsUnderDeadlines) {
    shared_mutex m;
    guarded inner;
    {
        runtime home({.workers = 2});
        std::vector<fiber> fibers;
        std::vector<task_handle<>> coroutines;
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i) {
            fibers.push_back(testing::fibers::start(home, [&, i] {
                return reads_writes_and_gives_up<testing::blocking_calls>(m, inner, 3 * i);
            }));
            coroutines.push_back(testing::coroutines::start(home, [&, i] {
                return reads_writes_and_gives_up<testing::awaitable_calls>(m, inner, 3 * i + 1);
            }));
            threads.push_back(testing::threads::start(home, [&, i] {
                return reads_writes_and_gives_up<testing::blocking_calls>(m, inner, 3 * i + 2);
            }));
        }
        threads.clear();
    }
    EXPECT_TRUE(m.try_lock());
    m.unlock();
}

// An unlock may still be on its way out when the next owner destroys the mutex.
WEFT_TEST_BY_CALLER(SharedMutexConformance, MayBeDestroyedByItsNextOwner) {
    for (int i = 0; i < 200; ++i) {
        auto m = std::make_unique<shared_mutex>();
        const bool reads = i % 2 == 0;
        reads ? m->lock_shared() : m->lock();
        auto waiter = this->start([here = m.get(), &m, i]() -> task<> {
            if (i % 3 == 0) {
                const auto lock = co_await TypeParam::lock(*here, testing::safety_net);
                EXPECT_TRUE(lock.has_value());
            } else {
                const auto lock = co_await TypeParam::lock(*here);
                EXPECT_TRUE(lock.owns_lock());
            }
            m.reset();
        });
        if (i % 4 == 0) {
            until_all_wait();
        }
        shared_mutex* const here = m.get();
        reads ? here->unlock_shared() : here->unlock();
        waiter.join();
    }
}

// What follows blocks: for fibers and plain threads.

WEFT_TEST_BY_BLOCKING_CALLER(SharedTimedMutexBlocking, TimedForms) {
    shared_timed_mutex m;
    m.lock();
    this->act([&]() -> task<> {
        const auto start = clock::now();
        EXPECT_FALSE(m.try_lock_for(1ms));
        EXPECT_FALSE(m.try_lock_shared_for(1ms));
        EXPECT_GE(clock::now() - start, 2ms);
        const auto when = clock::now() + 1ms;
        EXPECT_FALSE(m.try_lock_until(when));
        EXPECT_FALSE(m.try_lock_shared_until(when));
        EXPECT_GE(clock::now(), when);
        EXPECT_FALSE(m.try_lock_for(-1h));
        EXPECT_FALSE(m.try_lock_shared_for(0s));
        EXPECT_FALSE(m.try_lock_shared_until(std::chrono::system_clock::time_point::min()));
        co_return;
    });
    std::stop_source stop;
    auto other = this->start_within(stop, [&]() -> task<> {
        EXPECT_FALSE(m.try_lock_shared_for(testing::safety_net)) << "until the stop";
        EXPECT_FALSE(m.try_lock_for(testing::safety_net));
        co_return;
    });
    until_all_wait();
    stop.request_stop();
    other.join();
    m.unlock();
    this->act([&]() -> task<> {
        {
            const std::shared_lock one(m, -1h);
            const std::shared_lock two(m, clock::now());
            EXPECT_TRUE(one.owns_lock() && two.owns_lock());
            EXPECT_FALSE(m.try_lock_for(1us));
        }
        const std::unique_lock lock(m, 1us);
        EXPECT_TRUE(lock.owns_lock());
        co_return;
    });
}

WEFT_TEST_BY_BLOCKING_CALLER(SharedTimedMutexBlocking, TheStandardGuards) {
    shared_mutex a;
    shared_mutex b;
    this->act([&]() -> task<> {
        std::shared_lock one(a);
        EXPECT_TRUE(one.owns_lock());
        std::shared_lock two = std::move(one);
        EXPECT_TRUE(two.owns_lock());
        two.unlock();
        EXPECT_TRUE(two.try_lock());
        two.unlock();
        {
            const std::scoped_lock both(a, b);
            EXPECT_FALSE(a.try_lock_shared() || b.try_lock_shared());
        }
        std::shared_lock read_a(a, std::defer_lock);
        std::unique_lock write_b(b, std::defer_lock);
        std::lock(read_a, write_b);
        EXPECT_TRUE(read_a.owns_lock() && write_b.owns_lock());
        co_return;
    });
}

class SharedMutexDeathTest : public ::testing::Test {
protected:
    SharedMutexDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(SharedMutexDeathTest, UnlockingWhatNoWriterHas) {
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.unlock();
        },
        "no writer has locked");
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.lock_shared();
            m.unlock();
        },
        "no writer has locked");
}

TEST_F(SharedMutexDeathTest, UnlockingWhatNoReaderHas) {
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.unlock_shared();
        },
        "no reader has locked");
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.lock();
            m.unlock_shared();
        },
        "no reader has locked");
}

#ifndef NDEBUG

TEST_F(SharedMutexDeathTest, LockingTwice) {
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.lock();
            m.lock();
        },
        "the caller has locked");
}

TEST_F(SharedMutexDeathTest, UnlockingByAStranger) {
    EXPECT_DEATH(run({.workers = 1},
                     [] {
                         shared_mutex m;
                         m.lock();
                         spawn([&] { m.unlock(); }).join();
                     }),
                 "somebody else has locked");
}

TEST_F(SharedMutexDeathTest, DestroyingItLocked) {
    EXPECT_DEATH(
        {
            shared_mutex m;
            m.lock_shared();
        },
        "destroyed while it is locked");
}

#endif

}  // namespace
}  // namespace weft
