// SPDX-License-Identifier: Apache-2.0
//
// Limits that two pools have in common.
#include <gtest/gtest.h>

#include "backend/server_pool_test_support.h"

namespace weft::pool {
namespace {

using budget_ptr = std::shared_ptr<connection_budget>;

/// Two pools that may have so many servers together.
struct two_pools {
    explicit two_pools(int limit) : budget(std::make_shared<connection_budget>(limit)) {
        for (server_pool* const each : {&a, &b}) {
            each->set_budgets({budget});
        }
    }

    [[nodiscard]] std::uint32_t servers() const { return a.status().servers + b.status().servers; }

    budget_ptr budget;
    backends to;
    server_pool a{{}, to.connector()};
    server_pool b{{}, to.connector()};
};

TEST(ConnectionBudget, BoundsWhatPoolsHaveTogether) {
    on_one_worker([] {
        two_pools both(2);
        visitor first(both.a, "t");
        visitor second(both.b, "t");
        visitor third(both.b, "t");
        first.ask_and_look();
        second.ask_and_look();
        third.ask_and_look();
        EXPECT_TRUE(first.holds() && second.holds() && third.waits());
        EXPECT_EQ(both.servers(), 2U);
        second.release();
        EXPECT_TRUE(third.holds());
    });
}

// The pool with an idle server that it does not need at the moment gives it up.
TEST(ConnectionBudget, TakesAnIdleServerFromTheOtherPool) {
    on_one_worker([] {
        two_pools both(2);
        visitor first(both.a, "t");
        visitor second(both.a, "t");
        first.ask_and_look();
        second.ask_and_look();
        first.release();
        second.release();
        ASSERT_EQ(both.a.status().idle, 2U);
        visitor other(both.b, "t");
        other.ask_and_look();
        EXPECT_TRUE(other.holds());
        EXPECT_EQ(both.a.status().servers, 1U);
        EXPECT_EQ(both.servers(), 2U);
    });
}

// One that holds all of them for good transactions long gives the next one that comes back.
TEST(ConnectionBudget, ABusyPoolYieldsToOneThatHasHadNothing) {
    on_one_worker([] {
        two_pools both(1);
        visitor busy(both.a, "t");
        visitor next(both.a, "t");
        busy.ask_and_look();
        next.ask_and_look();
        visitor poor(both.b, "t");
        poor.ask_and_look();
        ASSERT_TRUE(busy.holds() && next.waits() && poor.waits());
        busy.release();
        look_after_until(both.b, [&] { return poor.holds(); });
        EXPECT_TRUE(next.waits());
        poor.release();
        look_after_until(both.a, [&] { return next.holds(); });
    });
}

TEST(ConnectionBudget, MayGetItsLimitLater) {
    on_one_worker([] {
        two_pools both(0);
        visitor first(both.a, "t");
        visitor second(both.b, "t");
        first.ask_and_look();
        second.ask_and_look();
        EXPECT_TRUE(first.holds() && second.holds());
        both.budget->set_limit(2);
        visitor third(both.a, "t");
        third.ask_and_look();
        EXPECT_TRUE(third.waits());
        EXPECT_EQ(both.servers(), 2U);
        both.budget->set_limit(0);
        look_after_until(both.a, [&] { return third.holds(); });
    });
}

}  // namespace
}  // namespace weft::pool
