// SPDX-License-Identifier: Apache-2.0
//
// COPY: rows from the client, of which the server answers only the end, and Syncs that it ignores
// meanwhile (PostgreSQL documentation, "COPY Operations" of the protocol).
#include <gtest/gtest.h>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

std::string begin_extended() {
    return parse("", "copy t from stdin") + bind("") + execute();
}

TEST(copy_in, by_a_simple_query) {
    talk t;
    t.client(query("copy t from stdin")).server(copy_in());
    EXPECT_FALSE(t.over());
    t.client(copy_data("1\n") + copy_data("2\n") + flush() + copy_done());
    EXPECT_EQ(t.server_got(), "Q(copy t from stdin) d(1\n) d(2\n) H c");
    EXPECT_FALSE(t.over());
    t.server(done("COPY 2") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "G C(COPY 2) Z(I)");
    EXPECT_FALSE(t.about().doubtful);
}

TEST(copy_in, two_by_one_query) {
    talk t;
    t.client(query("copy a from stdin; copy b from stdin"));
    for (int i = 0; i < 2; ++i) {
        t.server(copy_in()).client(copy_data("1\n") + copy_done());
        t.server(done("COPY 1"));
        EXPECT_FALSE(t.over());
    }
    t.server(ready());
    EXPECT_TRUE(t.over());
}

TEST(copy_in, that_the_client_ends_with_a_failure) {
    talk t;
    t.client(query("copy t from stdin")).server(copy_in());
    t.client(copy_data("1\n") + copy_fail()).server(error() + ready());
    EXPECT_TRUE(t.over());
    EXPECT_FALSE(t.about().doubtful);
}

// What libpq does: a Sync with the Execute, which the server ignores, and one in the end.
TEST(copy_in, by_an_extended_query) {
    talk t;
    t.client(begin_extended() + sync()).server(parsed() + bound() + copy_in());
    EXPECT_FALSE(t.over());
    t.client(copy_data("1\n") + copy_done() + sync());
    t.server(done("COPY 1"));
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_FALSE(t.about().doubtful);
}

TEST(copy_in, needs_a_sync_of_its_own_in_the_end) {
    talk t;
    t.client(begin_extended() + sync()).server(parsed() + bound() + copy_in());
    t.client(copy_data("1\n") + copy_done()).server(done("COPY 1"));
    EXPECT_FALSE(t.over()) << "it is not committed";
    t.client(sync()).server(ready());
    EXPECT_TRUE(t.over());
}

TEST(copy_in, a_sync_within_it_ends_nothing) {
    talk t;
    t.client(begin_extended()).server(parsed() + bound() + copy_in());
    t.client(copy_data("1\n") + sync() + copy_data("2\n") + copy_done());
    t.server(done("COPY 2"));
    EXPECT_FALSE(t.over()) << "it is not committed";
    t.client(sync()).server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_FALSE(t.about().doubtful);
}

TEST(copy_in, may_be_sent_before_the_server_has_asked_for_it) {
    talk t;
    t.client(begin_extended() + copy_data("1\n") + copy_done() + sync() + query("select"));
    t.server(parsed() + bound() + copy_in() + done("COPY 1"));
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_FALSE(t.over()) << "whoever came next would get the answer of the query";
    t.server(done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());
}

TEST(copy_in, that_is_over_before_the_answer_of_the_server_came) {
    talk t;
    t.client(begin_extended() + sync() + copy_data("1\n") + copy_done());
    t.server(parsed() + bound() + copy_in());
    t.client(query("select"));
    t.server(done("COPY 1"));
    EXPECT_FALSE(t.over());
    t.server(done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());

    t.client(query("copy t from stdin") + sync() + copy_done()).server(copy_in());
    EXPECT_FALSE(t.about().copy_in);
    t.server(done("COPY 0") + ready());
    EXPECT_TRUE(t.over()) << "the Sync was ignored";
}

TEST(copy_in, ends_that_belong_to_none_are_ignored) {
    talk t;
    t.client(copy_done() + copy_fail() + copy_data("x"));
    EXPECT_TRUE(t.over());
    t.client(query("select") + copy_done() + copy_fail() + sync());
    t.server(done("SELECT 0") + ready());
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_TRUE(t.over());
}

TEST(copy_in, a_row_that_is_wrong) {
    talk t;
    t.client(begin_extended() + sync()).server(parsed() + bound() + copy_in());
    t.client(copy_data("?\n")).server(error());
    EXPECT_FALSE(t.over());
    t.client(copy_data("2\n") + copy_done() + sync()).server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.server_got(), "P(copy t from stdin) B() E S d(?\n) d(2\n) c S");
}

// Whether the server read a Sync before it failed, and so ignored it, or will answer it, cannot be
// seen from here: what comes more or less must not meet another client.
TEST(copy_in, that_failed_with_syncs_in_it_leaves_a_doubt) {
    talk before;
    before.client(begin_extended() + sync()).server(parsed() + bound() + copy_in() + error());
    EXPECT_TRUE(before.about().doubtful);

    talk simple;
    simple.client(query("copy t from stdin")).server(copy_in());
    simple.client(copy_data("?\n") + sync() + sync()).server(error() + ready());
    EXPECT_TRUE(simple.about().doubtful);

    talk none;
    none.client(begin_extended()).server(parsed() + bound() + copy_in());
    none.client(copy_data("?\n")).server(error());
    EXPECT_FALSE(none.about().doubtful);
    none.client(sync()).server(ready());
    EXPECT_TRUE(none.over());
}

TEST(copy_out, passes) {
    talk t;
    t.client(query("copy t to stdout"));
    t.server(message(answer::copy_out_response, "...") + copy_data("1\n") + copy_done());
    EXPECT_FALSE(t.over());
    t.server(done("COPY 1") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "H d(1\n) c C(COPY 1) Z(I)");
}

TEST(copy_both, is_not_over_before_its_command) {
    talk t;
    t.client(query("START_REPLICATION")).server(message(answer::copy_both_response, "..."));
    t.client(copy_data("x")).server(copy_data("y"));
    EXPECT_TRUE(t.about().copy_both);
    t.client(copy_done()).server(copy_done() + done("COPY 0") + ready());
    EXPECT_TRUE(t.over());
}

}  // namespace
}  // namespace weft::pool
