// SPDX-License-Identifier: Apache-2.0
//
// What happens beside a wait for a server, and after it.
#include <gtest/gtest.h>

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

}  // namespace

}  // namespace weft::pool
