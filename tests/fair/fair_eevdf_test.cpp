// SPDX-License-Identifier: Apache-2.0
//
// What EEVDF promises: bounded lag, debts that are paid, requests that are kept.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <deque>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

__extension__ using wide = __int128;

double as_double(std::uint64_t n) {
    return static_cast<double>(n);
}

/// The sum of weight * (virtual time - base), and the sum of weights, of all that are in the queue.
struct sums {
    wide distance = 0;
    wide weight = 0;
};
template <class Tasks>
sums sums_from(const Tasks& tasks, std::uint64_t base) {
    sums s;
    for (const task& each : tasks) {
        if (each.where != task::place::outside) {
            s.distance += wide{static_cast<std::int64_t>(each.vruntime - base)} * each.weight.value;
            s.weight += each.weight.value;
        }
    }
    return s;
}

/// What `t` is owed, in nanoseconds of CPU time, from the definition and without rounding V.
template <class Tasks>
double lag_ns(const Tasks& tasks, const task& t) {
    const sums s = sums_from(tasks, t.vruntime);
    return static_cast<double>(s.distance) / static_cast<double>(s.weight) * t.weight.value / 1024;
}

/// The first one of the turns from now on.
void run_until(eevdf_queue& queue, const task& who) {
    for (int i = 0; i < 1'000 && queue.pick_next() != &who; ++i) {
        queue.charge(100 * us);
    }
    ASSERT_EQ(queue.current(), &who);
}

TEST(eevdf_request, is_as_long_in_real_time_after_a_change_of_weight_between_two_queues) {
    eevdf_queue old_queue;
    eevdf_queue young_queue;
    task mover(19);
    task hog;
    old_queue.start(mover);
    old_queue.leave(mover);
    old_queue.set_nice(mover, -20);
    young_queue.start(hog);
    young_queue.join(mover);
    const std::uint64_t request = mover.deadline - mover.vruntime;
    constexpr std::uint64_t slice = eevdf_defaults.slice;
    EXPECT_LE(request, to_virtual(slice, weight_of_nice(-20)));
    EXPECT_NEAR(as_double(request), as_double(to_virtual(slice / 2, weight_of_nice(-20))), 2);
}

TEST(eevdf_protection, is_not_renewed_by_a_group_that_turns_out_to_sleep) {
    eevdf_queue queue;
    eevdf_queue::group group(queue);
    task hog;
    std::array<task, 2> members;
    queue.start(hog);
    for (task& each : members) {
        queue.start(each, &group);
    }
    run_until(queue, members[0]);
    queue.charge(600 * us);  // it owes, and so stays when it sleeps
    queue.block();
    run_until(queue, members[1]);
    queue.charge(10 * us);
    queue.block();
    ASSERT_EQ(members[0].where, task::place::delayed);
    ASSERT_EQ(members[1].where, task::place::outside);

    ASSERT_EQ(queue.pick_next(), &hog);
    while (!queue.should_switch()) {
        queue.charge(100 * us);
    }
    ASSERT_EQ(queue.pick_next(), &hog) << "the group was to be next, but nobody is in it";
    ASSERT_EQ(members[0].where, task::place::outside);
    task late;  // its first request is a short one
    EXPECT_TRUE(queue.start(late)) << "the hog has had what it was picked for";
}

class eevdf_lag : public ::testing::TestWithParam<std::uint64_t> {
protected:
    eevdf_lag() {
        for (task& each : tasks_) {
            queue_.set_nice(each, random_.nice());
            each.set_slice(random_.one_in(3) ? 0 : 100 * us + random_.below(5 * ms));
            longest_ = std::max(longest_, each.slice != 0 ? each.slice : eevdf_defaults.slice);
            queue_.start(each);
        }
    }

    /// A look at the queue after `step` of CPU time at most, and when a request ends.
    void run_on(std::uint64_t step) {
        const task* const now = queue_.should_switch() || queue_.current() == nullptr
                                    ? queue_.pick_next()
                                    : queue_.current();
        const wide left = wide{now->deadline - now->vruntime} * now->weight.value / 1024 + 1;
        queue_.charge(static_cast<std::uint64_t>(std::min<wide>(left, step)));
    }

    dice random_{seed_of_run() + GetParam()};
    eevdf_queue queue_{{.first_vruntime = GetParam() % 2 == 0 ? 0 : shortly_before_the_end}};
    std::deque<task> tasks_ = std::deque<task>(2 + random_.below(12));
    std::uint64_t longest_ = 0;
};
INSTANTIATE_TEST_SUITE_P(weights_and_slices, eevdf_lag,
                         ::testing::Range(std::uint64_t{0}, std::uint64_t{12}));

// In nanoseconds of CPU time, and all that are runnable always are. A charge is rounded down to
// virtual nanoseconds, which for the heaviest are 87 each.
TEST_P(eevdf_lag, is_less_than_the_longest_request) {
    const std::uint64_t step = 10 * us + random_.below(std::min(longest_, 1 * ms));
    const double rounding = 100.0 * as_double(longest_ / step + 2);
    for (std::uint64_t i = 0; i < so_many(20'000); ++i) {
        run_on(step);
        for (const task& each : tasks_) {
            const double lag = lag_ns(tasks_, each);
            ASSERT_GT(lag, -as_double(longest_) - rounding) << i << ", seed " << seed_of_run();
            ASSERT_LT(lag, as_double(longest_) + rounding) << i << ", seed " << seed_of_run();
        }
    }
}

// Who looks seldom lets requests be overrun. Then nobody gets more than that in advance; for who
// waits the promise does not hold, and this is only what must not become worse.
TEST_P(eevdf_lag, grows_with_the_time_that_nobody_looks) {
    const std::uint64_t step = 10 * us + random_.below(5 * ms);
    const double in_advance = as_double(longest_ + step);
    for (std::uint64_t i = 0; i < so_many(20'000); ++i) {
        if (queue_.should_switch() || queue_.current() == nullptr) {
            queue_.pick_next();
        }
        queue_.charge(step);
        for (const task& each : tasks_) {
            ASSERT_GT(lag_ns(tasks_, each), -in_advance) << i << ", seed " << seed_of_run();
            ASSERT_LT(lag_ns(tasks_, each), 3 * in_advance) << i << ", seed " << seed_of_run();
        }
    }
}

TEST_P(eevdf_lag, sums_up_to_nothing) {
    for (std::uint64_t i = 0; i < so_many(5'000); ++i) {
        run_on(1 * ms);
        const auto& level = queue_.level_of(tasks_[0]);
        const sums s = sums_from(tasks_, level.virtual_time());
        ASSERT_GE(s.distance, 0) << "V is rounded down";
        ASSERT_LT(s.distance, s.weight) << "and by less than 1";
    }
}

TEST_P(eevdf_lag, is_kept_within_two_requests_or_a_tick) {
    std::uint64_t cut = 0;
    for (std::uint64_t i = 0; i < 5'000; ++i) {
        run_on(100 * ms);
        if (random_.one_in(10)) {
            queue_.charge(20 * ms);
        }
        const auto& level = queue_.level_of(tasks_[0]);
        for (const task& each : tasks_) {
            const std::uint64_t slice = each.slice != 0 ? each.slice : eevdf_defaults.slice;
            const auto most = static_cast<std::int64_t>(
                to_virtual(std::max(2 * slice, eevdf_defaults.tick), each.weight));
            const auto lag = static_cast<std::int64_t>(level.virtual_time() - each.vruntime);
            ASSERT_EQ(level.lag_of(each), std::clamp(lag, -most, most));
            cut += std::abs(lag) > most ? 1 : 0;
        }
    }
    EXPECT_GT(cut, 100U);
}

/// A random life of some tasks, with sleep and changes of weights and slices.
class random_eevdf : public ::testing::TestWithParam<std::uint64_t> {
protected:
    void step() {
        task& t = random_.any_of(tasks_);
        if (queue_.current() == nullptr || queue_.should_switch()) {
            queue_.pick_next();
        }
        const bool sleeps = t.where == task::place::outside || t.where == task::place::delayed;
        if (sleeps && random_.one_in(3)) {
            t.ran == 0 && t.where == task::place::outside ? queue_.start(t) : queue_.wake(t);
        } else if (random_.one_in(16)) {
            queue_.set_nice(t, random_.nice());
        } else if (random_.one_in(16)) {
            t.set_slice(100 * us + random_.below(4 * ms));
        } else if (queue_.current() != nullptr && random_.one_in(8)) {
            queue_.block();
        } else if (queue_.current() != nullptr) {
            queue_.charge(random_.up_to_bits(22));
        }
    }

    dice random_{seed_of_run()};
    eevdf_queue queue_{{.first_vruntime = GetParam()}};
    std::deque<task> tasks_ = std::deque<task>(10);
};
INSTANTIATE_TEST_SUITE_P(anywhere, random_eevdf,
                         ::testing::Values(std::uint64_t{0}, shortly_before_the_end));

TEST_P(random_eevdf, those_who_have_not_had_more_than_their_share_are_eligible) {
    for (std::uint64_t i = 0; i < so_many(100'000); ++i) {
        step();
        bool anybody = false;
        bool nobody = true;
        for (const task& each : tasks_) {
            if (each.where != task::place::outside) {
                nobody = false;
                const bool is_owed = sums_from(tasks_, each.vruntime).distance >= 0;
                ASSERT_EQ(queue_.level_of(each).eligible(each), is_owed)
                    << i << ", seed " << seed_of_run();
                anybody = anybody || is_owed;
            }
        }
        ASSERT_TRUE(anybody || nobody) << "somebody is always owed something, or nothing";
    }
}

TEST_P(random_eevdf, only_who_is_eligible_is_picked) {
    for (std::uint64_t i = 0; i < so_many(100'000); ++i) {
        step();
        const task* const now = queue_.pick_next();
        if (now != nullptr) {
            ASSERT_GE(sums_from(tasks_, now->vruntime).distance, 0)
                << i << ", seed " << seed_of_run();
        }
    }
}

TEST_P(random_eevdf, a_change_of_weight_keeps_the_lag_and_the_rest_of_the_request) {
    for (std::uint64_t i = 0; i < so_many(20'000); ++i) {
        step();
        task& t = random_.any_of(tasks_);
        if (t.where == task::place::outside) {
            continue;
        }
        const std::uint64_t v = queue_.level_of(t).virtual_time();
        const double lag = lag_ns(tasks_, t);
        const wide weight = sums_from(tasks_, v).weight;
        const auto rest = [&] {
            return static_cast<double>(static_cast<std::int64_t>(t.deadline - t.vruntime)) *
                   t.weight.value / 1024;
        };
        const double rest_before = rest();
        const auto where = t.where;
        const double old_weight = t.weight.value;
        queue_.set_nice(t, random_.nice());
        const double rounding = 3 + 3 * std::max<double>(old_weight, t.weight.value) / 1024;
        ASSERT_EQ(t.where, where);
        ASSERT_NEAR(lag_ns(tasks_, t), lag, rounding) << i << ", seed " << seed_of_run();
        ASSERT_NEAR(rest(), rest_before, rounding) << i << ", seed " << seed_of_run();
        // Less than 1 of V is cut off: so much real time stays, and counts more where all is
        // lighter.
        const wide moved = static_cast<std::int64_t>(queue_.level_of(t).virtual_time() - v);
        const wide most = 3 + weight / sums_from(tasks_, v).weight;
        ASSERT_TRUE(-most < moved && moved < most) << "V stays";
    }
}

}  // namespace
}  // namespace weft
