// SPDX-License-Identifier: Apache-2.0
#include "sched/waiter.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "sched/timer_wheel.h"

namespace weft::sched {
namespace {

// On a plain thread: the waiter's protocol alone, on a futex.

TEST(Waiter, WokenBeforeItParks) {
    waiter& self = this_waiter();
    self.prepare();
    EXPECT_TRUE(self.wake(wake_reason::cancelled));
    EXPECT_FALSE(self.wake()) << "a wait ends once";
    EXPECT_EQ(self.park(), wake_reason::cancelled);
    EXPECT_FALSE(self.wake()) << "nobody waits";
}

TEST(Waiter, DeadlineOfAPlainThread) {
    waiter& self = this_waiter();
    self.prepare();
    const auto until = base::now_ns() + 2'000'000;
    EXPECT_EQ(self.park(until), wake_reason::timed_out);
    EXPECT_GE(base::now_ns(), until);
}

TEST(Waiter, ExactlyOneOfManyWakersWins) {
    constexpr int rounds = 3000;
    constexpr int wakers = 3;
    waiter& self = this_waiter();
    base::atomic<int> round{0};
    base::atomic<int> finished{0};
    base::atomic<int> wins{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < wakers; ++t) {
        threads.emplace_back([&] {
            for (int seen = 0; seen < rounds;) {
                if (round.load(base::acquire) == seen) {
                    std::this_thread::yield();
                    continue;
                }
                wins.fetch_add(self.wake() ? 1 : 0, base::relaxed);
                ++seen;
                finished.fetch_add(1, base::release);
            }
        });
    }
    for (int i = 0; i < rounds; ++i) {
        self.prepare();
        round.fetch_add(1, base::release);
        EXPECT_EQ(self.park(), wake_reason::signalled);
        while (finished.load(base::acquire) != wakers * (i + 1)) {
            std::this_thread::yield();
        }
        ASSERT_EQ(wins.load(base::relaxed), i + 1);
    }
    for (auto& each : threads) {
        each.join();
    }
}

TEST(WaiterList, KeepsOrderAndRemovesFromTheMiddle) {
    struct listed : waiter {
        listed() noexcept : waiter(waiter_kind::thread) {}
    };
    listed a;
    listed b;
    listed c;
    waiter_list list;
    EXPECT_TRUE(list.empty());
    list.push_back(a);
    list.push_back(b);
    list.push_back(c);
    EXPECT_TRUE(list.contains(b));
    list.remove(b);
    EXPECT_FALSE(list.contains(b));
    EXPECT_EQ(list.pop_front(), &a);
    list.push_back(b);
    EXPECT_EQ(list.pop_front(), &c);
    EXPECT_EQ(list.pop_front(), &b);
    EXPECT_EQ(list.pop_front(), nullptr);
}

#if !defined(NDEBUG)
TEST(WaiterDeathTest, PreparedTwiceIsReported) {
    GTEST_FLAG_SET(death_test_style, "threadsafe");
    EXPECT_DEATH(
        {
            this_waiter().prepare();
            this_waiter().prepare();
        },
        "waits already");
}
#endif

}  // namespace
}  // namespace weft::sched
