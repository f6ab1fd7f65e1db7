// SPDX-License-Identifier: Apache-2.0
//
// Moving between queues: nobody gains by it and nobody loses.
#include <gtest/gtest.h>

#include <array>
#include <deque>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

template <class Policy>
class fair_move : public ::testing::Test {};
using policies = ::testing::Types<cfs, eevdf>;
TYPED_TEST_SUITE(fair_move, policies);

TYPED_TEST(fair_move, a_sleeper_takes_no_more_along_than_it_would_get_where_it_was) {
    fair_queue<task, TypeParam> old_queue;
    fair_queue<task, TypeParam> young_queue;
    task sleeper;
    task hog;
    task other_hog;
    old_queue.start(sleeper);
    old_queue.pick_next();
    old_queue.block();
    old_queue.start(hog);
    run(old_queue, 10'000 * ms);
    young_queue.start(other_hog);
    run(young_queue, 10 * ms);

    old_queue.leave(sleeper);
    young_queue.join(sleeper);
    run(young_queue, 100 * ms);
    EXPECT_GE(sleeper.ran, 49 * ms);
    EXPECT_LE(sleeper.ran, 50 * ms + cfs::parameters().latency / 2);
}

TYPED_TEST(fair_move, who_has_left_a_group_wakes_elsewhere_in_none) {
    using queue_type = fair_queue<task, TypeParam>;
    queue_type old_queue;
    queue_type young_queue;
    typename queue_type::group group(old_queue);
    task mover;
    old_queue.start(mover, &group);
    ASSERT_EQ(old_queue.pick_next(), &mover);
    old_queue.block();
    old_queue.leave(mover);
    young_queue.wake(mover);
    EXPECT_EQ(group.runnable(), 0U);
    EXPECT_EQ(old_queue.pick_next(), nullptr);
    EXPECT_EQ(young_queue.runnable(), 1U);
    EXPECT_EQ(young_queue.pick_next(), &mover);
    EXPECT_EQ(young_queue.level_of(mover).count(), 1U);
}

TYPED_TEST(fair_move, takes_along_the_distance_from_the_others) {
    dice random(seed_of_run());
    fair_queue<task, TypeParam> old_queue;
    fair_queue<task, TypeParam> young_queue({.first_vruntime = shortly_before_the_end});
    std::deque<task> tasks(8);
    task mover;
    for (std::size_t i = 0; i < tasks.size(); ++i) {
        (i % 2 == 0 ? old_queue : young_queue).start(tasks[i]);
    }
    old_queue.start(mover);
    auto* at = &old_queue;
    auto* other = &young_queue;
    const auto distance = [&] {
        const std::uint64_t now = at->level_of(mover).virtual_time();
        return static_cast<double>(static_cast<std::int64_t>(now - mover.vruntime));
    };
    for (std::uint64_t i = 0; i < so_many(10'000); ++i) {
        for (auto* each : {at, other}) {
            each->pick_next();
            each->charge(random.up_to_bits(21));
        }
        const double before = distance();
        at->leave(mover);
        std::swap(at, other);
        at->join(mover);
        ASSERT_NEAR(distance(), before, 2) << i << ", seed " << seed_of_run();
    }
    EXPECT_GT(mover.ran, 0U);
}

// Two CPUs with four places each. All the time two change places, and so in the end all have been
// on both, and with all others.
TYPED_TEST(fair_move, gives_everybody_the_same_in_the_end) {
    dice random(seed_of_run());
    fair_queue<task, TypeParam> left;
    fair_queue<task, TypeParam> right;
    std::deque<task> tasks(8);
    std::array<task*, 8> places{};
    for (std::size_t i = 0; i < places.size(); ++i) {
        places[i] = &tasks[i];
        (i < 4 ? left : right).start(tasks[i]);
    }
    constexpr std::uint64_t turn = 5 * ms;
    const std::uint64_t turns = so_many(400'000);
    for (std::uint64_t i = 0; i < turns; ++i) {
        run(left, turn, 500 * us);
        run(right, turn, 500 * us);
        const std::size_t a = random.below(4);
        const std::size_t b = 4 + random.below(4);
        left.leave(*places[a]);
        right.leave(*places[b]);
        std::swap(places[a], places[b]);
        left.join(*places[a]);
        right.join(*places[b]);
    }
    for (const task& each : tasks) {
        EXPECT_NEAR(percent(each.ran, 2 * turns * turn), 12.5, 0.0625) << "half a per cent of it";
    }
}

// Wherever it comes there is one hog: it gets a half, however often it goes.
TYPED_TEST(fair_move, again_and_again_gains_and_loses_nothing) {
    for (const std::uint64_t stay : {1 * ms, 3 * ms, 20 * ms}) {
        std::array<fair_queue<task, TypeParam>, 2> queues;
        std::array<task, 2> hogs;
        task mover;
        queues[0].start(hogs[0]);
        queues[1].start(hogs[1]);
        queues[0].start(mover);
        constexpr std::uint64_t total = 20'000 * ms;
        std::size_t at = 0;
        for (std::uint64_t done = 0; done < total; done += stay) {
            for (auto& each : queues) {
                run(each, stay, 500 * us);
            }
            queues[at].leave(mover);
            at = 1 - at;
            queues[at].join(mover);
        }
        EXPECT_NEAR(percent(mover.ran, total), 50, 0.5) << stay;
    }
}

}  // namespace
}  // namespace weft
