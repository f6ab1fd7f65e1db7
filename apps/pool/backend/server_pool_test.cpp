// SPDX-License-Identifier: Apache-2.0
//
// Servers that are made, given out, taken back and closed; who is refused, and why.
#include "backend/server_pool.h"

#include <gtest/gtest.h>

#include "backend/server_pool_test_support.h"

namespace weft::pool {
namespace {

const report no_password{"FATAL", "28P01", "password authentication failed"};
const report not_there{"FATAL", "08001", "connection refused"};

TEST(server_pool, makes_a_server_when_one_is_wanted_and_uses_it_again) {
    on_one_worker([] {
        backends to;
        server_pool pool({}, to.connector());
        EXPECT_TRUE(pool.welcome().empty());
        visitor a(pool, "a");
        a.ask_and_look();
        ASSERT_TRUE(a.holds());
        server* const first = a.held();
        EXPECT_EQ(pool.welcome().size(), 1U);
        EXPECT_FALSE(pool.rests(a.place));
        a.release();
        EXPECT_TRUE(pool.rests(a.place));
        a.ask_and_look();
        EXPECT_EQ(a.held(), first);
        EXPECT_EQ(to.connects(), 1);
    });
}

TEST(server_pool, gives_out_no_more_than_its_size) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        visitor c(pool, "c");
        a.ask_and_look();
        b.ask_and_look();
        c.ask_and_look();
        EXPECT_TRUE(a.holds() && b.holds() && c.waits());
        const pool_status status = pool.status();
        EXPECT_EQ(status.servers, 2U);
        EXPECT_EQ(status.holding, 2U);
        EXPECT_EQ(status.waiting, 1U);
        EXPECT_GT(status.longest_wait.count(), 0);
        a.release();
        EXPECT_TRUE(c.holds());
        EXPECT_EQ(to.connects(), 2);
    });
}

TEST(server_pool, serves_equal_clients_of_a_tenant_in_the_order_of_their_arrival) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor holder(pool, "t");
        holder.ask_and_look();
        std::deque<visitor> others;
        for (int i = 0; i < 5; ++i) {
            others.emplace_back(pool, "t").ask_and_look();
        }
        visitor* last = &holder;
        for (visitor& next : others) {
            EXPECT_TRUE(next.waits());
            last->release();
            EXPECT_TRUE(next.holds());
            last = &next;
        }
    });
}

TEST(server_pool, takes_the_server_that_was_used_last_or_the_other_one) {
    for (const bool in_turn : {false, true}) {
        on_one_worker([in_turn] {
            backends to;
            server_pool pool({.round_robin = in_turn}, to.connector());
            visitor a(pool, "a");
            visitor b(pool, "b");
            a.ask_and_look();
            b.ask_and_look();
            server* const of_a = a.held();
            server* const of_b = b.held();
            a.release();
            b.release();
            a.ask_and_look();
            EXPECT_EQ(a.held(), in_turn ? of_a : of_b);
        });
    }
}

TEST(server_pool, whoever_waits_for_too_long_is_told_so) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor holder(pool, "a");
        holder.ask_and_look();
        visitor late(pool, "a");
        late.ask(1ms);
        late.join();
        EXPECT_EQ(late.refusal(), "08P01 query_wait_timeout");
        EXPECT_TRUE(pool.rests(late.place));
        holder.release();
        EXPECT_EQ(pool.status().idle, 1U) << "it is not for who has given up";
        late.ask_and_look();
        EXPECT_TRUE(late.holds()) << "and may ask again";
    });
}

TEST(server_pool, refuses_when_too_many_of_a_tenant_wait) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a", {.quota = {}, .most_waiting = 1});
        visitor b(pool, "a", {.quota = {}, .most_waiting = 1});
        visitor c(pool, "a", {.quota = {}, .most_waiting = 1});
        visitor other(pool, "b");
        visitor another(pool, "b");
        for (visitor* const each : {&a, &b, &c, &other, &another}) {
            each->ask_and_look();
        }
        EXPECT_TRUE(a.holds() && b.waits() && other.waits() && another.waits());
        EXPECT_EQ(c.refusal(), "53300 too many clients wait for a server (max_waiting_clients)");
        pool.set_rule("a", {});
        c.ask_and_look();
        EXPECT_TRUE(c.waits());
    });
}

TEST(server_pool, refuses_when_too_many_wait) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1, .most_waiting = 1}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "a");
        visitor c(pool, "a");
        a.ask_and_look();
        b.ask_and_look();
        c.ask_and_look();
        EXPECT_TRUE(b.waits());
        EXPECT_EQ(c.refusal(), "53300 too many clients wait for a server (max_waiting_clients)");
        a.release();
        EXPECT_TRUE(b.holds());
        c.ask_and_look();
        EXPECT_TRUE(c.waits());
    });
}

TEST(server_pool, pauses_between_transactions) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        visitor a(pool, "a");
        a.ask_and_look();
        pool.pause();
        EXPECT_TRUE(a.holds());
        a.release();
        visitor b(pool, "b");
        a.ask_and_look();
        b.ask_and_look();
        EXPECT_TRUE(a.waits() && b.waits());
        EXPECT_TRUE(pool.status().paused);
        EXPECT_EQ(to.connects(), 1);
        pool.resume();
        let_others_run();
        EXPECT_TRUE(a.holds() && b.holds());
    });
}

TEST(server_pool, reconnects_as_soon_as_nobody_uses_a_server) {
    on_one_worker([] {
        backends to;
        server_pool pool({}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        a.ask_and_look();
        b.ask_and_look();
        b.release();
        pool.reconnect();
        EXPECT_EQ(pool.status().servers, 1U) << "the idle one has gone";
        EXPECT_TRUE(a.holds());
        a.release();
        EXPECT_EQ(pool.status().servers, 0U);
        a.ask_and_look();
        EXPECT_TRUE(a.holds());
        EXPECT_EQ(to.connects(), 3);
    });
}

TEST(server_pool, replaces_a_server_that_cannot_be_used_again) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        a.ask_and_look();
        b.ask_and_look();
        a.release(false);
        EXPECT_TRUE(b.holds());
        EXPECT_EQ(to.connects(), 2);
        EXPECT_EQ(pool.status().servers, 1U);
    });
}

TEST(server_pool, closes_idle_servers_that_are_old_idle_or_gone) {
    on_one_worker([] {
        backends to;
        server_pool old({.size = 3, .lifetime = 1h}, to.connector());
        visitor a(old, "a");
        a.ask_and_look();
        ASSERT_TRUE(a.holds());
        a.held()->connected -= 2h;
        a.release();
        EXPECT_EQ(old.status().servers, 0U) << "as it is given back";

        server_pool idle({.size = 3, .least = 1, .idle_timeout = 1us}, to.connector());
        visitor b(idle, "b");
        visitor c(idle, "c");
        b.ask_and_look();
        c.ask_and_look();
        b.release();
        c.release();
        EXPECT_EQ(idle.status().idle, 2U);
        ASSERT_TRUE(this_fiber::sleep_for(1ms));  // they have idled for longer than they may
        idle.look_after();
        EXPECT_EQ(idle.status().idle, 1U) << "one is kept";

        server_pool gone({}, to.connector());
        visitor d(gone, "d");
        d.ask_and_look();
        d.release();
        to.far_ends().back().close();
        look_after_until(gone, [&] { return gone.status().servers == 0; });
    });
}

TEST(server_pool, keeps_as_many_as_it_shall) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 3, .least = 2}, to.connector());
        pool.look_after();
        let_others_run();
        EXPECT_EQ(pool.status().idle, 2U);
        EXPECT_EQ(to.connects(), 2);
    });
}

TEST(server_pool, has_a_reserve_for_those_that_wait_long) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1, .reserve = 1, .reserve_after = 5ms}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "a");
        visitor c(pool, "a");
        a.ask_and_look();
        b.ask_and_look();
        EXPECT_TRUE(b.waits());
        look_after_until(pool, [&] { return b.holds(); });
        c.ask_and_look();
        look_after_until(pool, [&] { return pool.status().longest_wait > 10ms; });
        EXPECT_TRUE(c.waits());
        EXPECT_EQ(to.connects(), 2);
    });
}

TEST(server_pool, refuses_who_waits_when_the_server_rejects_the_login) {
    on_one_worker([] {
        backends to;
        to.fail_next(no_password);
        server_pool pool({}, to.connector());
        visitor a(pool, "a");
        a.ask_and_look();
        EXPECT_EQ(a.refusal(), "28P01 password authentication failed");
        a.ask_and_look();
        EXPECT_EQ(a.refusal(), "28P01 password authentication failed") << "at once";
        EXPECT_EQ(to.connects(), 1);
        pool.reconnect();
        a.ask_and_look();
        EXPECT_TRUE(a.holds()) << "who asks for it may try again";
    });
}

TEST(server_pool, tries_again_when_nobody_answers) {
    on_one_worker([] {
        backends to;
        to.fail_next(not_there, 2);
        server_pool pool({}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        const clock::time_point begun = clock::now();
        a.ask_and_look();
        b.ask_and_look();
        EXPECT_TRUE(a.waits() && b.waits());
        EXPECT_EQ(to.connects(), 1);
        look_after_until(pool, [&] { return a.holds() && b.holds(); });
        EXPECT_GE(clock::now() - begun, 300ms) << "100 ms after the first, 200 after the second";
        EXPECT_EQ(to.connects(), 4);
    });
}

TEST(server_pool, a_rejection_does_not_touch_those_that_are_served) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        a.ask_and_look();
        to.fail_next(no_password);
        b.ask_and_look();
        EXPECT_TRUE(a.holds() && b.waits());
        a.release();
        EXPECT_TRUE(b.holds());
    });
}

TEST(server_pool, nobody_else_gets_a_server_that_is_being_cancelled) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        EXPECT_FALSE(pool.begin_cancel(a.place, {})) << "it has none";
        a.ask_and_look();
        const auto first = pool.begin_cancel(a.place, {});
        const auto second = pool.begin_cancel(a.place, {});
        ASSERT_TRUE(first && second);
        EXPECT_EQ(first->of, a.held());
        EXPECT_EQ(pool.status().cancelling, 2U);
        b.ask_and_look();
        a.release();
        EXPECT_TRUE(b.waits()) << "the cancel would hit its query";
        pool.finish_cancel(*first);
        let_others_run();
        EXPECT_TRUE(b.waits());
        pool.finish_cancel(*second);
        let_others_run();
        EXPECT_TRUE(b.holds());
        EXPECT_EQ(to.connects(), 1);
    });
}

TEST(server_pool, a_cancelled_server_that_is_useless_is_replaced_at_once) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        a.ask_and_look();
        b.ask_and_look();
        const auto ticket = pool.begin_cancel(a.place, {});
        ASSERT_TRUE(ticket);
        a.release(false);
        EXPECT_TRUE(b.waits());
        pool.finish_cancel(*ticket);
        let_others_run();
        EXPECT_TRUE(b.holds());
        EXPECT_EQ(to.connects(), 2);
    });
}

TEST(server_pool, cancels_who_waits) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        a.ask_and_look();
        b.ask_and_look();
        EXPECT_FALSE(pool.begin_cancel(b.place, {"ERROR", "57014", "canceled"}));
        let_others_run();
        EXPECT_EQ(b.refusal(), "57014 canceled");
        EXPECT_EQ(pool.status().waiting, 0U);
        a.release();
        EXPECT_EQ(pool.status().idle, 1U);
        b.ask_and_look();
        EXPECT_TRUE(b.holds());
    });
}

TEST(server_pool, closes_for_good) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 2}, to.connector());
        visitor a(pool, "a");
        visitor b(pool, "b");
        visitor c(pool, "c");
        a.ask_and_look();
        b.ask_and_look();
        c.ask_and_look();
        b.release();
        EXPECT_TRUE(c.holds());
        b.ask_and_look();
        pool.close({"FATAL", "3D000", "removed"});
        let_others_run();
        EXPECT_EQ(b.refusal(), "3D000 removed");
        b.ask_and_look();
        EXPECT_EQ(b.refusal(), "3D000 removed");
        EXPECT_TRUE(a.holds()) << "what runs may end";
        a.release();
        c.release();
        EXPECT_EQ(pool.status().servers, 0U);
        EXPECT_EQ(to.connects(), 2);
    });
}

TEST(server_pool, tells_what_tenants_have_had) {
    on_one_worker([] {
        backends to;
        server_pool pool({.size = 1}, to.connector());
        visitor a(pool, "a", {.weight = 2048, .quota = {}});
        visitor b(pool, "b");
        visitor another(pool, "b");
        for (int i = 0; i < 3; ++i) {
            a.ask_and_look().release();
        }
        a.ask_and_look();
        b.ask_and_look();
        const auto tenants = pool.tenants();
        ASSERT_EQ(tenants.size(), 2U);
        EXPECT_EQ(tenants[0].name, "a");
        EXPECT_EQ(tenants[0].weight, 2048U);
        EXPECT_EQ(tenants[0].transactions, 3U);
        EXPECT_EQ(tenants[0].waits.count(), 4U);
        EXPECT_EQ(tenants[0].holds.count(), 3U);
        EXPECT_EQ(tenants[0].holding, 1U);
        EXPECT_EQ(tenants[1].clients, 2U);
        EXPECT_EQ(tenants[1].waiting, 1U);
        int held = 0;
        pool.visit_servers([&](const server& one, const claimant* by) {
            held += &one == a.held() && by == &a.place ? 1 : 0;
        });
        EXPECT_EQ(held, 1);
    });
}

}  // namespace
}  // namespace weft::pool
