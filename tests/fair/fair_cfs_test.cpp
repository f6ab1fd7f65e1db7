// SPDX-License-Identifier: Apache-2.0
//
// The rules of CFS, each by itself: where who comes is placed, when a turn ends, who is preferred.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>
#include <vector>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

using cfs_queue = fair_queue<task, cfs>;
constexpr cfs::parameters cfs_defaults;

std::int64_t distance(std::uint64_t from, std::uint64_t to) {
    return static_cast<std::int64_t>(to - from);
}

/// `t` sleeps and nobody else is there: it runs until its virtual time, which is that of the clock
/// for nice 0, is `v`.
void run_alone_to(cfs_queue& queue, task& t, std::uint64_t v) {
    queue.wake(t);
    ASSERT_EQ(queue.pick_next(), &t);
    queue.charge(v - t.vruntime);
    queue.block();
}

/// All have been started and sleep.
template <std::size_t Count>
void start_and_block(cfs_queue& queue, std::array<task, Count>& tasks) {
    for (task& each : tasks) {
        queue.start(each);
        queue.pick_next();
        queue.block();
    }
}

class random_cfs : public ::testing::TestWithParam<std::uint64_t> {
protected:
    /// One step of a random life of twelve tasks. Whom it woke.
    task* step() {
        task& t = random_.any_of(tasks_);
        const bool sleeps = t.where == task::place::outside;
        task* woken = nullptr;
        if (queue_.current() == nullptr || random_.one_in(4)) {
            queue_.pick_next();
        }
        if (sleeps && random_.one_in(3)) {
            if (t.ran == 0) {
                queue_.start(t);
            } else {
                queue_.wake(t);
                woken = &t;
            }
        } else if (random_.one_in(16)) {
            queue_.set_nice(t, random_.nice());
        } else if (queue_.current() != nullptr && random_.one_in(8)) {
            queue_.block();
        } else if (queue_.current() != nullptr) {
            queue_.charge(random_.up_to_bits(22));
        }
        return woken;
    }

    cfs_queue queue_{{.first_vruntime = GetParam()}};
    std::deque<task> tasks_ = std::deque<task>(12);
    dice random_{seed_of_run()};
};
INSTANTIATE_TEST_SUITE_P(anywhere, random_cfs,
                         ::testing::Values(std::uint64_t{0}, shortly_before_the_end));

TEST_P(random_cfs, virtual_time_never_goes_back_and_nobody_is_far_behind) {
    for (std::uint64_t i = 0; i < so_many(200'000); ++i) {
        const std::uint64_t before = queue_.level_of(tasks_[0]).virtual_time();
        step();
        const std::uint64_t now = queue_.level_of(tasks_[0]).virtual_time();
        ASSERT_GE(distance(before, now), 0) << "step " << i << ", seed " << seed_of_run();
        for (const task& each : tasks_) {
            if (each.where != task::place::outside) {
                ASSERT_GE(distance(now, each.vruntime),
                          -static_cast<std::int64_t>(cfs_defaults.latency / 2))
                    << "step " << i << ", seed " << seed_of_run();
            }
        }
    }
}

TEST_P(random_cfs, a_sleeper_wakes_where_it_was_but_at_most_half_a_latency_before_the_others) {
    std::uint64_t with_bonus = 0;
    std::uint64_t where_it_was = 0;
    for (std::uint64_t i = 0; i < so_many(200'000); ++i) {
        std::array<std::uint64_t, 12> before{};
        std::transform(tasks_.begin(), tasks_.end(), before.begin(),
                       [](const task& each) { return each.vruntime; });
        const std::uint64_t now = queue_.level_of(tasks_[0]).virtual_time();
        const task* const woken = step();
        for (std::size_t k = 0; k < before.size(); ++k) {
            if (&tasks_[k] != woken) {
                continue;
            }
            const std::uint64_t earliest = now - cfs_defaults.latency / 2;
            const bool has_slept_long = distance(before[k], earliest) > 0;
            ASSERT_EQ(tasks_[k].vruntime, has_slept_long ? earliest : before[k])
                << "step " << i << ", seed " << seed_of_run();
            ++(has_slept_long ? with_bonus : where_it_was);
        }
    }
    EXPECT_GT(with_bonus, 100U);
    EXPECT_GT(where_it_was, 100U);
}

TEST(cfs_wakeup, preempts_whoever_is_more_than_the_granularity_ahead) {
    for (int nice = -20; nice <= 4; ++nice) {  // from 5 on it is more than a sleeper's bonus
        const std::uint64_t granularity =
            to_virtual(cfs_defaults.wakeup_granularity, weight_of_nice(nice));
        for (const std::uint64_t ahead : {std::uint64_t{0}, granularity, granularity + 1}) {
            cfs_queue queue;
            task hog;
            task sleeper(nice);
            queue.start(hog);
            queue.start(sleeper);
            while (queue.pick_next() != &sleeper) {
                queue.charge(3 * ms);
            }
            while (sleeper.vruntime < hog.vruntime) {
                queue.charge(3 * ms);
            }
            queue.block();
            ASSERT_EQ(queue.pick_next(), &hog);
            queue.charge(sleeper.vruntime - hog.vruntime + ahead);
            EXPECT_EQ(queue.wake(sleeper), ahead > granularity) << nice << ", " << ahead;
            EXPECT_EQ(queue.should_switch(), ahead > granularity);
        }
    }
}

TEST(cfs_wakeup, of_a_long_sleeper_preempts_unless_it_is_light) {
    for (int nice = -20; nice <= 19; ++nice) {
        cfs_queue queue;
        task hog;
        task sleeper(nice);
        queue.start(sleeper);
        queue.pick_next();
        queue.block();
        queue.start(hog);
        run(queue, 1'000 * ms);
        EXPECT_EQ(queue.wake(sleeper), nice <= 4) << nice;
    }
}

TEST(cfs_buddies, who_has_preempted_runs_next_unless_that_is_unfair) {
    for (const std::uint64_t between : {600 * us, 1'200 * us}) {
        cfs_queue queue;
        std::array<task, 3> tasks;
        auto& [first, comer, hog] = tasks;
        start_and_block(queue, tasks);
        const std::uint64_t base = 20 * ms;
        run_alone_to(queue, first, base);
        run_alone_to(queue, comer, base + between);
        queue.wake(hog);
        ASSERT_EQ(queue.pick_next(), &hog);
        queue.charge(base + between + 1'100 * us - hog.vruntime);
        ASSERT_TRUE(queue.wake(first));
        ASSERT_TRUE(queue.wake(comer));
        const bool is_unfair = between > cfs_defaults.wakeup_granularity;
        EXPECT_EQ(queue.pick_next(), is_unfair ? &first : &comer) << between;
    }
}

TEST(cfs_buddies, who_was_preempted_among_many_goes_on_afterwards) {
    for (const std::size_t many : {std::size_t{7}, std::size_t{8}}) {
        cfs_queue queue;
        std::array<task, 8> tasks;
        task& comer = tasks[0];
        task& hog = tasks[1];
        start_and_block(queue, tasks);
        const std::uint64_t base = 100 * ms;
        run_alone_to(queue, comer, base - 2 * ms);
        for (std::size_t i = 2; i < many; ++i) {
            run_alone_to(queue, tasks[i], base - 500 * us);
        }
        queue.wake(hog);
        ASSERT_EQ(queue.pick_next(), &hog);
        queue.charge(base - hog.vruntime);
        for (std::size_t i = 2; i < many; ++i) {
            ASSERT_FALSE(queue.wake(tasks[i]));
        }
        ASSERT_TRUE(queue.wake(comer));
        ASSERT_EQ(queue.runnable(), many);
        ASSERT_EQ(queue.pick_next(), &comer);
        queue.charge(100 * us);
        queue.block();
        EXPECT_EQ(queue.pick_next(), many == 8 ? &hog : &tasks[2]) << many;
    }
}

TEST(cfs_buddies, who_yields_is_passed_over_unless_that_is_unfair) {
    for (const std::uint64_t ahead : {1'000 * us, 1'001 * us}) {
        cfs_queue queue;
        std::array<task, 2> tasks;
        auto& [polite, other] = tasks;
        start_and_block(queue, tasks);
        run_alone_to(queue, polite, 20 * ms);
        run_alone_to(queue, other, 20 * ms + ahead);
        queue.wake(polite);
        queue.wake(other);
        ASSERT_EQ(queue.pick_next(), &polite);
        queue.yield();
        EXPECT_EQ(polite.vruntime, 20 * ms);
        EXPECT_EQ(queue.pick_next(), ahead > cfs_defaults.wakeup_granularity ? &polite : &other);
        queue.charge(3 * ms);
        EXPECT_EQ(queue.pick_next(), ahead > cfs_defaults.wakeup_granularity ? &other : &polite);
    }
}

TEST(cfs_start, places_a_child_at_the_end_of_the_period_and_not_before_its_parent) {
    dice random(seed_of_run());
    for (int i = 0; i < 1'000; ++i) {
        cfs_queue queue;
        std::deque<task> tasks(2 + random.below(12));
        for (task& each : tasks) {
            queue.set_nice(each, random.nice());
            const task* const parent = queue.pick_next();
            if (parent != nullptr) {
                queue.charge(random.up_to_bits(25));
            }
            const std::uint64_t now = queue.level_of(each).virtual_time();
            const std::uint64_t slice = queue.slice_of(each);
            queue.start(each);
            const std::uint64_t debit = now + to_virtual(slice, each.weight);
            ASSERT_EQ(each.vruntime, parent != nullptr ? std::max(debit, parent->vruntime) : debit);
        }
    }
}

// Its members overrun their slices and die: the debt must be that of the next one.
TEST(cfs_start, gains_nothing_by_making_children) {
    cfs_queue queue;
    task hog;
    std::deque<task> line(1);
    queue.start(hog);
    queue.start(line.front());
    std::uint64_t ran_by_line = 0;
    while (hog.ran < 5'000 * ms) {
        task* const now = queue.pick_next();
        queue.charge(now == &hog ? 1 * ms : 20 * ms);
        if (now != &hog) {
            ran_by_line += 20 * ms;
            queue.start(line.emplace_back());
            queue.remove(*now);
        }
    }
    EXPECT_LE(percent(ran_by_line, hog.ran), 101);
    EXPECT_GE(percent(ran_by_line, hog.ran), 50) << "nor does it starve";
}

TEST(cfs_slice, is_the_part_of_the_period_that_the_weight_gives) {
    dice random(seed_of_run());
    for (int i = 0; i < 1'000; ++i) {
        cfs_queue queue;
        std::deque<task> tasks(1 + random.below(20));
        std::uint64_t all = 0;
        for (task& each : tasks) {
            queue.set_nice(each, random.nice());
            queue.start(each);
            all += each.weight.value;
        }
        const std::uint64_t period = tasks.size() > 8
                                         ? tasks.size() * cfs_defaults.minimum_granularity
                                         : cfs_defaults.latency;
        for (const task& each : tasks) {
            ASSERT_EQ(queue.slice_of(each),
                      std::max(cfs_defaults.minimum_granularity, period * each.weight.value / all));
        }
    }
}

TEST(cfs_tick, ends_a_turn_when_the_slice_is_over_and_not_before_the_least_one) {
    dice random(seed_of_run());
    for (int i = 0; i < 300; ++i) {
        cfs_queue queue;
        std::deque<task> tasks(2 + random.below(12));
        for (task& each : tasks) {
            queue.set_nice(each, random.nice());
            queue.start(each);
        }
        const std::uint64_t step = 10 * us;
        const task* last = nullptr;
        for (int turn = 0; turn < 50; ++turn) {
            const task& now = *queue.pick_next();
            const bool goes_on = last == &now;  // its slice is over, but it still is behind
            const std::uint64_t before = now.ran;
            do {
                queue.charge(step);
            } while (!queue.tick());
            const std::uint64_t ran = now.ran - before;
            ASSERT_GE(ran, goes_on ? step : cfs_defaults.minimum_granularity);
            ASSERT_LE(ran, goes_on ? step : queue.slice_of(now) + step);
            last = &now;
        }
    }
}

TEST(cfs_tick, counts_a_slice_as_had_when_it_is_exceeded) {
    cfs_queue queue;
    std::array<task, 2> tasks;
    start_and_block(queue, tasks);
    for (task& each : tasks) {
        run_alone_to(queue, each, 20 * ms);
    }
    for (task& each : tasks) {
        queue.wake(each);
    }
    ASSERT_EQ(queue.pick_next(), &tasks[0]);
    queue.charge(cfs_defaults.latency / 2);
    EXPECT_FALSE(queue.tick());
    queue.charge(1);
    EXPECT_TRUE(queue.tick());
}

TEST(cfs_tick, lets_everybody_run_once_in_a_period) {
    for (std::size_t count = 2; count <= 16; ++count) {
        cfs_queue queue;
        std::deque<task> tasks(count);
        for (task& each : tasks) {
            queue.start(each);
        }
        constexpr std::uint64_t step = 10 * us;
        const std::uint64_t period =
            count > 8 ? count * cfs_defaults.minimum_granularity : cfs_defaults.latency;
        run(queue, 10 * period, step);
        std::vector<std::uint64_t> last_run(count, 0);
        for (std::uint64_t now = 0; now < 100 * period; now += step) {
            for (std::size_t i = 0; i < count; ++i) {
                last_run[i] = queue.current() == &tasks[i] ? now : last_run[i];
                ASSERT_LE(now - last_run[i], period + count * step) << count;
            }
            queue.charge(step);
            if (queue.tick()) {
                queue.pick_next();
            }
        }
    }
}

TEST(cfs_weight, may_change_while_one_runs) {
    cfs_queue queue;
    task changing(5);
    task hog;
    queue.start(changing);
    queue.start(hog);
    run(queue, 100 * ms);
    const std::uint64_t v = changing.vruntime;
    queue.set_nice(changing, -5);
    EXPECT_EQ(changing.vruntime, v);
    const std::uint64_t before = changing.ran;
    run(queue, 10'000 * ms);
    EXPECT_NEAR(percent(changing.ran - before, 10'000 * ms), 100.0 * 3121 / (3121 + 1024), 0.2);
}

}  // namespace
}  // namespace weft
