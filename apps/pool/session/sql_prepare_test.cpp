// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements that SQL makes, runs and ends, and those that the protocol does: they are the
// same.
#include <gtest/gtest.h>

#include <string>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

/// A client that is followed.
struct followed : talk {
    explicit followed(std::size_t most = 100, std::shared_ptr<shared_names> shared = {})
        : talk(most, std::move(shared), true) {}

    /// A query that the server does; what it got.
    std::string done_query(std::string_view sql, std::string_view tag) {
        client(query(sql)).server(done(tag) + ready());
        EXPECT_TRUE(over()) << sql;
        client_got();
        return server_got();
    }
    [[nodiscard]] const std::string& pinned_by() { return about().pinned_by; }
};

TEST(sql_prepare, has_a_name_of_its_own_on_the_server) {
    followed t;
    EXPECT_EQ(t.done_query("PREPARE p AS SELECT 1", "PREPARE"), "Q(PREPARE weft_1 AS SELECT 1)");
    EXPECT_EQ(t.done_query("EXECUTE p", "SELECT 1"), "Q(EXECUTE weft_1)");
    EXPECT_EQ(t.pinned_by(), "");
}

TEST(sql_prepare, follows_the_client_to_another_server) {
    followed t;
    t.done_query("prepare p(int, text) as select $1, $2;", "PREPARE");
    t.change_server();
    t.client(query("execute p(1, 'a')"));
    EXPECT_EQ(t.server_got(), "P(weft_1 select $1, $2) S Q(execute weft_1(1, 'a'))");
    t.server(parsed() + ready() + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_got(), "C(SELECT 1) Z(I)") << "it has asked for no Parse";
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.done_query("execute p(2, 'b')", "SELECT 1"), "Q(execute weft_1(2, 'b'))");
}

TEST(sql_prepare, types_are_part_of_the_statement) {
    followed t;
    t.done_query("prepare p(int) as select $1", "PREPARE");
    t.client(query("prepare q(integer) as select $1"));
    t.server(closed() + ready() + done("PREPARE") + ready());
    t.done_query("prepare r(text) as select $1", "PREPARE");
    EXPECT_EQ(t.client_names->find("p")->second, t.client_names->find("q")->second);
    EXPECT_NE(t.client_names->find("p")->second, t.client_names->find("r")->second);
    EXPECT_EQ(t.client_names->find("p")->second->bytes,
              std::string("select $1\0\0\1\0\0\0\x17", 16));
}

TEST(sql_prepare, is_told_what_is_wrong_though_another_has_the_same) {
    const auto shared = std::make_shared<shared_names>();
    followed a(100, shared);
    a.done_query("prepare p as select 1", "PREPARE");
    followed b(100, shared);
    b.take_server_of(a);
    b.client(query("prepare q as select 1"));
    EXPECT_EQ(b.server_got(), "C(S weft_1) S Q(prepare weft_1 as select 1)");
    b.server(closed() + ready() + done("PREPARE") + ready());
    EXPECT_EQ(b.client_got(), "C(PREPARE) Z(I)");
    EXPECT_TRUE(b.over());
}

TEST(sql_prepare, one_that_fails_is_none) {
    followed t;
    t.client(query("prepare p as select wrong")).server(error() + ready());
    EXPECT_TRUE(t.over());
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.server_statements.size(), 0U);
}

TEST(sql_prepare, stays_when_its_transaction_is_rolled_back) {
    followed t;
    t.client(query("begin")).server(done("BEGIN") + ready(transaction::open));
    t.client(query("prepare p as select 1")).server(done("PREPARE") + ready(transaction::open));
    t.client(query("rollback")).server(done("ROLLBACK") + ready());
    t.server_got();
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.done_query("execute p", "SELECT 1"), "Q(execute weft_1)");
}

TEST(sql_prepare, is_what_the_protocol_binds_and_closes) {
    followed t;
    t.done_query("prepare s as select 1", "PREPARE");
    t.change_server();
    t.client(bind("s") + execute() + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) B(weft_1) E S");
    t.server(parsed() + bound() + done("SELECT 1") + ready());
    t.client(close("s") + sync()).server(ready());
    EXPECT_EQ(t.client_got(), "2 C(SELECT 1) Z(I) 3 Z(I)");
    t.server_got();
    t.client(query("execute s"));
    EXPECT_EQ(t.server_got(), "Q(execute s)") << "the server says that there is none";
}

TEST(sql_prepare, runs_and_ends_what_the_protocol_has_made) {
    followed t;
    t.client(parse("My s", "select 1") + sync()).server(parsed() + ready());
    t.server_got();
    EXPECT_EQ(t.done_query("execute\"My s\"", "SELECT 1"), "Q(execute weft_1)");
    EXPECT_EQ(t.done_query("deallocate prepare \"My s\"", "DEALLOCATE"),
              "Q(deallocate prepare weft_1)");
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.server_statements.size(), 0U);
}

TEST(sql_prepare, a_name_that_is_taken_is_the_servers_error) {
    followed t;
    t.client(parse("s", "select 1") + sync()).server(parsed() + ready());
    t.server_got();
    t.client(query("prepare s as select 2"));
    EXPECT_EQ(t.server_got(), "Q(prepare weft_1 as select 2)");
    t.server(error("it exists") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.done_query("execute s", "SELECT 1"), "Q(execute weft_1)");
}

TEST(sql_prepare, works_by_the_extended_protocol) {
    followed t;
    t.client(parse("", "prepare p as select 1") + bind("") + execute() + sync());
    EXPECT_EQ(t.server_got(), "P(prepare weft_1 as select 1) B() E S");
    t.server(parsed() + bound() + done("PREPARE") + ready());
    EXPECT_TRUE(t.over());
    t.change_server();
    t.client(parse("", "execute p") + bind("") + execute() + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) P(execute weft_1) B() E S");
    t.server(parsed() + parsed() + bound() + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_got(), "1 2 C(PREPARE) Z(I) 1 2 C(SELECT 1) Z(I)");
    t.client(parse("", "deallocate p") + bind("") + execute() + sync());
    t.server(parsed() + bound() + done("DEALLOCATE") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.pinned_by(), "");
}

TEST(sql_prepare, counts_when_it_is_executed) {
    followed t;
    t.client(parse("", "prepare p as select 1") + describe_portal() + sync());
    t.server(parsed() + error() + ready());
    EXPECT_EQ(t.client_names, nullptr);
    t.client(parse("", "prepare p as select 1") + bind("other") + execute() + sync());
    t.server(parsed() + bound() + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_names, nullptr) << "something else was executed";
    t.client(parse("", "prepare p as select 1") + bind("") + execute() + sync());
    EXPECT_EQ(t.client_names->size(), 1U);
    t.server(parsed() + bound() + error() + ready());
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.server_statements.size(), 0U);
}

// A server ignores what follows until a Sync, and a query is none.
TEST(sql_prepare, what_cannot_be_made_again_is_told_once) {
    followed t;
    t.done_query("prepare p as select * from t", "PREPARE");
    t.change_server();
    t.client(query("execute p"));
    EXPECT_EQ(t.server_got(), "P(weft_1 select * from t) S Q(execute weft_1)");
    t.server(error("no table") + ready() + error("no statement") + ready());
    EXPECT_EQ(t.client_got(), "E Z(I)");
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_names->size(), 1U);
    EXPECT_EQ(t.server_statements.size(), 0U);
    t.client(query("select wrong")).server(error() + ready());
    EXPECT_EQ(t.client_got(), "E Z(I)");
}

TEST(sql_prepare, one_that_could_neither_be_made_again_nor_ended_is_not_on_the_server) {
    followed t;
    t.done_query("prepare p as select 1", "PREPARE");
    t.change_server();
    t.client(query("deallocate p"));
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) S Q(deallocate weft_1)");
    t.server(error("failed transaction") + ready(transaction::failed) + error() +
             ready(transaction::failed));
    EXPECT_EQ(t.client_got(), "E Z(E)");
    EXPECT_EQ(t.server_statements.size(), 0U);
    EXPECT_EQ(t.client_names->count("p"), 1U);
}

TEST(sql_prepare, is_found_within_other_texts) {
    for (const auto& [sql, sent] : {
             std::pair("explain analyze execute p", "Q(explain analyze execute weft_1)"),
             std::pair("explain execute p(1)", "Q(explain execute weft_1(1))"),
             std::pair("create table t as execute p", "Q(create table t as execute weft_1)"),
             std::pair("select 2; execute p; select 3", "Q(select 2; execute weft_1; select 3)"),
         }) {
        followed t;
        t.done_query("prepare p as select 1", "PREPARE");
        EXPECT_EQ(t.done_query(sql, "SELECT 1"), sent);
        EXPECT_EQ(t.pinned_by(), "");
    }
}

TEST(sql_prepare, what_cannot_be_sent_under_another_name_pins) {
    for (const std::string_view sql : {
             "prepare q as select 1; execute q",
             "select 1; prepare q as select 1",
             "prepare q(mood) as select $1",
             "prepare U&\"\\0061\" as select $1",
             "deallocate p; select 1",
             "execute p; execute p",
         }) {
        followed t;
        t.done_query("prepare p as select 1", "PREPARE");
        const bool names_p = sql.contains(" p;");
        t.client(query(sql));
        EXPECT_EQ(t.server_got(), (names_p ? "P(p select 1) S Q(" : "Q(") + std::string(sql) + ")");
        EXPECT_EQ(t.pinned_by(), "PREPARE") << sql;
        EXPECT_EQ(t.client_names->count("p"), names_p ? 0U : 1U) << sql;
    }
}

TEST(sql_prepare, names_of_a_pinned_client_are_its_own) {
    followed t;
    t.done_query("prepare p as select 1", "PREPARE");
    t.client(query("prepare q as select 1; prepare r as select 2"));
    t.server(done("PREPARE") + done("PREPARE") + ready());
    t.server_got();
    t.client(query("prepare s as select 3") + query("execute s") + query("execute p") +
             parse("t", "select 4") + parse("p", "select 5") + sync());
    EXPECT_EQ(t.server_got(),
              "Q(prepare s as select 3) Q(execute s) Q(execute weft_1) P(t select 4) "
              "P(weft_1 select 5) S");
}

TEST(sql_prepare, own_names_are_closed_on_the_server) {
    followed t;
    t.client(query("prepare q as select 1; prepare r as select 2"));
    t.server(done("PREPARE") + done("PREPARE") + ready());
    t.server_got();
    t.client(close("q") + sync());
    EXPECT_EQ(t.server_got(), "C(S q) S");
}

TEST(sql_prepare, stays_followed_where_it_gets_no_own_name) {
    followed t;
    t.done_query("prepare p as select 1", "PREPARE");
    t.client(query("prepare q as select 1; execute p"));
    EXPECT_EQ(t.server_got(), "P(p select 1) S Q(prepare q as select 1; execute p)");
    t.server(error("failed transaction") + ready(transaction::failed) + error() +
             ready(transaction::failed));
    EXPECT_EQ(t.client_got(), "E Z(E)");
    EXPECT_EQ(t.client_names->count("p"), 1U);
}

// Its text has names that are this client's alone.
TEST(sql_prepare, a_named_statement_that_names_another_pins) {
    followed t;
    t.done_query("prepare p as select 1", "PREPARE");
    t.client(parse("s", "execute p") + bind("s") + execute() + sync());
    EXPECT_EQ(t.server_got(), "P(p select 1) P(s execute p) B(s) E S");
    t.server(parsed() + parsed() + bound() + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_got(), "1 2 C(SELECT 1) Z(I)");
    EXPECT_EQ(t.pinned_by(), "PREPARE");
}

TEST(sql_prepare, what_it_does_to_the_session_comes_with_its_execution) {
    followed t;
    t.done_query("prepare p as select pg_advisory_lock(1)", "PREPARE");
    EXPECT_EQ(t.pinned_by(), "");
    t.client(query("execute p"));
    EXPECT_EQ(t.pinned_by(), describe(pin_cause::advisory_lock));
}

TEST(sql_prepare, arguments_may_be_long) {
    followed t;
    t.done_query("prepare p as select 1", "PREPARE");
    const std::string argument(std::size_t{300} << 10, 'x');
    t.client(query("execute p('" + argument + "')"), 1000);
    EXPECT_EQ(t.server_got(), "Q(execute weft_1('" + argument + "'))");
    EXPECT_EQ(t.pinned_by(), describe(pin_cause::unread));
}

TEST(sql_prepare, all_go_with_discard_all) {
    for (const std::string_view tag : {"DISCARD ALL", "DEALLOCATE ALL"}) {
        followed t;
        t.done_query("prepare p as select 1", "PREPARE");
        t.client(query(tag)).server(done(tag) + ready());
        EXPECT_EQ(t.client_names, nullptr);
        EXPECT_EQ(t.server_statements.size(), 0U);
        EXPECT_EQ(t.pinned_by(), "");
    }
}

TEST(sql_prepare, pins_where_statements_are_not_followed) {
    followed t(0);
    t.client(query("prepare p as select 1"));
    EXPECT_EQ(t.server_got(), "Q(prepare p as select 1)");
    EXPECT_EQ(t.pinned_by(), "PREPARE");
}

}  // namespace
}  // namespace weft::pool
