// SPDX-License-Identifier: Apache-2.0
#include "schedule.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weft::lab {
namespace {

std::vector<model_plan> all_plans() {
    std::vector<model_plan> plans;
    for (const model_id model : all_models) {
        plans.push_back({.model = model, .clients = 100});
    }
    return plans;
}

std::vector<std::size_t> order_of(const std::vector<visit>& visits, unsigned repeat, bool again) {
    std::vector<std::size_t> order;
    for (const visit& one : visits) {
        if (one.repeat == repeat && one.again == again) {
            order.push_back(one.plan);
        }
    }
    return order;
}

TEST(schedule, every_closed_loop_comes_before_the_first_open_one) {
    const auto visits = schedule_of({}, all_plans());
    ASSERT_EQ(visits.size(), 8U);
    const auto has = [](const visit& one, phase_kind kind) {
        return std::ranges::find(one.phases, kind) != one.phases.end();
    };
    for (std::size_t i = 0; i < 8; ++i) {
        EXPECT_EQ(has(visits[i], phase_kind::closed), i < 4);
        EXPECT_EQ(has(visits[i], phase_kind::open), i >= 4);
        EXPECT_EQ(visits[i].phases.front(), phase_kind::connect);
    }
}

TEST(schedule, a_given_rate_needs_one_visit) {
    clients_options options;
    options.rate = 1000;
    const auto visits = schedule_of(options, all_plans());
    ASSERT_EQ(visits.size(), 4U);
    EXPECT_EQ(visits[0].phases.size(), 5U);
}

TEST(schedule, poison_replaces_the_load) {
    clients_options options;
    options.poison = poison_kind::abort;
    const auto visits = schedule_of(options, all_plans());
    ASSERT_EQ(visits.size(), 4U);
    EXPECT_EQ(visits[0].phases, (std::vector{phase_kind::connect, phase_kind::poison}));
}

TEST(schedule, depends_on_the_seed_alone_and_differs_between_repeats) {
    clients_options options;
    options.repeats = 8;
    const auto visits = schedule_of(options, all_plans());
    std::vector<std::vector<std::size_t>> orders;
    for (unsigned repeat = 1; repeat <= options.repeats; ++repeat) {
        orders.push_back(order_of(visits, repeat, false));
        EXPECT_EQ(orders.back(), order_of(visits, repeat, true));
        EXPECT_EQ(orders.back(), order_of(schedule_of(options, all_plans()), repeat, false));
        auto sorted = orders.back();
        std::ranges::sort(sorted);
        EXPECT_EQ(sorted, (std::vector<std::size_t>{0, 1, 2, 3}));
    }
    EXPECT_NE(std::ranges::adjacent_find(orders, std::ranges::not_equal_to()), orders.end());
    options.seed = 2;
    std::vector<std::vector<std::size_t>> others;
    for (unsigned repeat = 1; repeat <= options.repeats; ++repeat) {
        others.push_back(order_of(schedule_of(options, all_plans()), repeat, false));
    }
    EXPECT_NE(orders, others);
}

TEST(schedule, what_is_left_out_is_not_visited) {
    auto plans = all_plans();
    plans[1].clients = 0;
    const auto visits = schedule_of({}, plans);
    EXPECT_EQ(visits.size(), 6U);
    EXPECT_EQ(std::ranges::find(visits, 1U, &visit::plan), visits.end());
}

TEST(schedule, threads_and_fibers_are_not_timed_alone_before_a_poison) {
    clients_options options;
    options.poison = poison_kind::crash;
    EXPECT_FALSE(has_probes(options, schedule_of(options, all_plans())));
    EXPECT_FALSE(has_probes({}, {}));
}

TEST(schedule, each_phase_is_a_step_with_a_time) {
    const auto plans = all_plans();
    const auto visits = schedule_of({}, plans);
    const auto steps = steps_of(visits, {}, plans);
    EXPECT_EQ(steps.size(), 24U);
    for (const progress_step& step : steps) {
        EXPECT_GT(step.expected_seconds, 0);
        EXPECT_FALSE(step.model.empty());
    }
}

}  // namespace
}  // namespace weft::lab
