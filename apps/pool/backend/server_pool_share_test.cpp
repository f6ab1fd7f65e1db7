// SPDX-License-Identifier: Apache-2.0
//
// Who gets a server. Transactions take real time, a millisecond or so; what is compared is what the
// pool has counted, so that a slow machine changes the numbers and not their relation.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "backend/server_pool_test_support.h"

namespace weft::pool {
namespace {

/// Clients that take one server after the other until they are stopped.
class crowd {
public:
    explicit crowd(server_pool& of) : pool_(of) {}

    void add(const std::string& tenant, int clients, std::chrono::microseconds cost,
             const tenant_rule& rule = {}) {
        for (int i = 0; i < clients; ++i) {
            fibers_.emplace_back([this, tenant, cost, rule] {
                claimant place;
                pool_.enter(place, tenant, rule);
                while (!ended_) {
                    ASSERT_TRUE(pool_.acquire(place, longest_test_wait));
                    (void)this_fiber::sleep_for(cost);
                    pool_.release(place, true);
                }
                pool_.leave(place);
            });
        }
    }

    /// Looks after the pool meanwhile.
    void run_for(std::chrono::milliseconds time) {
        const deadline end = time;
        while (!end.expired()) {
            pool_.look_after();
            (void)this_fiber::sleep_for(5ms);
        }
    }

    void stop() {
        ended_ = true;
        for (fiber& each : fibers_) {
            each.join();
        }
    }

private:
    server_pool& pool_;
    std::vector<fiber> fibers_;
    bool ended_ = false;
};

std::uint64_t server_time(const server_pool& pool, std::string_view tenant) {
    for (const tenant_status& each : pool.tenants()) {
        if (each.name == tenant) {
            return each.server_ns;
        }
    }
    return 0;
}

/// In percent of what both have had.
double share_of_first(const server_pool& pool) {
    const auto a = static_cast<double>(server_time(pool, "a"));
    const auto b = static_cast<double>(server_time(pool, "b"));
    return 100 * a / (a + b);
}

TEST(server_pool_shares, a_tenant_that_comes_late_waits_for_one_server_only) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        std::deque<visitor> crowd;
        for (int i = 0; i < 10; ++i) {
            crowd.emplace_back(pool, "big").ask_and_look();
        }
        visitor small(pool, "small");
        small.ask_and_look();
        ASSERT_TRUE(crowd[1].holds() && crowd[2].waits());
        crowd[1].release();
        EXPECT_TRUE(small.holds());
        EXPECT_TRUE(crowd[2].waits());
    });
}

TEST(server_pool_shares, long_and_short_transactions_get_the_same_time) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        crowd both(pool);
        both.add("a", 6, 8ms);
        both.add("b", 6, 500us);
        both.run_for(800ms);
        EXPECT_NEAR(share_of_first(pool), 50, 6);
        both.stop();
    });
}

TEST(server_pool_shares, weights_count) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        crowd both(pool);
        both.add("a", 6, 1ms, {.weight = 3 * nice_0_weight, .quota = {}});
        both.add("b", 6, 1ms);
        both.run_for(800ms);
        EXPECT_NEAR(share_of_first(pool), 75, 4);
        both.stop();
    });
}

TEST(server_pool_shares, weights_may_change) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        crowd both(pool);
        both.add("a", 6, 1ms);
        both.add("b", 6, 1ms);
        both.run_for(200ms);
        const std::uint64_t a = server_time(pool, "a");
        const std::uint64_t b = server_time(pool, "b");
        pool.set_rule("a", {.weight = 4 * nice_0_weight, .quota = {}});
        pool.set_rule("nobody", {});
        both.run_for(800ms);
        const auto of_a = static_cast<double>(server_time(pool, "a") - a);
        const auto of_b = static_cast<double>(server_time(pool, "b") - b);
        EXPECT_NEAR(100 * of_a / (of_a + of_b), 80, 4);
        pool.set_rule("b", {.quota = {.quota_ns = 1, .period_ns = 3'600'000'000'000}});
        both.run_for(20ms);  // it gets what it has waited for, and then nothing
        const std::uint64_t bounded = server_time(pool, "b");
        both.run_for(100ms);
        EXPECT_LE(server_time(pool, "b"), bounded + 5'000'000);
        pool.set_rule("b", {});
        both.stop();
    });
}

TEST(server_pool_shares, what_a_tenant_leaves_others_get) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 3}, to.connector());
        crowd both(pool);
        both.add("a", 1, 1ms);
        both.add("b", 8, 1ms);
        both.run_for(400ms);
        EXPECT_NEAR(share_of_first(pool), 25, 6)
            << "it has one client, which waits for a third of a transaction";
        both.stop();
    });
}

TEST(server_pool_shares, headroom_is_for_those_below_their_share) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 3, .headroom = 1}, to.connector());
        visitor a(pool, "big");
        visitor b(pool, "big");
        visitor c(pool, "big");
        a.ask_and_look();
        b.ask_and_look();
        c.ask_and_look();
        EXPECT_TRUE(a.holds() && b.holds() && c.waits());
        EXPECT_EQ(pool.status().idle, 1U);
        visitor small(pool, "small");
        small.ask_and_look();
        EXPECT_TRUE(small.holds());
        small.release();
        EXPECT_TRUE(c.waits());
        a.release();
        EXPECT_TRUE(c.holds());
    });
}

TEST(server_pool_shares, headroom_does_not_wait_behind_those_above_their_share) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 3, .headroom = 1}, to.connector());
        visitor small(pool, "small");
        small.ask_and_look();
        ASSERT_TRUE(this_fiber::sleep_for(20ms));
        small.release();  // it has had more than the big one will have been charged
        visitor a(pool, "big");
        visitor b(pool, "big");
        visitor c(pool, "big");
        a.ask_and_look();
        b.ask_and_look();
        c.ask_and_look();
        ASSERT_TRUE(a.holds() && b.holds() && c.waits());
        small.ask_and_look();
        EXPECT_TRUE(small.holds());
        EXPECT_TRUE(c.waits());
    });
}

TEST(server_pool_shares, a_quota_holds_a_tenant_back_and_nobody_else) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        pool.look_after();  // begins to count periods
        visitor bounded(pool, "bounded",
                        {.quota = {.quota_ns = 1'000'000, .period_ns = 30'000'000}});
        visitor free(pool, "free");
        pool.look_after();
        bounded.ask_and_look();
        ASSERT_TRUE(this_fiber::sleep_for(3ms));  // three quotas
        bounded.release();
        bounded.ask_and_look();
        EXPECT_TRUE(bounded.waits());
        free.ask_and_look();
        EXPECT_TRUE(free.holds());
        look_after_until(pool, [&] { return bounded.holds(); });
    });
}

// One that has had 5 ms waits for clients that have had nothing, until they have had as much.
TEST(server_pool_shares, clients_that_come_and_go_do_not_keep_off_one_that_stays) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor old(pool, "t");
        old.ask_and_look();
        ASSERT_TRUE(this_fiber::sleep_for(5ms));
        auto holder = std::make_unique<visitor>(pool, "t");
        holder->ask_and_look();
        old.release();
        ASSERT_TRUE(holder->holds());
        old.ask_and_look();
        int others = 0;
        for (; old.waits() && others < 20'000; ++others) {
            auto next = std::make_unique<visitor>(pool, "t");
            next->ask_and_look();
            holder->release();
            holder = std::move(next);
            let_others_run();
        }
        EXPECT_TRUE(old.holds()) << others;
    });
}

// Nobody starves: a tenant that waits gets a server before the others together have used more than
//
//     (n - 1) * (2 * s * c + h) + s * c
//
// of server time, where n tenants of equal weight share s servers, c is the most that a transaction
// takes or is charged in advance, and h half of the queue's latency, 1 ms.
//
// When it begins to wait, its virtual time is ahead of the queue's by its lag, s * c at most: at
// its last grant it was the first in the queue, and since then it was charged for what it held, s
// servers at most. Each other tenant is behind the queue's time by h at most (place_entity()) and
// by what it was charged in advance and did not use, s * c at most; so each may use as much as the
// sum of these before the waiting one is the first. What the others hold by then, s transactions of
// c, was perhaps not charged yet.
class starvation : public ::testing::TestWithParam<unsigned> {
protected:
    struct tenant {
        std::string name;
        std::chrono::microseconds cost{};
        int clients = 0;
        int waiting = 0;
        std::uint64_t others_had = 0;  // when it began to wait, or got its last server
    };

    /// What all others have had.
    static std::uint64_t others_of(const server_pool& pool, const tenant& who) {
        std::uint64_t sum = 0;
        for (const tenant_status& each : pool.tenants()) {
            sum += each.name != who.name ? each.server_ns : 0;
        }
        return sum;
    }

    void make_tenants() {
        std::uniform_int_distribution<int> count(2, 20);
        std::uniform_int_distribution<int> cost_us(20, 3'000);
        std::uniform_int_distribution<int> clients(1, 8);
        const int all = count(random_);
        for (int i = 0; i < all; ++i) {
            tenants_.push_back({"t" + std::to_string(i),
                                std::chrono::microseconds(cost_us(random_)), clients(random_)});
        }
    }

    void serve(server_pool& pool, tenant& whose) {
        claimant place;
        pool.enter(place, whose.name, {});
        while (!ended_) {
            if (whose.waiting++ == 0) {
                whose.others_had = others_of(pool, whose);
            }
            ASSERT_TRUE(pool.acquire(place, longest_test_wait));
            const std::uint64_t had = others_of(pool, whose);
            most_used_ = std::max(most_used_, had - std::min(had, whose.others_had));
            whose.others_had = had;
            --whose.waiting;
            (void)this_fiber::sleep_for(whose.cost);
            pool.release(place, true);
        }
        pool.leave(place);
    }

    static std::uint64_t longest_hold(const server_pool& pool) {
        std::uint64_t longest = 1'000'000;  // what the first transaction is charged
        for (const tenant_status& each : pool.tenants()) {
            longest = std::max(longest, each.holds.quantile_ns(1));
        }
        return longest;
    }

    std::mt19937 random_{GetParam()};
    std::vector<tenant> tenants_;
    std::uint64_t most_used_ = 0;
    bool ended_ = false;
};

TEST_P(starvation, is_impossible) {
    on_one_worker([this] {
        make_tenants();
        const std::uint64_t servers = std::uniform_int_distribution<std::uint64_t>(1, 4)(random_);
        backends to;
        server_pool pool({.size = static_cast<int>(servers)}, to.connector());
        std::vector<fiber> fibers;
        for (tenant& each : tenants_) {
            for (int i = 0; i < each.clients; ++i) {
                fibers.emplace_back([&] { serve(pool, each); });
            }
        }
        for (const deadline end = 300ms; !end.expired();) {
            pool.look_after();
            (void)this_fiber::sleep_for(3ms);
        }
        ended_ = true;
        for (fiber& each : fibers) {
            each.join();
        }
        const std::uint64_t in_flight = servers * longest_hold(pool);
        EXPECT_LE(most_used_, (tenants_.size() - 1) * (2 * in_flight + 1'000'000) + in_flight);
        for (const tenant_status& each : pool.tenants()) {
            EXPECT_GT(each.transactions, 0U) << each.name;
        }
    });
}

INSTANTIATE_TEST_SUITE_P(seeds, starvation, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace weft::pool
