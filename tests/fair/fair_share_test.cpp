// SPDX-License-Identifier: Apache-2.0
//
// In the long run everybody gets its share: with random weights, in one and in two levels, beside
// those who sleep and wake, and across the wrap-around of virtual time.
#include <gtest/gtest.h>

#include <array>
#include <deque>
#include <numeric>
#include <vector>

#include "fair_fixture.h"
#include "random_run.h"

namespace weft {
namespace {

/// Within half a per cent of what is ideal, or of what one turn is.
void expect_share(std::uint64_t ran, double ideal, std::uint64_t total) {
    const double wanted = ideal * static_cast<double>(total);
    const double slack = std::max(0.005 * wanted, 8e6);
    EXPECT_NEAR(static_cast<double>(ran), wanted, slack) << "ideal " << ideal;
}

template <class Policy>
class fair_share : public ::testing::Test {
protected:
    using queue_type = fair_queue<task, Policy>;
    using group_type = typename queue_type::group;

    static std::uint64_t start_of(int i) { return i % 2 == 0 ? 0 : shortly_before_the_end; }

    /// Weights within two orders of magnitude of each other: so many need no hours to get theirs.
    int nice() { return static_cast<int>(random_.below(20)) - 10; }

    /// Ideal shares of `weights`.
    static std::vector<double> ideal(const std::vector<double>& weights) {
        const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
        std::vector<double> shares;
        for (const double each : weights) {
            shares.push_back(each / all);
        }
        return shares;
    }

    dice random_{seed_of_run()};
};
using policies = ::testing::Types<cfs, eevdf>;
TYPED_TEST_SUITE(fair_share, policies);

TYPED_TEST(fair_share, is_that_of_the_weight) {
    for (int i = 0; i < 40; ++i) {
        typename TestFixture::queue_type queue({.first_vruntime = this->start_of(i)});
        std::deque<task> tasks(2 + this->random_.below(10));
        std::vector<double> weights;
        for (task& each : tasks) {
            queue.set_nice(each, this->random_.nice());
            each.set_slice(this->random_.one_in(2) ? 0 : 100 * us + this->random_.below(3 * ms));
            weights.push_back(each.weight.value);
            queue.start(each);
        }
        const std::uint64_t total = so_many(50'000) * ms;
        run(queue, total, 500 * us);
        const auto shares = this->ideal(weights);
        for (std::size_t k = 0; k < tasks.size(); ++k) {
            expect_share(tasks[k].ran, shares[k], total);
        }
        ASSERT_FALSE(this->HasFailure()) << i << ", seed " << seed_of_run();
    }
}

TYPED_TEST(fair_share, is_that_of_the_group_and_then_of_the_weight) {
    for (int i = 0; i < 20; ++i) {
        typename TestFixture::queue_type queue({.first_vruntime = this->start_of(i)});
        std::deque<typename TestFixture::group_type> groups;
        std::deque<std::deque<task>> members(1 + this->random_.below(3));
        std::deque<task> singles(this->random_.below(3));
        std::vector<double> weights;
        for (auto& each : members) {
            const auto weight = static_cast<std::uint32_t>(300 + this->random_.below(6'000));
            auto& group = groups.emplace_back(queue, weight);
            weights.push_back(weight);
            each.resize(1 + this->random_.below(5));
            for (task& t : each) {
                queue.set_nice(t, this->nice());
                queue.start(t, &group);
            }
        }
        for (task& each : singles) {
            queue.set_nice(each, this->nice());
            weights.push_back(each.weight.value);
            queue.start(each);
        }
        const std::uint64_t total = so_many(100'000) * ms;
        run(queue, total, 500 * us);
        const auto shares = this->ideal(weights);
        for (std::size_t k = 0; k < groups.size(); ++k) {
            expect_share(groups[k].ran_ns(), shares[k], total);
            double all = 0;
            for (const task& each : members[k]) {
                all += each.weight.value;
            }
            for (const task& each : members[k]) {
                expect_share(each.ran, shares[k] * each.weight.value / all, total);
            }
        }
        for (std::size_t k = 0; k < singles.size(); ++k) {
            expect_share(singles[k].ran, shares[groups.size() + k], total);
        }
        ASSERT_FALSE(this->HasFailure()) << i << ", seed " << seed_of_run();
    }
}

// Who asks for less than its share gets what it asks for, and the others divide the rest.
TYPED_TEST(fair_share, of_hogs_is_that_of_the_weight_also_beside_sleepers) {
    for (int i = 0; i < 10; ++i) {
        typename TestFixture::queue_type queue({.first_vruntime = this->start_of(i)});
        std::deque<task> hogs(2 + this->random_.below(3));
        std::deque<task> sleepers(1 + this->random_.below(4));
        std::vector<double> weights;
        machine cpu(queue, 500 * us);
        for (task& each : hogs) {
            queue.set_nice(each, this->nice() / 2);
            weights.push_back(each.weight.value);
            queue.start(each);
        }
        double asked = 0;
        std::vector<double> asks;
        for (task& each : sleepers) {
            queue.set_nice(each, -10);
            queue.start(each);
            const std::uint64_t burst = 50 * us + this->random_.below(400 * us);
            const std::uint64_t pause = 10 * ms + this->random_.below(40 * ms);
            asks.push_back(static_cast<double>(burst) / static_cast<double>(burst + pause));
            asked += asks.back();
            cpu.add_sleeper(each, burst, pause);
        }
        const std::uint64_t total = so_many(50'000) * ms;
        cpu.run(total);
        std::uint64_t left = total;
        for (std::size_t k = 0; k < sleepers.size(); ++k) {
            EXPECT_LE(static_cast<double>(sleepers[k].ran),
                      asks[k] * static_cast<double>(total) * 1.001 + 1e6);
            EXPECT_GE(static_cast<double>(sleepers[k].ran),
                      asks[k] * static_cast<double>(total) * 0.85);
            left -= sleepers[k].ran;
        }
        EXPECT_GT(asked, 0);
        const auto shares = this->ideal(weights);
        for (std::size_t k = 0; k < hogs.size(); ++k) {
            expect_share(hogs[k].ran, shares[k], left);
        }
        ASSERT_FALSE(this->HasFailure()) << i << ", seed " << seed_of_run();
    }
}

// The same in groups: that which sleeps as a whole takes nothing from the others' proportions.
TYPED_TEST(fair_share, of_groups_is_that_of_the_weight_also_beside_one_that_sleeps) {
    for (int i = 0; i < 6; ++i) {
        typename TestFixture::queue_type queue({.first_vruntime = this->start_of(i)});
        typename TestFixture::group_type light(queue, 1024);
        typename TestFixture::group_type heavy(queue, 3072);
        typename TestFixture::group_type asleep(queue, 8192);
        std::array<task, 3> of_light;
        std::array<task, 2> of_heavy;
        std::array<task, 2> of_asleep;
        machine cpu(queue, 500 * us);
        for (task& each : of_light) {
            queue.start(each, &light);
        }
        for (task& each : of_heavy) {
            queue.start(each, &heavy);
        }
        for (task& each : of_asleep) {
            queue.start(each, &asleep);
            cpu.add_sleeper(each, 200 * us, 10 * ms + this->random_.below(10 * ms));
        }
        const std::uint64_t total = so_many(50'000) * ms;
        cpu.run(total);
        const std::uint64_t left = total - asleep.ran_ns();
        EXPECT_GT(asleep.ran_ns(), total / 100);
        expect_share(light.ran_ns(), 0.25, left);
        expect_share(heavy.ran_ns(), 0.75, left);
        for (const task& each : of_light) {
            expect_share(each.ran, 0.25 / 3, left);
        }
        ASSERT_FALSE(this->HasFailure()) << i << ", seed " << seed_of_run();
    }
}

}  // namespace
}  // namespace weft
