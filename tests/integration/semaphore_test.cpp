// SPDX-License-Identifier: Apache-2.0
//
// weft::counting_semaphore between fibers, coroutines and plain threads.
#include <weft/semaphore.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::one_worker;
using testing::two_workers;

constinit counting_semaphore<> constant_initialized(3);

TEST(Semaphore, IsConstantInitialized) {
    EXPECT_TRUE(constant_initialized.try_acquire());
    constant_initialized.release();
    EXPECT_EQ(binary_semaphore::max(), 1);
    EXPECT_EQ(counting_semaphore<7>::max(), 7);
}

constexpr int tokens = 3;
constexpr int rounds = 300;

/// Counts the holders of tokens: never more than there are.
class holders {
public:
    void enter() noexcept { EXPECT_LE(count_.fetch_add(1) + 1, tokens); }
    void leave() noexcept { count_.fetch_sub(1); }

private:
    std::atomic<int> count_ = 0;
};

/// Different for each step, and the same in each run.
std::chrono::microseconds timeout_of(int who, int step) {
    return std::chrono::microseconds((who * 37 + step * 11) % 97);
}

void use_tokens(counting_semaphore<>& s, holders& h, int who) {
    for (int i = 0; i < rounds; ++i) {
        if (i % 8 == 0) {
            s.acquire();
        } else if (!s.try_acquire_for(timeout_of(who, i))) {
            continue;
        }
        h.enter();
        if (i % 3 == 0) {
            this_fiber::yield();
        }
        h.leave();
        s.release();
    }
}

task<> use_tokens_in_coroutine(counting_semaphore<>& s, holders& h, int who) {
    for (int i = 0; i < rounds; ++i) {
        const deadline until = i % 8 == 0 ? deadline::never() : deadline(timeout_of(who, i));
        if (!co_await co::try_acquire_until(s, until)) {
            continue;
        }
        h.enter();
        if (i % 3 == 0) {
            co_await co::yield();
        }
        h.leave();
        s.release();
    }
}

TEST(Semaphore, TokensAreConservedUnderTimeouts) {
    counting_semaphore<> s(tokens);
    holders h;
    {
        runtime r(two_workers);
        std::vector<std::jthread> threads;
        std::vector<fiber> fibers;
        std::vector<task_handle<>> coroutines;
        for (int i = 0; i < 4; ++i) {
            fibers.push_back(r.spawn([&, i] { use_tokens(s, h, 3 * i); }));
            coroutines.push_back(r.spawn(use_tokens_in_coroutine(s, h, 3 * i + 1)));
            threads.emplace_back([&, i] { use_tokens(s, h, 3 * i + 2); });
        }
    }
    for (int i = 0; i < tokens; ++i) {
        EXPECT_TRUE(s.try_acquire()) << "token " << i << " was lost";
    }
    EXPECT_FALSE(s.try_acquire()) << "a token too many";
}

TEST(Semaphore, WaitersAreServedInTheOrderOfTheirArrival) {
    run(one_worker, [] {
        counting_semaphore<> s(0);
        std::string order;
        std::vector<fiber> all;
        for (char name = 'a'; name <= 'f'; ++name) {
            all.push_back(spawn([&, name] {
                s.acquire();
                order += name;
            }));
        }
        this_fiber::yield();
        s.release(2);
        EXPECT_FALSE(s.try_acquire()) << "tokens are handed to those who wait";
        s.release(4);
        all.clear();
        EXPECT_EQ(order, "abcdef");
        EXPECT_FALSE(s.try_acquire());
    });
}

TEST(Semaphore, ReleaseServesWaitersAndKeepsTheRest) {
    run(one_worker, [] {
        counting_semaphore<> s(0);
        std::atomic<int> waiting = 0;
        std::vector<fiber> all;
        for (int i = 0; i < 2; ++i) {
            all.push_back(spawn([&] {
                ++waiting;
                s.acquire();
            }));
        }
        ASSERT_TRUE(testing::eventually([&] { return waiting == 2; }));
        s.release(5);
        all.clear();
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(s.try_acquire());
        }
        EXPECT_FALSE(s.try_acquire());
    });
}

class SemaphoreByKind : public ::testing::TestWithParam<actor_kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, SemaphoreByKind,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(SemaphoreByKind, TimesOutNeverEarly) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        binary_semaphore s(0);
        const auto start = clock::now();
        EXPECT_FALSE(s.try_acquire_for(3ms));
        EXPECT_GE(clock::now() - start, 3ms);
        const auto when = clock::now() + 2ms;
        EXPECT_FALSE(s.try_acquire_until(when));
        EXPECT_GE(clock::now(), when);
        s.release();
        EXPECT_TRUE(s.try_acquire_for(3ms));
    });
}

TEST_P(SemaphoreByKind, DeadlinesThatHavePassed) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        binary_semaphore s(0);
        EXPECT_FALSE(s.try_acquire_for(0s));
        EXPECT_FALSE(s.try_acquire_for(-1ns));
        EXPECT_FALSE(s.try_acquire_for(-24h * 365 * 200)) << "before the epoch of the clock";
        EXPECT_FALSE(s.try_acquire_until(clock::time_point::min()));
        s.release();
        EXPECT_TRUE(s.try_acquire_for(-1h)) << "what need not wait succeeds";
    });
}

TEST_P(SemaphoreByKind, DeadlinesBeyondTheEndOfTime) {
    runtime r(two_workers);
    binary_semaphore s(0);
    actor waiter(r, GetParam(), [&] {
        EXPECT_TRUE(s.try_acquire_until(clock::time_point::max()));
        EXPECT_TRUE(s.try_acquire_for(std::chrono::hours::max()));
        EXPECT_TRUE(s.try_acquire_for(std::chrono::duration<double>(1e300)));
    });
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(testing::eventually([&] {
            if (!s.try_acquire()) {
                return true;
            }
            s.release();
            return false;
        }));
        s.release();
    }
    waiter.join();
}

// The releaser may still be on its way out when the waiter destroys the semaphore.
TEST_P(SemaphoreByKind, MayBeDestroyedByWhoeverWasWoken) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        auto s = std::make_unique<binary_semaphore>(0);
        actor releaser(r, GetParam(), [here = s.get()] { here->release(); });
        if (i % 2 == 0) {
            s->acquire();
        } else {
            EXPECT_TRUE(s->try_acquire_for(testing::safety_net));
        }
        s.reset();
        releaser.join();
    }
}

// One token, many waiters whose deadlines come at the same time as the token.
TEST_P(SemaphoreByKind, ATokenIsNotSpentOnAWaiterThatTimedOut) {
    runtime r(two_workers);
    for (int round = 0; round < 100; ++round) {
        counting_semaphore<> s(0);
        std::atomic<int> got = 0;
        {
            std::vector<actor> all;
            for (int i = 0; i < 3; ++i) {
                all.emplace_back(r, GetParam(), [&, i] {
                    got += s.try_acquire_for(timeout_of(round, i)) ? 1 : 0;
                });
            }
            s.release();
            this_fiber::yield();
            s.release();
        }
        while (s.try_acquire()) {
            ++got;
        }
        ASSERT_EQ(got, 2) << "round " << round;
    }
}

class SemaphoreDeathTest : public ::testing::Test {
protected:
    SemaphoreDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST_F(SemaphoreDeathTest, ReleaseBeyondTheMaximum) {
    EXPECT_DEATH(
        {
            counting_semaphore<2> s(1);
            s.release(2);
        },
        "beyond the maximum");
}

TEST_F(SemaphoreDeathTest, ReleaseOfANegativeNumber) {
    EXPECT_DEATH(
        {
            counting_semaphore<> s(2);
            s.release(-1);
        },
        "negative");
}

#ifndef NDEBUG
TEST_F(SemaphoreDeathTest, DestroyingItWhileSomebodyWaits) {
    EXPECT_DEATH(run(one_worker,
                     [] {
                         auto s = std::make_unique<binary_semaphore>(0);
                         binary_semaphore there(0);
                         fiber waiter = spawn([&, here = s.get()] {
                             there.release();
                             here->acquire();
                         });
                         there.acquire();
                         this_fiber::yield();
                         s.reset();
                     }),
                 "while somebody waits for it");
}
#endif

}  // namespace
}  // namespace weft
