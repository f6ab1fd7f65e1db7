// SPDX-License-Identifier: Apache-2.0
//
// Groups of fibers that run. What must hold to the percent is in sched/fair_policy_group_test.cpp.
#include <weft/fiber_group.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include "runtime/preemption_test_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;

/// Steps that are 0.3 to 0.4 s of one CPU.
constexpr long plenty = 12'000;

/// What a hog does, so that what it gets can be counted.
struct hog {
    const fiber_group* group = nullptr;
    int nice = 0;
    bool yields = false;
};

/// The steps that each of `hogs` makes until all have made `enough`, in percent of all. Not of so
/// long a time: it must be many turns of everybody, and other programs may have most of the CPU.
std::vector<double> shares(const std::vector<hog>& hogs, long enough) {
    std::vector<std::atomic<long>> steps(hogs.size());
    const auto sum = [&] { return std::accumulate(steps.begin(), steps.end(), 0L); };
    std::atomic<bool> stop{false};
    {
        std::vector<fiber> fibers;
        for (std::size_t i = 0; i < hogs.size(); ++i) {
            const hog& each = hogs[i];
            fibers.emplace_back(fiber_options{.nice = each.nice, .group = each.group}, [&, i] {
                while (!stop) {
                    compute_a_step();
                    steps[i].fetch_add(1, std::memory_order_relaxed);
                    if (hogs[i].yields) {
                        this_fiber::yield();
                    }
                }
            });
        }
        while (sum() < enough) {
            this_fiber::sleep_for(5ms);
        }
        stop = true;
    }
    const auto all = static_cast<double>(sum());
    std::vector<double> percent;
    for (const auto& each : steps) {
        percent.push_back(100.0 * static_cast<double>(each) / all);
    }
    return percent;
}

class group_hogs : public ::testing::TestWithParam<bool> {};
INSTANTIATE_TEST_SUITE_P(that, group_hogs, ::testing::Bool(),
                         [](const auto& each) { return each.param ? "yield" : "compute"; });

TEST_P(group_hogs, one_fiber_gets_as_much_as_five_of_another_group) {
    const one_queue_each queues;
    run(one_worker, [] {
        const fiber_group one({.name = "one"});
        const fiber_group five({.name = "five"});
        std::vector<hog> hogs(6, {.group = &five, .yields = GetParam()});
        hogs[0].group = &one;
        const auto percent = shares(hogs, plenty);
        EXPECT_NEAR(percent[0], 50, 10) << "without groups it is 17";
        for (std::size_t i = 1; i < 6; ++i) {
            EXPECT_NEAR(percent[i], 10, 6);
        }
    });
}

TEST_P(group_hogs, share_by_the_weights_of_their_groups) {
    const one_queue_each queues;
    run(one_worker, [] {
        const fiber_group light({.name = "light", .weight = 512});
        const fiber_group heavy({.name = "heavy", .weight = 2048});
        const auto percent = shares({{.group = &light, .yields = GetParam()},
                                     {.group = &light, .yields = GetParam()},
                                     {.group = &heavy, .yields = GetParam()},
                                     {.yields = GetParam()}},
                                    plenty);
        EXPECT_NEAR(percent[0] + percent[1], 100.0 / 7, 6);
        EXPECT_NEAR(percent[2], 400.0 / 7, 10);
        EXPECT_NEAR(percent[3], 200.0 / 7, 9) << "of a fiber without a group";
    });
}

TEST(fiber_group, shares_hold_on_two_workers) {
    const one_queue_each queues;
    run(runtime_options{.workers = 2}, [] {
        const fiber_group few({.name = "few"});
        const fiber_group many({.name = "many"});
        std::vector<hog> hogs(10, {.group = &many});
        hogs[0].group = hogs[1].group = &few;
        const auto percent = shares(hogs, 2 * plenty);
        EXPECT_NEAR(percent[0] + percent[1], 50, 15) << "without groups it is 20";
    });
}

TEST(fiber_group, a_new_weight_takes_effect) {
    const one_queue_each queues;
    run(one_worker, [] {
        fiber_group changed({.weight = 256});
        EXPECT_EQ(changed.weight(), 256U);
        EXPECT_NEAR(shares({{.group = &changed}, {}}, plenty)[0], 20, 12);
        changed.set_weight(4096);
        EXPECT_EQ(changed.weight(), 4096U);
        EXPECT_NEAR(shares({{.group = &changed}, {}}, plenty)[0], 80, 12);
    });
}

TEST(fiber_group, counts_its_fibers_and_their_cpu_time) {
    run(one_worker, [] {
        const fiber_group g({.name = "counted"});
        EXPECT_EQ(g.name(), "counted");
        EXPECT_EQ(g.stats().fibers, 0U);
        counting_semaphore<> go(0);
        fiber member(fiber_options{.group = &g}, [&] {
            for (int i = 0; i < 400; ++i) {
                compute_a_step();
                if (i % 20 == 0) {
                    this_fiber::yield();
                }
            }
            go.acquire();
        });
        EXPECT_EQ(g.stats().fibers, 1U);
        fiber other([] { compute_a_step(); });
        other.join();
        go.release();
        member.join();
        EXPECT_EQ(g.stats().fibers, 0U);
        EXPECT_GT(g.stats().cpu_time, 2ms);
    });
}

TEST(fiber_group, is_that_of_whoever_spawns) {
    run(one_worker, [] {
        const fiber_group outer({.name = "outer"});
        const fiber_group inner({.name = "inner"});
        fiber(fiber_options{.group = &outer}, [&] {
            spawn([&] {
                EXPECT_EQ(outer.stats().fibers, 2U);
                spawn(fiber_options{.group = &inner}, [&] {
                    EXPECT_EQ(outer.stats().fibers, 2U);
                    EXPECT_EQ(inner.stats().fibers, 1U);
                    spawn([&] { EXPECT_EQ(inner.stats().fibers, 2U); }).join();
                }).join();
            }).join();
        }).join();
        spawn([&] { EXPECT_EQ(outer.stats().fibers + inner.stats().fibers, 0U); }).join();
    });
}

TEST(fiber_group, is_not_inherited_by_another_runtime) {
    runtime other(one_worker);
    fiber_group theirs(other, {.name = "theirs"});
    run(one_worker, [&] {
        const fiber_group ours({.name = "ours"});
        fiber(fiber_options{.group = &ours}, [&] {
            other.spawn([&] { EXPECT_EQ(ours.stats().fibers, 1U); }).join();
            other
                .spawn(fiber_options{.group = &theirs},
                       [&] { EXPECT_EQ(theirs.stats().fibers, 1U); })
                .join();
        }).join();
    });
}

TEST(fiber_group, goes_on_without_its_handle) {
    runtime r(runtime_options{.workers = 2});
    counting_semaphore<> go(0);
    std::vector<fiber> fibers;
    {
        const fiber_group g(r, {.name = "gone"});
        for (int i = 0; i < 10; ++i) {
            fibers.push_back(r.spawn(fiber_options{.group = &g}, [&] {
                go.acquire();
                spawn([] { this_fiber::yield(); }).join();
            }));
        }
    }
    const fiber_group next(r, {.name = "next"});
    EXPECT_EQ(next.stats().fibers, 0U) << "it has a place of its own";
    go.release(10);
    for (fiber& each : fibers) {
        each.join();
    }
}

TEST(fiber_group, may_come_and_go) {
    run(runtime_options{.workers = 2}, [] {
        for (int i = 0; i < 2'000; ++i) {
            fiber_group g({.name = std::to_string(i)});
            fiber a(fiber_options{.group = &g}, [] { this_fiber::yield(); });
            fiber b(fiber_options{.group = &g}, [] { compute_a_step(); });
            if (i % 2 == 0) {
                const fiber_group gone(std::move(g));
            }
            if (i % 3 == 0) {
                a.join();
            }
        }
    });
}

TEST(fiber_group, refuses_what_is_too_many) {
    run(one_worker, [] {
        std::vector<fiber_group> groups(255);
        EXPECT_THROW(fiber_group(), std::length_error);
        groups.pop_back();
        EXPECT_NO_THROW(fiber_group());
    });
}

TEST(fiber_group, clamps_weights) {
    run(one_worker, [] {
        EXPECT_EQ(fiber_group({.weight = 0}).weight(), 2U);
        EXPECT_EQ(fiber_group({.weight = ~0U}).weight(), 262'144U);
    });
}

TEST(fiber_group, means_nothing_to_coroutines) {
    run(one_worker, [] {
        const fiber_group g;
        fiber(fiber_options{.group = &g}, [&] {
            auto started_by_a_member = spawn([](const fiber_group& group) -> task<std::uint64_t> {
                co_return group.stats().fibers;
            }(g));
            EXPECT_EQ(started_by_a_member.join(), 1U) << "the fiber";
        }).join();
    });
}

TEST(fiber_group, means_nothing_under_fifo) {
    run(runtime_options{.workers = 1, .fifo = true}, [] {
        const fiber_group light({.weight = 2});
        const auto percent =
            shares({{.group = &light, .yields = true}, {.yields = true}}, plenty / 5);
        EXPECT_NEAR(percent[0], 50, 10);
    });
}

}  // namespace
}  // namespace weft
