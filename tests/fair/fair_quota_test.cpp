// SPDX-License-Identifier: Apache-2.0
//
// Quotas of groups, and what a queue says of how many may run, under every policy.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <optional>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

template <class Policy>
class fair_quotas : public ::testing::Test {
protected:
    using queue_type = fair_queue<task, Policy>;
    using group_type = typename queue_type::group;
};
using quota_policies = ::testing::Types<cfs, eevdf, fifo, round_robin>;
TYPED_TEST_SUITE(fair_quotas, quota_policies);

/// One group that always wants to run, alone or beside a rival, in steps of at most `step`.
template <class Policy>
class bounded_hogs {
public:
    bounded_hogs(const fair_quota& limit, std::size_t count, bool with_rival)
        : group(queue, 4096, limit), members(count) {
        queue.refill(group, now);
        for (task& each : members) {
            queue.start(each, &group);
        }
        if (with_rival) {
            queue.start(rival);
        }
    }

    void run(std::uint64_t ns, dice& random) {
        const task* const who = queue.pick_next();
        if (who != nullptr) {
            queue.charge(ns);
            if (who != &rival && random.one_in(4)) {
                queue.yield();
            }
        }
        now += ns;
    }

    fair_queue<task, Policy> queue;
    typename fair_queue<task, Policy>::group group;
    std::deque<task> members;
    task rival;
    std::uint64_t now = 1;
};

TYPED_TEST(fair_quotas, are_exceeded_by_one_charge_at_most) {
    dice random(seed_of_run());
    for (int i = 0; i < 50; ++i) {
        const fair_quota limit{.quota_ns = 1 * ms + random.below(20 * ms),
                               .period_ns = 25 * ms + random.below(100 * ms)};
        const std::uint64_t step = 10 * us + random.below(2 * ms);
        bounded_hogs<TypeParam> all(limit, 1 + random.below(4), i % 2 == 0);
        std::uint64_t before = 0;
        for (std::uint64_t period = 1; period <= 50; ++period) {
            while (before_in_time(all.now, all.queue.refill_time(all.group))) {
                ASSERT_FALSE(all.group.throttled() && all.queue.current() != nullptr &&
                             all.queue.current() != &all.rival);
                all.run(1 + random.below(step), random);
            }
            ASSERT_LE(all.group.ran_ns() - before, limit.quota_ns + step) << period;
            ASSERT_LE(all.group.ran_ns(), period * limit.quota_ns + step) << period;
            if (i % 2 != 0) {  // nobody else: it has got all that it may
                ASSERT_GE(all.group.ran_ns(), period * limit.quota_ns) << period;
            }
            before = all.group.ran_ns();
            all.queue.refill(all.group, all.now);
        }
        ASSERT_EQ(all.rival.ran != 0, i % 2 == 0);
    }
}

TYPED_TEST(fair_quotas, may_be_saved_up_to_the_burst) {
    constexpr fair_quota limit{.quota_ns = 10 * ms, .period_ns = 100 * ms, .burst_ns = 25 * ms};
    dice random(seed_of_run());
    bounded_hogs<TypeParam> all(limit, 1, false);
    ASSERT_EQ(all.queue.pick_next(), &all.members[0]);
    all.queue.block();
    for (int period = 0; period < 10; ++period) {
        all.now += limit.period_ns;
        all.queue.refill(all.group, all.now);
    }
    all.queue.wake(all.members[0]);
    while (before_in_time(all.now, all.queue.refill_time(all.group))) {
        all.run(100 * us, random);
    }
    EXPECT_EQ(all.group.ran_ns(), 35 * ms);
    all.queue.refill(all.group, all.now);
    while (before_in_time(all.now, all.queue.refill_time(all.group))) {
        all.run(100 * us, random);
    }
    EXPECT_EQ(all.group.ran_ns(), 45 * ms);
}

TYPED_TEST(fair_quotas, that_come_late_come_for_each_period) {
    constexpr fair_quota limit{.quota_ns = 10 * ms, .period_ns = 100 * ms};
    bounded_hogs<TypeParam> all(limit, 1, false);
    all.queue.pick_next();
    all.queue.charge(45 * ms);
    ASSERT_EQ(all.queue.pick_next(), nullptr);
    const std::uint64_t first = all.queue.refill_time(all.group);
    EXPECT_EQ(first, 1 + limit.period_ns);
    all.queue.refill(all.group, first - 1);
    EXPECT_EQ(all.queue.refill_time(all.group), first) << "it is not time yet";
    all.queue.refill(all.group, first + 2 * limit.period_ns + 1);  // 35 ms of debt, 30 ms of quota
    EXPECT_EQ(all.queue.refill_time(all.group), first + 3 * limit.period_ns);
    EXPECT_EQ(all.queue.pick_next(), nullptr);
    all.queue.refill(all.group, first + 3 * limit.period_ns);
    ASSERT_EQ(all.queue.pick_next(), &all.members[0]);
    all.queue.charge(5 * ms - 1);
    EXPECT_FALSE(all.queue.should_switch());
    all.queue.charge(1);
    EXPECT_TRUE(all.queue.should_switch());
    EXPECT_EQ(all.queue.pick_next(), nullptr);
}

/// Twelve tasks, in no group and in three, do what they want.
template <class Policy>
class random_life {
public:
    random_life() {
        for (const std::uint64_t quota : {0 * ms, 2 * ms, 7 * ms}) {
            groups.emplace_back(queue, 1024, fair_quota{.quota_ns = quota, .period_ns = 20 * ms});
        }
    }

    void step() {
        task& t = random.any_of(tasks);
        if (queue.current() == nullptr || queue.should_switch()) {
            queue.pick_next();
        } else if (random.one_in(8)) {
            queue.block();
        } else if (random.one_in(8)) {
            queue.yield();
        } else {
            charge(random.up_to_bits(21));
        }
        if (t.where == task::place::outside && random.one_in(2)) {
            come(t);
        } else if (random.one_in(16)) {
            go(t);
        } else if (random.one_in(16)) {
            queue.set_nice(t, random.nice());
        } else if (random.one_in(16)) {
            queue.set_weight(random.any_of(groups),
                             1 + static_cast<std::uint32_t>(random.below(9'000)));
        }
        queue.tick();
    }

    /// The numbers that the queue tells, counted one by one.
    void expect_counted() {
        std::uint64_t runnable = 0;
        std::array<std::uint64_t, 3> in_group{};
        for (task& each : tasks) {
            const bool may_run =
                each.where == task::place::queued || each.where == task::place::running;
            bool throttled = false;
            for (std::size_t i = 0; i < groups.size(); ++i) {
                if (each.owner != nullptr && owners[i] == each.owner) {
                    in_group[i] += may_run ? 1 : 0;
                    throttled = groups[i].throttled();
                }
            }
            runnable += may_run && !throttled ? 1 : 0;
        }
        ASSERT_EQ(queue.runnable(), runnable);
        ASSERT_EQ(queue.empty(), runnable == 0);
        for (std::size_t i = 0; i < groups.size(); ++i) {
            ASSERT_EQ(groups[i].runnable(), in_group[i]);
        }
    }

    dice random{seed_of_run()};
    fair_queue<task, Policy> queue;
    std::deque<typename fair_queue<task, Policy>::group> groups;
    std::deque<task> tasks = std::deque<task>(12);
    std::array<const void*, 3> owners{};  // how a task names each group
    std::uint64_t now = 1;

private:
    void charge(std::uint64_t ns) {
        queue.charge(ns);
        now += ns;
        for (auto& each : groups) {
            queue.refill(each, now);
        }
    }

    void come(task& t) {
        const std::size_t i = random.below(4);
        auto* const group = i < 3 ? &groups[i] : nullptr;
        if (t.relative || (t.owner == nullptr && random.one_in(2))) {
            t.relative ? queue.join(t, group) : queue.start(t, group);
            if (group != nullptr) {
                owners[i] = t.owner;
            }
        } else {
            queue.wake(t);
        }
    }

    void go(task& t) {
        if (t.where != task::place::outside && random.one_in(2)) {
            queue.leave(t);
        } else {
            queue.remove(t);
        }
    }
};

TYPED_TEST(fair_quotas, let_no_member_of_a_throttled_group_run) {
    random_life<TypeParam> life;
    std::uint64_t throttled = 0;
    for (std::uint64_t i = 0; i < so_many(200'000); ++i) {
        life.step();
        const task* const now = life.queue.pick_next();
        for (std::size_t k = 0; k < life.groups.size(); ++k) {
            if (life.groups[k].throttled()) {
                ++throttled;
                ASSERT_TRUE(now == nullptr || now->owner == nullptr || now->owner != life.owners[k])
                    << "seed " << seed_of_run();
            }
        }
        ASSERT_EQ(now != nullptr, life.queue.runnable() != 0) << "seed " << seed_of_run();
    }
    EXPECT_GT(throttled, 1'000U);
}

TYPED_TEST(fair_quotas, leave_the_counts_right) {
    random_life<TypeParam> life;
    for (std::uint64_t i = 0; i < so_many(200'000); ++i) {
        life.step();
        ASSERT_NO_FATAL_FAILURE(life.expect_counted()) << i << ", seed " << seed_of_run();
    }
}

}  // namespace
}  // namespace weft
