// SPDX-License-Identifier: Apache-2.0
//
// What happens beside a wait for a server, and after it.
#include <gtest/gtest.h>

#include <weft/latch.h>

#include "backend/server_pool_test_support.h"

namespace weft::pool {

namespace {

TEST(ServerPoolWait, TellsTheClientOnceAndKnowsWhoHeldTheServers) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor big(pool, "big");
        big.ask();
        big.join();
        ASSERT_TRUE(big.holds());
        visitor small(pool, "small");
        int told = 0;
        wait_watch beside{
            .notify_after = 1ms, .notify = [&] { ++told; }, .slow_after = 2ms, .holders = {}};
        const auto got = pool.acquire(small.place, 20ms, &beside);
        ASSERT_FALSE(got);
        EXPECT_EQ(got.error().message, "query_wait_timeout");
        EXPECT_EQ(told, 1);
        EXPECT_GE(beside.slow, 20ms);
        EXPECT_EQ(beside.holders, "big: 1");
        EXPECT_EQ(beside.reason, "servers in use");
    });
}

TEST(ServerPoolWait, IsNotSlowWhenItEndsBefore) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor one(pool, "t");
        wait_watch beside{.notify_after = longest_test_wait,
                          .notify = [] { ADD_FAILURE() << "told"; },
                          .slow_after = longest_test_wait,
                          .holders = {}};
        ASSERT_TRUE(pool.acquire(one.place, deadline(), &beside));
        EXPECT_EQ(beside.slow, 0ms);
        pool.release(one.place, true);
    });
}

TEST(ServerPoolWait, AndTheTimeWithTheServerAreOneTotal) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor first(pool, "t");
        first.ask();
        first.join();
        ASSERT_TRUE(first.holds());
        visitor second(pool, "t");
        second.ask_and_look();
        ASSERT_TRUE(this_fiber::sleep_for(5ms));
        first.release();
        second.join();
        ASSERT_TRUE(second.holds());
        second.release();
        const tenant_status told = pool.tenants().at(0);
        EXPECT_EQ(told.totals.count(), 2U);
        EXPECT_GE(told.totals.sum_ns(), 10'000'000U) << "5 ms of the first, 5 of the second";
        const std::uint64_t parts = told.waits.sum_ns() + told.holds.sum_ns();
        EXPECT_LE(told.totals.sum_ns(), parts);
        EXPECT_GE(told.totals.sum_ns() + 2'000, parts) << "waits count in whole microseconds";
    });
}

TEST(ServerPoolWait, WithoutALifetimeAServerIsUsedOnce) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1, .lifetime = 0ms}, to.connector());
        for (int uses = 1; uses <= 2; ++uses) {
            visitor one(pool, "t");
            one.ask();
            one.join();
            ASSERT_TRUE(one.holds());
            one.release();
            EXPECT_EQ(to.connects(), uses);
        }
    });
}

TEST(ServerPoolWait, AServerWhoseLoginTookLongerThanItsLifetimeIsUsedOnce) {
    on_one_worker([] {
        backends to;
        auto connect = to.connector();
        server_pool pool({.size = 1, .lifetime = 1ms}, [&] {
            auto made = connect();
            (*made)->connected = clock::now() - 1s;  // what follows the login counts, too
            return made;
        });
        for (int uses = 1; uses <= 2; ++uses) {
            visitor one(pool, "t");
            one.ask(1s);
            one.join();
            ASSERT_TRUE(one.holds());
            EXPECT_EQ(to.connects(), uses);
            one.release();
        }
    });
}

// Who is to give way.

TEST(ServerPoolGivingWay, NoMoreThanWaitForNothingElse) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        visitor a(pool, "t");
        visitor b(pool, "t");
        a.ask_and_look();
        b.ask_and_look();
        ASSERT_TRUE(a.holds() && b.holds());
        EXPECT_FALSE(pool.should_give_way(a.place)) << "nobody waits";
        visitor one(pool, "t");
        one.ask_and_look();
        EXPECT_TRUE(pool.should_give_way(a.place));
        EXPECT_TRUE(pool.should_give_way(a.place)) << "it stays so";
        EXPECT_FALSE(pool.should_give_way(b.place)) << "one is enough for one";
        visitor two(pool, "t");
        two.ask_and_look();
        EXPECT_TRUE(pool.should_give_way(b.place));
        a.release();
        b.release();
        ASSERT_TRUE(one.holds() && two.holds());
        visitor three(pool, "t");
        three.ask_and_look();
        EXPECT_TRUE(pool.should_give_way(one.place)) << "those before have done so";
        EXPECT_EQ(pool.tenants().at(0).preempted, 3U);
    });
}

TEST(ServerPoolGivingWay, NotWhileThePoolMayGrow) {
    on_one_worker([] {
        backends to;
        event opened;
        auto connect = to.connector();
        server_pool pool({.size = 2}, [&] {
            if (to.connects() > 0) {
                opened.wait();
            }
            return connect();
        });
        visitor holder(pool, "t");
        holder.ask_and_look();
        ASSERT_TRUE(holder.holds());
        visitor waiter(pool, "t");
        waiter.ask_and_look();
        ASSERT_TRUE(waiter.waits());
        EXPECT_FALSE(pool.should_give_way(holder.place)) << "a server is on its way";
        opened.set();
        waiter.join();
        EXPECT_TRUE(waiter.holds());
    });
}

TEST(ServerPoolGivingWay, NotForOneThatMayNotHaveAServer) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor holder(pool, "modest");
        holder.ask_and_look();
        ASSERT_TRUE(holder.holds());
        // Of a tenant that has used more than its quota.
        const tenant_rule rule{.quota = {.quota_ns = 1, .period_ns = 1'000'000'000'000}};
        visitor first(pool, "greedy", rule);
        first.ask_and_look();
        holder.release();
        ASSERT_TRUE(first.holds());
        first.release();
        holder.ask_and_look();
        ASSERT_TRUE(holder.holds());
        first.ask_and_look();
        ASSERT_TRUE(first.waits());
        EXPECT_FALSE(pool.should_give_way(holder.place));
        pool.pause();
        visitor other(pool, "other");
        other.ask_and_look();
        EXPECT_FALSE(pool.should_give_way(holder.place)) << "nobody gets a server now";
        pool.resume();
        EXPECT_TRUE(pool.should_give_way(holder.place));
    });
}

TEST(ServerPoolCancel, AServerIsClosedThatMayBeHitByALateCancel) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor one(pool, "t");
        one.ask_and_look();
        ASSERT_TRUE(one.holds());
        const auto ticket = pool.begin_cancel(one.place, {});
        ASSERT_TRUE(ticket);
        pool.finish_cancel(*ticket, false);
        one.release();
        EXPECT_EQ(pool.status().servers, 0U);
        one.ask();
        one.join();
        EXPECT_TRUE(one.holds());
        EXPECT_EQ(to.connects(), 2);
    });
}

}  // namespace

}  // namespace weft::pool
