// SPDX-License-Identifier: Apache-2.0
//
// currval() and lastval() tell nobody what another client has drawn from a sequence.
#include <gtest/gtest.h>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

constexpr std::string_view cause = "currval() or lastval()";

struct fresh_talk : talk {
    fresh_talk() : talk(100, {}, true) { about().fresh = true; }
};

TEST(sequences, are_forgotten_before_one_asks_that_has_drawn_nothing) {
    fresh_talk t;
    t.client(query("select currval('s')"));
    EXPECT_EQ(t.server_got(), "Q(DISCARD SEQUENCES) Q(select currval('s'))");
    t.server(done("DISCARD SEQUENCES") + ready() + error() + ready());
    EXPECT_EQ(t.client_got(), "E Z(I)");
    EXPECT_EQ(t.about().pinned_by, cause);
    t.client(query("select currval('s')"));
    EXPECT_EQ(t.server_got(), "Q(select currval('s'))") << "it is pinned";
}

TEST(sequences, are_not_forgotten_in_the_transaction_that_has_drawn) {
    fresh_talk t;
    t.client(query("begin; insert into t values (default)"));
    t.server(done("BEGIN") + done("INSERT 0 1") + ready(transaction::open));
    t.client(query("select lastval()"));
    EXPECT_EQ(t.server_got(), "Q(begin; insert into t values (default)) Q(select lastval())");
    EXPECT_EQ(t.about().pinned_by, cause);
    fresh_talk pipelined;
    pipelined.client(parse("", "insert into t values (default)") + bind("") + execute() +
                     parse("", "select lastval()") + bind("") + execute() + sync());
    EXPECT_FALSE(pipelined.server_got().contains("DISCARD"));
}

TEST(sequences, drawing_does_not_pin) {
    fresh_talk t;
    t.client(query("select nextval('s')") + query("insert into t values (nextval('s'))"));
    t.server(done("SELECT 1") + ready() + done("INSERT 0 1") + ready());
    EXPECT_TRUE(t.over());
}

TEST(sequences, are_forgotten_by_the_extended_protocol_too) {
    fresh_talk t;
    t.client(parse("", "select lastval()") + bind("") + execute() + sync());
    EXPECT_EQ(t.server_got(), "Q(DISCARD SEQUENCES) P(select lastval()) B() E S");
    fresh_talk named;
    named.client(parse("s", "select lastval()") + describe("s") + bind("s") + execute() + sync());
    EXPECT_EQ(named.server_got(),
              "P(weft_1 select lastval()) D(S weft_1) Q(DISCARD SEQUENCES) B(weft_1) E S");
    named.server(parsed() + parameter_types() + columns() + done("DISCARD SEQUENCES") + ready() +
                 bound() + error() + ready());
    EXPECT_EQ(named.client_got(), "1 t T 2 E Z(I)");
    EXPECT_FALSE(named.about().busy());
    fresh_talk wrong;
    wrong.client(parse("s", "select lastval()") + bind("s") + execute() + sync());
    wrong.server(error() + ready());
    EXPECT_EQ(wrong.client_got(), "E Z(I)") << "the server ignores all up to the Sync";
    EXPECT_FALSE(wrong.about().busy());
}

TEST(sequences, are_forgotten_before_what_sql_has_prepared) {
    fresh_talk t;
    t.client(query("prepare p as select lastval()")).server(done("PREPARE") + ready());
    EXPECT_TRUE(t.over());
    t.server_got();
    t.about().fresh = true;
    t.client(query("execute p"));
    EXPECT_EQ(t.server_got(), "Q(DISCARD SEQUENCES) Q(execute weft_1)");
}

}  // namespace
}  // namespace weft::pool
