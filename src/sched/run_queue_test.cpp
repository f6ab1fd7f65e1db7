// SPDX-License-Identifier: Apache-2.0
#include "sched/run_queue.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

namespace weft::sched {
namespace {

struct item : waiter {
    explicit item(int nice = 0) noexcept : waiter(waiter_kind::thread) {
        nice_ = static_cast<std::int8_t>(nice);
    }
    int seen = 0;
};

constexpr std::uint64_t parts(std::uint64_t weight) {
    return weight << queue_weight::parts_shift;
}

class RunQueue : public testing::TestWithParam<bool> {
protected:
    /// What the kernel offers, when the parameter asks for the lock with membarrier.
    static bool asymmetric() { return GetParam() && register_membarrier(); }
};

INSTANTIATE_TEST_SUITE_P(Locks, RunQueue, testing::Bool(),
                         [](const auto& each) { return each.param ? "membarrier" : "fences"; });

TEST_P(RunQueue, FirstInFirstOut) {
    run_queue queue(asymmetric());
    item items[3];
    EXPECT_EQ(queue.pop(), nullptr);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(queue.push(items[i]), i + 1);
    }
    for (item& each : items) {
        EXPECT_EQ(queue.pop(), &each);
    }
    EXPECT_EQ(queue.pop(), nullptr);
    EXPECT_EQ(queue.size(), 0u);
}

TEST_P(RunQueue, AThiefTakesTheOldestHalf) {
    run_queue queue(asymmetric());
    item items[5];
    for (item& each : items) {
        queue.push(each);
    }
    waiter_queue loot;
    EXPECT_EQ(queue.steal_into(loot, 100, 0), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(loot.pop_front(), &items[i]);
    }
    EXPECT_TRUE(loot.empty());
    EXPECT_EQ(queue.steal_into(loot, 0, 0), 0u);
    EXPECT_EQ(queue.pop(), &items[3]);
    EXPECT_EQ(queue.pop(), &items[4]);
    EXPECT_EQ(queue.steal_into(loot, 100, 0), 0u);
}

// Weights: 1024 at nice 0, 3121 at -5, 335 at 5. Who runs, or ran last, counts as one of nice 0.
TEST_P(RunQueue, AThiefTakesWhatMakesTheLoadsMoreAlike) {
    run_queue queue(asymmetric());
    item heavy(-5);
    item light[3]{item(5), item(5), item(5)};
    for (item& each : light) {
        queue.push(each);
    }
    queue.push(heavy);
    EXPECT_EQ(queue.load(), parts(1024 + 3 * 335 + 3121));
    waiter_queue loot;
    // 5150 apart, then three times 670 less: 3140.
    EXPECT_EQ(queue.steal_into(loot, 100, 0), 4u);
    while (waiter* const w = loot.pop_front()) {
        queue.push(*w);
    }
    EXPECT_EQ(queue.steal_into(loot, 100, parts(2000)), 3u);
    while (waiter* const w = loot.pop_front()) {
        queue.push(*w);
    }
    EXPECT_EQ(queue.steal_into(loot, 100, parts(5000)), 0u);
}

TEST_P(RunQueue, WhatMakesTheLoadsNoMoreAlikeMayChangeSidesWhenAsked) {
    run_queue queue(asymmetric());
    item only;
    queue.push(only);
    waiter_queue loot;
    EXPECT_EQ(queue.steal_into(loot, 100, parts(1024)), 0u);
    EXPECT_EQ(queue.steal_into(loot, 100, parts(1040), true), 0u);
    EXPECT_EQ(queue.steal_into(loot, 100, parts(1024), true), 1u);
    EXPECT_EQ(loot.pop_front(), &only);
}

// The owner pushes and pops, two thieves steal: nothing may be lost or seen twice.
TEST_P(RunQueue, OwnerAndThievesShareWithoutLoss) {
    constexpr std::size_t count = 200'000;
    run_queue queue(asymmetric());
    const auto items = std::make_unique<item[]>(count);
    base::atomic<bool> done{false};
    std::vector<std::thread> thieves;
    base::atomic<std::size_t> stolen{0};
    for (int t = 0; t < 2; ++t) {
        thieves.emplace_back([&] {
            while (!done.load(base::acquire)) {
                waiter_queue loot;
                const std::size_t n = queue.steal_into(loot, 16, 0);
                stolen.fetch_add(n, base::relaxed);
                while (waiter* const w = loot.pop_front()) {
                    ++static_cast<item*>(w)->seen;
                }
                std::this_thread::yield();
            }
        });
    }
    std::size_t popped = 0;
    for (std::size_t i = 0; i < count; ++i) {
        queue.push(items[i]);
        if (i % 3 == 0) {
            continue;
        }
        if (waiter* const w = queue.pop()) {
            ++static_cast<item*>(w)->seen;
            ++popped;
        }
    }
    while (waiter* const w = queue.pop()) {
        ++static_cast<item*>(w)->seen;
        ++popped;
    }
    done.store(true, base::release);
    for (auto& each : thieves) {
        each.join();
    }
    EXPECT_EQ(popped + stolen.load(), count);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(items[i].seen, 1) << "item " << i;
    }
}

TEST(OwnerLock, ExcludesTheOwnerAndGuests) {
    owner_lock lock(register_membarrier());
    long guarded = 0;
    constexpr long rounds = 20'000;
    std::vector<std::thread> guests;
    for (int t = 0; t < 2; ++t) {
        guests.emplace_back([&] {
            for (long i = 0; i < rounds; ++i) {
                lock.lock_guest();
                ++guarded;
                lock.unlock_guest();
            }
        });
    }
    for (long i = 0; i < 10 * rounds; ++i) {
        lock.lock_owner();
        ++guarded;
        lock.unlock_owner();
    }
    for (auto& each : guests) {
        each.join();
    }
    EXPECT_EQ(guarded, 12 * rounds);
}

}  // namespace
}  // namespace weft::sched
