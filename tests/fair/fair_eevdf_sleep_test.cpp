// SPDX-License-Identifier: Apache-2.0
//
// EEVDF and those who sleep: debts stay, credit is kept, and a short request is served soon.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

std::int64_t lag_of(const eevdf_queue& queue, const task& t) {
    return static_cast<std::int64_t>(queue.level_of(t).virtual_time() - t.vruntime);
}

/// `who` runs until it has had more than its share, and sleeps.
void run_into_debt_and_block(eevdf_queue& queue, const task& who) {
    while (queue.pick_next() != &who) {
        queue.charge(100 * us);
    }
    while (queue.level_of(who).eligible(who)) {
        queue.charge(100 * us);
    }
    queue.block();
}

TEST(eevdf_sleep, does_not_count_but_lasts_in_the_queue_while_there_is_a_debt) {
    eevdf_queue queue;
    std::array<task, 3> tasks;
    task& debtor = tasks[0];
    for (task& each : tasks) {
        queue.start(each);
    }
    run_into_debt_and_block(queue, debtor);
    EXPECT_EQ(debtor.where, task::place::delayed);
    EXPECT_EQ(queue.runnable(), 2U);
    EXPECT_EQ(queue.level_of(debtor).count(), 3U);
    const std::int64_t debt = lag_of(queue, debtor);
    EXPECT_LT(debt, 0);

    std::uint64_t ran = 0;
    for (; debtor.where == task::place::delayed && ran < 100 * ms; ran += 100 * us) {
        ASSERT_NE(queue.pick_next(), &debtor);
        queue.charge(100 * us);
    }
    EXPECT_EQ(debtor.where, task::place::outside);
    EXPECT_EQ(debtor.lag, 0) << "what it could have gained is not given";
    EXPECT_EQ(queue.level_of(debtor).count(), 2U);
    EXPECT_GE(ran, static_cast<std::uint64_t>(-debt) * 2) << "two others ran it up";
}

TEST(eevdf_sleep, leaves_at_once_without_a_debt_and_keeps_the_credit) {
    eevdf_queue queue;
    std::array<task, 3> tasks;
    task& creditor = tasks[0];
    for (task& each : tasks) {
        queue.start(each);
    }
    ASSERT_EQ(queue.pick_next(), &creditor);
    queue.pick_next();
    queue.leave(creditor);
    queue.pick_next();
    queue.charge(1'500 * us);
    queue.join(creditor);
    while (queue.pick_next() != &creditor) {
        queue.charge(1'500 * us);
    }
    const std::int64_t lag = lag_of(queue, creditor);
    ASSERT_GT(lag, 0);
    queue.block();
    EXPECT_EQ(creditor.where, task::place::outside);
    EXPECT_EQ(creditor.lag, lag);

    run(queue, 100 * ms);
    queue.wake(creditor);
    EXPECT_NEAR(static_cast<double>(lag_of(queue, creditor)), static_cast<double>(lag), 2);
}

TEST(eevdf_sleep, ended_before_the_debt_is_paid_leaves_the_rest_of_it) {
    eevdf_queue queue;
    std::array<task, 3> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    run_into_debt_and_block(queue, tasks[0]);
    const std::uint64_t v = tasks[0].vruntime;
    const std::uint64_t deadline = tasks[0].deadline;
    queue.pick_next();
    queue.charge(10 * us);
    EXPECT_LT(lag_of(queue, tasks[0]), 0);
    EXPECT_FALSE(queue.wake(tasks[0]));
    EXPECT_EQ(tasks[0].where, task::place::queued);
    EXPECT_EQ(tasks[0].vruntime, v);
    EXPECT_EQ(tasks[0].deadline, deadline);
    EXPECT_EQ(queue.runnable(), 3U);
}

TEST(eevdf_sleep, ended_after_the_debt_is_paid_but_before_anybody_looked_gives_no_credit) {
    eevdf_queue queue;
    std::array<task, 3> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    run_into_debt_and_block(queue, tasks[0]);
    ASSERT_EQ(tasks[0].where, task::place::delayed);
    queue.pick_next();
    queue.charge(50 * ms);
    ASSERT_GT(lag_of(queue, tasks[0]), 0);
    queue.wake(tasks[0]);
    EXPECT_NEAR(static_cast<double>(lag_of(queue, tasks[0])), 0, 1);
    EXPECT_EQ(tasks[0].deadline - tasks[0].vruntime, eevdf_defaults.slice);
}

// Between its bursts it sleeps for a moment: if that wiped out the debt, it would always be owed.
TEST(eevdf_sleep, does_not_reset_a_debt) {
    for (const std::uint64_t burst : {500 * us, 3 * ms, 10 * ms}) {
        eevdf_queue queue;
        task cheat;
        std::array<task, 3> hogs;
        queue.start(cheat);
        for (task& each : hogs) {
            queue.start(each);
        }
        machine cpu(queue, 100 * us);
        cpu.add_sleeper(cheat, burst, 1 * us);
        cpu.run(10'000 * ms);
        EXPECT_LE(percent(cheat.ran, 10'000 * ms), 25.1) << burst;
        EXPECT_GE(percent(cheat.ran, 10'000 * ms), 22) << burst;
    }
}

TEST(eevdf_sleep, keeps_the_lag_in_real_time_when_the_weight_changes_meanwhile) {
    eevdf_queue queue;
    std::array<task, 2> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    ASSERT_EQ(queue.pick_next(), &tasks[0]);
    queue.charge(3 * ms);
    queue.leave(tasks[0]);
    const std::int64_t lag = tasks[0].lag;
    ASSERT_LT(lag, 0);
    queue.set_nice(tasks[0], 5);
    EXPECT_EQ(tasks[0].lag, lag * 1024 / 335);
}

/// The mean time from waking to running, with a request of `slice`.
std::uint64_t mean_wait(std::uint64_t slice) {
    eevdf_queue queue;
    std::array<task, 3> hogs;
    task interactive;
    interactive.set_slice(slice);
    queue.start(interactive);
    for (task& each : hogs) {
        each.set_slice(3 * ms);
        queue.start(each);
    }
    machine cpu(queue, 1 * ms);
    const auto& sleeper = cpu.add_sleeper(interactive, 100 * us, 4'900 * us);
    constexpr std::uint64_t total = 20'000 * ms;
    cpu.run(total);
    EXPECT_NEAR(percent(interactive.ran, total), 2, 0.4) << "it gets what it asks for";
    for (const task& each : hogs) {
        EXPECT_NEAR(percent(each.ran, total - interactive.ran), 100.0 / 3, 0.2);
    }
    return sleeper.waited / sleeper.wakes;
}

TEST(eevdf_slice, that_is_short_is_served_sooner) {
    const std::uint64_t long_wait = mean_wait(3 * ms);
    const std::uint64_t short_wait = mean_wait(100 * us);
    EXPECT_LT(short_wait * 4, long_wait) << "us: " << short_wait / us << ", " << long_wait / us;
}

TEST(eevdf_slice, does_not_change_a_share) {
    eevdf_queue queue;
    std::deque<task> tasks(4);
    std::uint64_t slice = 100 * us;
    for (task& each : tasks) {
        each.set_slice(slice);
        slice *= 3;
        queue.start(each);
    }
    run(queue, 20'000 * ms, 50 * us);
    for (const task& each : tasks) {
        EXPECT_NEAR(percent(each.ran, 20'000 * ms), 25, 0.05);
    }
}

TEST(eevdf_slice, takes_effect_with_the_next_request) {
    eevdf_queue queue;
    std::array<task, 2> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    task* const now = queue.pick_next();
    const std::uint64_t deadline = now->deadline;
    now->set_slice(200 * us);
    EXPECT_EQ(now->deadline, deadline);
    queue.charge(now->deadline - now->vruntime);
    EXPECT_EQ(now->deadline, deadline + 200 * us);
}

/// A new one's first request is a half, and so it is due before that of the one that runs.
bool preempts_at_start(std::uint64_t slice) {
    eevdf_queue queue({.slice = 8 * ms});
    std::array<task, 2> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    for (int i = 0; i < 2; ++i) {  // both end their first request, and neither owes anything
        queue.pick_next();
        queue.charge(4 * ms);
        EXPECT_TRUE(queue.should_switch());
    }
    task* const now = queue.pick_next();
    task comer;
    comer.set_slice(slice);
    const bool preempts = queue.start(comer);
    EXPECT_EQ(queue.should_switch(), preempts);
    EXPECT_LT(comer.deadline, now->deadline);
    EXPECT_EQ(queue.pick_next(), preempts ? &comer : now);
    return preempts;
}

TEST(eevdf_wakeup, waits_for_the_end_of_a_turn_unless_its_request_is_shorter) {
    EXPECT_FALSE(preempts_at_start(0));
    EXPECT_FALSE(preempts_at_start(8 * ms));
    EXPECT_TRUE(preempts_at_start(8 * ms - 1));
    EXPECT_TRUE(preempts_at_start(100 * us));
}

TEST(eevdf_wakeup, waits_if_its_request_is_due_later) {
    eevdf_queue queue({.slice = 1 * ms});
    task hog;
    task sleeper;
    sleeper.set_slice(900 * us);
    queue.start(sleeper);
    queue.pick_next();
    queue.block();
    queue.start(hog);
    queue.pick_next();
    ASSERT_LT(hog.deadline, hog.vruntime + 900 * us) << "a first request is a half";
    EXPECT_FALSE(queue.wake(sleeper));
    EXPECT_EQ(queue.pick_next(), &hog);
}

TEST(eevdf_yield, gives_up_the_rest_of_the_request) {
    eevdf_queue queue;
    std::array<task, 2> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    task* const now = queue.pick_next();
    const std::uint64_t deadline = now->deadline;
    queue.yield();
    EXPECT_EQ(now->vruntime, deadline);
    EXPECT_EQ(now->deadline, deadline + eevdf_defaults.slice);
    EXPECT_TRUE(queue.should_switch());
    EXPECT_NE(queue.pick_next(), now);
}

TEST(eevdf_yield, of_who_has_had_more_than_its_share_costs_nothing) {
    eevdf_queue queue;
    std::array<task, 2> tasks;
    for (task& each : tasks) {
        queue.start(each);
    }
    task* const now = queue.pick_next();
    queue.charge(100 * us);
    ASSERT_FALSE(queue.level_of(*now).eligible(*now));
    const std::uint64_t v = now->vruntime;
    queue.yield();
    EXPECT_EQ(now->vruntime, v);
}

}  // namespace
}  // namespace weft
