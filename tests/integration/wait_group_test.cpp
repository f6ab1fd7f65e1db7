// SPDX-License-Identifier: Apache-2.0
//
// weft::wait_group between fibers, coroutines and plain threads.
#include <weft/wait_group.h>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

#include <weft/co.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>

#include "support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using testing::actor;
using testing::actor_kind;
using testing::one_worker;
using testing::two_workers;

task<> wait_in_coroutine(wait_group& group, std::atomic<int>& passed) {
    co_await co::wait(group);
    ++passed;
}

TEST(WaitGroup, AllKindsOfWaitersAndWorkers) {
    runtime r(two_workers);
    for (int round = 0; round < 50; ++round) {
        wait_group group;
        std::atomic<int> done = 0;
        std::atomic<int> passed = 0;
        constexpr int parts = 10;
        group.add(parts);
        auto coroutine = r.spawn(wait_in_coroutine(group, passed));
        fiber waiter = r.spawn([&] {
            group.wait();
            ++passed;
        });
        std::vector<fiber> all;
        for (int i = 0; i < parts; ++i) {
            all.push_back(r.spawn([&] {
                ++done;
                group.done();
            }));
        }
        group.wait();
        EXPECT_EQ(done, parts);
        coroutine.join();
        waiter.join();
        EXPECT_EQ(passed, 2);
        EXPECT_TRUE(group.is_done());
    }
}

class WaitGroupByKind : public ::testing::TestWithParam<actor_kind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, WaitGroupByKind,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         ::testing::PrintToStringParamName());

TEST_P(WaitGroupByKind, WaitsForNothing) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        wait_group group;
        group.wait();
        EXPECT_TRUE(group.is_done());
        EXPECT_TRUE(group.wait_for(-1h));
        EXPECT_TRUE(group.wait_until(clock::time_point::min()));
        group.add(0);
        group.wait();
    });
}

TEST_P(WaitGroupByKind, TimesOutNeverEarly) {
    runtime r(one_worker);
    testing::act(r, GetParam(), [] {
        wait_group group(1);
        const auto start = clock::now();
        EXPECT_FALSE(group.wait_for(2ms));
        EXPECT_GE(clock::now() - start, 2ms);
        EXPECT_FALSE(group.wait_until(clock::time_point::min()));
        EXPECT_FALSE(group.wait_for(-24h * 365 * 200));
        EXPECT_FALSE(group.is_done());
        group.done();
        EXPECT_TRUE(group.wait_for(2ms));
    });
}

TEST_P(WaitGroupByKind, IsUsedAgain) {
    runtime r(two_workers);
    testing::act(r, GetParam(), [&r] {
        wait_group group;
        int value = 0;
        for (int round = 0; round < 200; ++round) {
            group.add();
            r.spawn([&] {
                 ++value;
                 group.done();
             }).detach();
            group.wait();
            ASSERT_EQ(value, round + 1);
        }
    });
}

TEST_P(WaitGroupByKind, AddFromInsideKeepsItOpen) {
    runtime r(two_workers);
    testing::act(r, GetParam(), [&r] {
        wait_group group(1);
        std::atomic<int> done = 0;
        r.spawn([&] {
             for (int i = 0; i < 20; ++i) {
                 group.add();
                 spawn([&] {
                     this_fiber::yield();
                     ++done;
                     group.done();
                 }).detach();
             }
             group.done();
         }).detach();
        group.wait();
        EXPECT_EQ(done, 20);
    });
}

// done() may still be on its way out when the waiter destroys the group. Short timeouts meet it in
// all its phases.
TEST_P(WaitGroupByKind, MayBeDestroyedByTheWaiter) {
    runtime r(two_workers);
    for (int i = 0; i < 300; ++i) {
        auto group = std::make_unique<wait_group>(2);
        actor first(r, GetParam(), [here = group.get()] { here->done(); });
        actor second(r, GetParam(), [here = group.get()] { here->done(); });
        if (i % 2 == 0) {
            group->wait();
        } else {
            while (!group->wait_for(std::chrono::microseconds(i % 20))) {
            }
        }
        group.reset();
        first.join();
        second.join();
    }
}

TEST(WaitGroup, ManyWaitersWithAndWithoutDeadlines) {
    runtime r(two_workers);
    for (int round = 0; round < 50; ++round) {
        wait_group group(1);
        std::atomic<int> passed = 0;
        std::vector<fiber> all;
        for (int i = 0; i < 10; ++i) {
            all.push_back(r.spawn([&, i] {
                if (i % 2 == 0) {
                    group.wait();
                } else if (!group.wait_for(std::chrono::microseconds(i * 10))) {
                    group.wait();
                }
                ++passed;
            }));
        }
        r.spawn([&] { group.done(); }).join();
        all.clear();
        ASSERT_EQ(passed, 10);
    }
}

TEST(WaitGroupDeathTest, DoneWithNothingLeft) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            wait_group group(1);
            group.done();
            group.done();
        },
        "nothing left");
}

}  // namespace
}  // namespace weft
