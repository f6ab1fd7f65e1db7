// SPDX-License-Identifier: Apache-2.0
//
// Whose turn it is, when it is over, and what goes wrong in between.
#include "session/conversation.h"

#include <gtest/gtest.h>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

TEST(conversation, a_simple_query_is_over_with_its_ready) {
    talk t;
    EXPECT_TRUE(t.over());
    t.client(query("select 1"));
    EXPECT_EQ(t.server_got(), "Q(select 1)");
    EXPECT_FALSE(t.over());
    t.server(columns() + row("1") + done("SELECT 1"));
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "T D(1) C(SELECT 1) Z(I)");
    EXPECT_EQ(t.about().queries, 1U);
    EXPECT_EQ(t.about().transactions, 1U);
}

TEST(conversation, an_open_transaction_is_not_over) {
    talk t;
    t.client(query("begin")).server(done("BEGIN") + ready(transaction::open));
    EXPECT_FALSE(t.over());
    t.client(query("x")).server(error() + ready(transaction::failed));
    EXPECT_FALSE(t.over());
    t.client(query("rollback")).server(done("ROLLBACK") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.about().queries, 3U);
    EXPECT_EQ(t.about().transactions, 1U);
}

TEST(conversation, several_statements_and_results_in_one_query) {
    talk t;
    t.client(query("select 1; select 2"));
    t.server(columns() + row("1") + done("SELECT 1") + columns() + done("SELECT 0"));
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "T D(1) C(SELECT 1) T C(SELECT 0) Z(I)");
}

TEST(conversation, an_extended_query_is_over_with_its_sync) {
    talk t;
    t.client(parse("", "select 1") + bind("") + describe_portal() + execute());
    EXPECT_EQ(t.server_got(), "P(select 1) B() D(P) E");
    t.server(parsed() + bound() + columns() + done("SELECT 0"));
    EXPECT_FALSE(t.over()) << "its implicit transaction is open";
    t.client(sync());
    EXPECT_EQ(t.server_got(), "S");
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "1 2 T C(SELECT 0) Z(I)");
    EXPECT_EQ(t.about().queries, 1U);
}

TEST(conversation, each_sync_of_a_pipeline_is_answered) {
    talk t;
    const std::string one = parse("", "select") + bind("") + execute() + sync();
    const std::string answers = parsed() + bound() + done("SELECT 0") + ready();
    t.client(one + one + query("select") + one);
    t.server(answers + answers);
    EXPECT_FALSE(t.over());
    t.server(done("SELECT 0") + ready());
    EXPECT_FALSE(t.over());
    t.server(answers);
    EXPECT_TRUE(t.over());
}

TEST(conversation, a_flush_asks_for_answers_and_ends_nothing) {
    talk t;
    t.client(parse("", "select") + flush()).server(parsed());
    EXPECT_FALSE(t.over());
    t.client(sync()).server(ready());
    EXPECT_TRUE(t.over());
}

TEST(conversation, a_flush_alone_leaves_nothing_open) {
    talk t;
    t.client(query("select") + flush()).server(done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());
}

TEST(conversation, a_portal_may_be_executed_in_parts) {
    talk t;
    t.client(bind("") + execute() + flush());
    t.server(bound() + row("1") + message(answer::portal_suspended));
    t.client(execute() + sync());
    t.server(message(answer::empty_query) + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.about().queries, 2U);
}

TEST(conversation, after_an_error_the_server_skips_to_the_sync) {
    talk t;
    t.client(parse("", "wrong") + bind("") + execute() + sync() + query("select"));
    t.server(error());
    EXPECT_FALSE(t.over());
    t.server(ready());
    EXPECT_FALSE(t.over()) << "the query behind it";
    t.server(done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "E Z(I) C(SELECT 0) Z(I)");
}

TEST(conversation, what_comes_while_the_server_skips_is_not_answered) {
    talk t;
    t.client(parse("", "wrong") + flush()).server(error());
    EXPECT_FALSE(t.over());
    t.client(bind("") + describe_portal() + execute() + query("select 1") + parse("s", "x"));
    EXPECT_EQ(t.server_got(), "P(wrong) H B() D(P) E Q(select 1) P(s x)");
    EXPECT_EQ(t.about().expected.count(), 0U);
    EXPECT_FALSE(t.over());
    t.client(sync()).server(ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_names, nullptr) << "s was not prepared";
}

// The server skips the query, too, and goes on skipping.
TEST(conversation, is_not_over_while_the_server_skips) {
    talk t;
    t.client(parse("", "wrong") + bind("") + query("select 1")).server(error());
    EXPECT_FALSE(t.over()) << "whoever came next would not be heard";
    t.client(sync()).server(ready());
    EXPECT_TRUE(t.over());
}

TEST(conversation, a_sync_itself_may_fail) {
    talk t;
    t.client(bind("") + execute() + sync()).server(bound() + done("INSERT 0 1"));
    t.server(error("deferred constraint") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_FALSE(t.about().skipping);
}

TEST(conversation, notices_come_at_any_time) {
    talk t;
    t.server(message(answer::notice, "x") + message(answer::notification, "y"));
    EXPECT_TRUE(t.over());
    t.client(query("select")).server(message(answer::notice, "x") + done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "N A N C(SELECT 0) Z(I)");
}

// Half of it has gone to the client; the other half must, too.
TEST(conversation, is_not_over_in_the_middle_of_a_message) {
    talk t;
    const std::string notice = message(answer::notice, "terminating connection");
    t.client(query("select")).server(done("SELECT 0") + ready() + notice.substr(0, 10));
    EXPECT_FALSE(t.over());
    t.server(notice.substr(10));
    EXPECT_TRUE(t.over());

    const std::string data = copy_data("that nobody wants");
    t.client(query("select") + data.substr(0, 9)).server(done("SELECT 0") + ready());
    EXPECT_FALSE(t.over());
    t.client(data.substr(9));
    EXPECT_TRUE(t.over());
}

TEST(conversation, a_function_call_is_answered_like_a_query) {
    talk t;
    t.client(message(request::function_call, "...") + query("select"));
    t.server(message(answer::function_call, "\0\0\0\0") + ready());
    EXPECT_FALSE(t.over());
    t.server(done("SELECT 0") + ready());
    EXPECT_TRUE(t.over());
}

TEST(conversation, the_poolers_own_query_is_not_for_the_client) {
    talk t;
    t.own_query();
    t.client(query("show timezone"));
    t.server(parameter("TimeZone", "UTC") + done("SET") + ready());
    EXPECT_EQ(t.client_got(), "");
    EXPECT_FALSE(t.over());
    EXPECT_EQ(t.about().queries, 0U);
    EXPECT_EQ(t.about().transactions, 0U);
    EXPECT_EQ(t.client_parameters, nullptr);
    t.server(columns() + row("UTC") + done("SHOW") + ready());
    EXPECT_EQ(t.client_got(), "T D(UTC) C(SHOW) Z(I)");
    EXPECT_TRUE(t.over());
}

TEST(conversation, rows_that_the_pooler_asked_for_are_not_for_the_client) {
    talk t;
    t.own_query();
    t.server(columns() + row("x") + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_got(), "");
}

TEST(conversation, what_the_pooler_asked_may_fail) {
    talk t;
    t.own_query();
    t.client(query("select"));
    t.server(error("no such zone"), 1);
    ASSERT_TRUE(t.about().own_failure);
    EXPECT_EQ(t.about().own_failure->message, "no such zone");
    EXPECT_EQ(t.client_got(), "");
}

TEST(conversation, followed_parameters_that_change_are_noted_for_both) {
    talk t;
    t.client(query("set timezone = 'UTC'"));
    t.server(parameter("TimeZone", "UTC") + done("SET") + ready());
    EXPECT_EQ(t.client_got(), "S(TimeZone UTC) C(SET) Z(I)");
    EXPECT_NE(t.client_parameters, nullptr);
    EXPECT_EQ(t.client_parameters, t.server_parameters);
    t.server(parameter("is_superuser", "on"));
    EXPECT_EQ(t.client_got(), "S(is_superuser on)");
    EXPECT_EQ(t.client_parameters, t.server_parameters);
}

TEST(conversation, goodbye_is_not_for_the_server) {
    talk t;
    t.client(query("select") + message(request::terminate));
    EXPECT_TRUE(t.terminated());
    EXPECT_EQ(t.server_got(), "Q(select)");
}

TEST(conversation, what_is_no_message_is_an_error) {
    using namespace std::string_view_literals;
    for (const auto& [bytes, error] :
         {std::pair("?\0\0\0\4"sv, "invalid frontend message type 63"),
          std::pair("Q\0\0\0\3"sv, "invalid message length"),
          std::pair("Q\xff\xff\xff\xff"sv, "invalid message length"),
          std::pair("Q\0\x20\0\0"sv, "invalid message length"),  // above the limit
          std::pair("P\0\0\0\5s"sv, "invalid message format"),
          std::pair("B\0\0\0\7s\0x"sv, "invalid message format"),
          std::pair("D\0\0\0\6Ss"sv, "invalid message format"),
          std::pair("C\0\0\0\x8S\0xx"sv, "invalid message format")}) {
        talk t;
        t.client(bytes);
        EXPECT_EQ(t.error(), error);
        EXPECT_EQ(t.server_got(), "");
    }
    for (const std::string_view bytes : {"?\0\0\0\4"sv, "C\0\0\0\3"sv, "Z\0\x7f\0\0"sv}) {
        talk t;
        t.server(bytes);
        EXPECT_NE(t.error(), "");
    }
}

TEST(conversation, a_message_of_any_length_passes_in_parts) {
    talk t;
    const std::string long_query = query(std::string(100'000, 'q'));
    t.client(long_query.substr(0, 1000));
    EXPECT_EQ(t.left(), 0U) << "nothing is kept";
    t.client(long_query.substr(1000), 8192);
    EXPECT_EQ(t.server_got().size(), std::string("Q()").size() + 100'000);
    const std::string long_row = row(std::string(100'000, 'r'));
    t.server(long_row.substr(0, 1000));
    EXPECT_EQ(t.left(), 0U);
    t.server(long_row.substr(1000) + done("SELECT 1") + ready(), 8192);
    EXPECT_TRUE(t.over());
}

}  // namespace
}  // namespace weft::pool
