// SPDX-License-Identifier: Apache-2.0
#include "sched/timer_wheel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <set>
#include <vector>

#include "base/rng.h"

namespace weft::sched {
namespace {

using base::nanoseconds_t;

constexpr nanoseconds_t tick = 1 << 16;
constexpr nanoseconds_t second = 1'000'000'000;

/// A waiter without a thread behind it: it stays in `preparing`, so that a wake only leaves a note.
class sleeper : public waiter {
public:
    sleeper() noexcept : waiter(waiter_kind::thread) {}

    void wait_until(timer_wheel& wheel, nanoseconds_t when) {
        deadline = when;
        prepare();
        wheel.arm(*this, when);
    }
    [[nodiscard]] bool was_woken() const noexcept { return notified(); }
    wake_reason end() noexcept {
        timer_wheel::cancel(*this);
        return finish_wait();
    }
    void give_up() noexcept {
        timer_wheel::cancel(*this);
        abandon();
    }

    nanoseconds_t deadline = 0;
};

TEST(TimerWheel, EmptyHasNoDeadline) {
    timer_wheel wheel(5 * second);
    EXPECT_EQ(wheel.next_deadline(), base::time_never);
    EXPECT_EQ(wheel.expire(1000 * second), 0u);
    EXPECT_EQ(wheel.next_deadline(), base::time_never);
}

TEST(TimerWheel, FiresOnceAndNeverEarly) {
    timer_wheel wheel(0);
    sleeper one;
    one.wait_until(wheel, second);
    EXPECT_LE(wheel.next_deadline(), second + tick);
    EXPECT_EQ(wheel.expire(second - 1), 0u);
    EXPECT_FALSE(one.was_woken());
    EXPECT_EQ(wheel.expire(second + tick), 1u);
    EXPECT_TRUE(one.was_woken());
    EXPECT_EQ(one.end(), wake_reason::timed_out);
    EXPECT_EQ(wheel.expire(2 * second), 0u);
    EXPECT_EQ(wheel.next_deadline(), base::time_never);
}

TEST(TimerWheel, DeadlineInThePastFiresAtTheNextTick) {
    timer_wheel wheel(10 * second);
    sleeper late;
    late.wait_until(wheel, second);
    EXPECT_EQ(wheel.expire(10 * second + 2 * tick), 1u);
    EXPECT_EQ(late.end(), wake_reason::timed_out);
}

TEST(TimerWheel, CancelledDoesNotFire) {
    timer_wheel wheel(0);
    sleeper one;
    one.wait_until(wheel, second);
    one.give_up();
    EXPECT_EQ(wheel.expire(10 * second), 0u);
    EXPECT_FALSE(one.was_woken());
}

TEST(TimerWheel, SignalledBeforeItsDeadlineIsNotTimedOut) {
    timer_wheel wheel(0);
    sleeper one;
    one.wait_until(wheel, second);
    EXPECT_TRUE(one.wake());
    EXPECT_EQ(wheel.expire(10 * second), 0u) << "the deadline lost the race and must not count";
    EXPECT_EQ(one.end(), wake_reason::signalled);
}

TEST(TimerWheel, TheFarthestDeadlinesFire) {
    timer_wheel wheel(second);
    sleeper aeon;
    constexpr nanoseconds_t years = 290LL * 365 * 86400 * second;
    aeon.wait_until(wheel, years);
    EXPECT_EQ(wheel.expire(years - second), 0u);
    EXPECT_FALSE(aeon.was_woken());
    EXPECT_EQ(wheel.expire(years + tick), 1u);
    EXPECT_EQ(aeon.end(), wake_reason::timed_out);
}

// Against a model: a sorted set. Deadlines from a tick to hours, times that advance by steps of all
// sizes, cancellations in between.
TEST(TimerWheel, AgreesWithASortedSet) {
    base::rng random(20240229);
    const auto below = [&](nanoseconds_t limit) {
        const auto high = static_cast<std::uint64_t>(random.below(1u << 31));
        const auto low = static_cast<std::uint64_t>(random.below(1u << 31));
        return static_cast<nanoseconds_t>((high << 31 | low) % static_cast<std::uint64_t>(limit));
    };
    nanoseconds_t now = 123'456'789;
    timer_wheel wheel(now);
    std::vector<sleeper> sleepers(2000);
    std::set<sleeper*> waiting;
    const nanoseconds_t spans[] = {3 * tick, second / 100, second, 100 * second, 20'000 * second};
    const auto span = [&] { return spans[random.below(std::size(spans))]; };
    std::size_t fired = 0;
    for (int round = 0; round < 3000; ++round) {
        for (int i = 0; i < 5; ++i) {
            sleeper& one = sleepers[random.below(static_cast<std::uint32_t>(sleepers.size()))];
            if (waiting.erase(&one) != 0) {
                one.give_up();
            } else {
                one.wait_until(wheel, now + below(span()));
                waiting.insert(&one);
            }
        }
        now += below(span());
        fired += wheel.expire(now);
        nanoseconds_t earliest = base::time_never;
        std::erase_if(waiting, [&](sleeper* one) {
            if (one->was_woken()) {
                EXPECT_LE(one->deadline, now) << "early";
                EXPECT_EQ(one->end(), wake_reason::timed_out);
                return true;
            }
            EXPECT_GT(one->deadline + tick, now) << "late by more than a tick";
            earliest = std::min(earliest, one->deadline);
            return false;
        });
        if (!waiting.empty()) {
            ASSERT_LE(wheel.next_deadline(), earliest + tick) << "a sleeper would be overslept";
        }
    }
    EXPECT_GT(fired, 1000u);
    for (sleeper* one : waiting) {
        one->give_up();
    }
}

TEST(TimerWheel, AMillionSleepersAreAllWoken) {
    constexpr std::size_t count = 1'000'000;
    base::rng random(7);
    timer_wheel wheel(0);
    const auto all = std::make_unique<sleeper[]>(count);
    for (std::size_t i = 0; i < count; ++i) {
        all[i].wait_until(wheel, static_cast<nanoseconds_t>(random.below(2'000'000'000)));
    }
    std::size_t fired = 0;
    for (nanoseconds_t now = 0; now < 3 * second; now += second / 20) {
        fired += wheel.expire(now);
    }
    EXPECT_EQ(fired, count);
    EXPECT_EQ(wheel.next_deadline(), base::time_never);
    for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(all[i].end(), wake_reason::timed_out);
    }
}

}  // namespace
}  // namespace weft::sched
