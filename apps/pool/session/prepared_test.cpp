// SPDX-License-Identifier: Apache-2.0
//
// Prepared statements, whose names differ on both sides.
#include <gtest/gtest.h>

#include "session/conversation_test_support.h"

namespace weft::pool {
namespace {

using namespace say;

/// Both sides have "s" as weft_1, and nothing is under way.
void prepare(talk& t, std::string_view name = "s", std::string_view sql = "select 1") {
    t.client(parse(name, sql) + sync()).server(parsed() + ready());
    EXPECT_TRUE(t.over());
    t.server_got();
    t.client_got();
}

/// Executes what is prepared as `name`; the server must have it.
void execute_once(talk& t, std::string_view name) {
    t.client(bind(name) + execute() + sync());
    t.server(bound() + done("SELECT 1") + ready());
    EXPECT_TRUE(t.over());
}

TEST(prepared_statements, have_a_name_of_their_own_on_the_server) {
    talk t;
    t.client(parse("s", "select 1") + describe("s") + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) D(S weft_1) S");
    t.server(parsed() + parameter_types() + columns() + ready());
    EXPECT_EQ(t.client_got(), "1 t T Z(I)");
    EXPECT_TRUE(t.over());
    t.client(bind("s", "portal") + execute() + sync());
    EXPECT_EQ(t.server_got(), "B(portal weft_1) E S");
    t.server(bound() + done("SELECT 1") + ready());
    EXPECT_TRUE(t.over());
}

TEST(prepared_statements, a_name_may_be_longer_or_shorter_on_the_server) {
    talk t;
    const std::string name(300, 'n');
    prepare(t, name);
    t.client(say::bind(name));
    EXPECT_EQ(t.server_got(), "B(weft_1)");
}

TEST(prepared_statements, the_unnamed_one_passes) {
    talk t;
    t.client(parse("", "select 1") + bind("") + sync());
    EXPECT_EQ(t.server_got(), "P(select 1) B() S");
    EXPECT_EQ(t.client_names, nullptr);
    EXPECT_EQ(t.server_statements.size(), 0U);
}

TEST(prepared_statements, pass_as_they_are_if_they_are_not_followed) {
    talk t(0);
    t.client(parse("s", "select 1") + bind("s") + describe("s") + close("s") + sync());
    EXPECT_EQ(t.server_got(), "P(s select 1) B(s) D(S s) C(S s) S");
    t.server(parsed() + bound() + parameter_types() + columns() + closed() + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_got(), "1 2 t T 3 Z(I)");
}

TEST(prepared_statements, follow_the_client_to_another_server) {
    talk t;
    prepare(t);
    t.change_server();
    t.client(bind("s") + execute() + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) B(weft_1) E S");
    t.server(parsed() + bound() + done("SELECT 1") + ready());
    EXPECT_EQ(t.client_got(), "2 C(SELECT 1) Z(I)") << "it has not asked for a Parse";
    t.change_server();
    t.client(describe("s") + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 1) D(S weft_1) S");
}

TEST(prepared_statements, that_are_equal_are_one_on_the_server) {
    const auto shared = std::make_shared<shared_names>();
    talk a(100, shared);
    prepare(a);
    talk b(100, shared);
    b.take_server_of(a);
    b.client(parse("another name", "select 1") + bind("another name") + execute() + sync());
    EXPECT_EQ(b.server_got(), "B(weft_1) E S");
    EXPECT_EQ(b.client_got(), "1");
    b.server(bound() + done("SELECT 1") + ready());
    EXPECT_EQ(b.client_got(), "2 C(SELECT 1) Z(I)");
    EXPECT_TRUE(b.over());
    b.client(parse("third", "select 2"));
    EXPECT_EQ(b.server_got(), "P(weft_2 select 2)");
}

TEST(prepared_statements, answers_that_the_pooler_makes_keep_their_place) {
    talk t;
    prepare(t);
    t.client(parse("", "select 2") + parse("again", "select 1") + close("s") + bind("again"));
    EXPECT_EQ(t.server_got(), "P(select 2) B(weft_1)");
    EXPECT_EQ(t.client_got(), "") << "the server has not answered the first one";
    t.server(parsed());
    EXPECT_EQ(t.client_got(), "1 1 3");
    t.client(close("nobody has it") + sync()).server(bound());
    EXPECT_EQ(t.client_got(), "2 3");
    t.server(ready());
    EXPECT_TRUE(t.over());
}

// A part of the server's message has gone to the client already.
TEST(prepared_statements, no_answer_is_put_into_the_middle_of_a_message) {
    talk t;
    prepare(t);
    t.client(describe_portal() + flush());
    const std::string answer = message(answer::row_description, std::string(100, '\0'));
    t.server(answer.substr(0, 50));
    t.client(close("nobody has it"));
    t.server(answer.substr(50));
    EXPECT_EQ(t.client_got(), "T 3");
}

TEST(prepared_statements, closing_one_leaves_it_on_the_server) {
    talk t;
    prepare(t);
    t.client(close("s") + sync());
    EXPECT_EQ(t.server_got(), "S");
    t.server(ready());
    EXPECT_EQ(t.client_got(), "3 Z(I)");
    EXPECT_TRUE(t.client_names->empty());
    t.client(bind("s") + sync());
    EXPECT_EQ(t.server_got(), "B(s) S") << "the server says that it does not know it";
    t.server(error() + ready());
    t.client(parse("s", "select 1") + sync());
    EXPECT_EQ(t.server_got(), "S");
}

TEST(prepared_statements, portals_are_the_servers_matter) {
    talk t;
    t.client(message(request::close, "P" + texts({"portal"})) + sync());
    EXPECT_EQ(t.server_got(), "C(P portal) S");
    t.server(closed() + ready());
    EXPECT_EQ(t.client_got(), "3 Z(I)");
    EXPECT_TRUE(t.over());
}

TEST(prepared_statements, one_that_fails_is_none) {
    talk t;
    t.client(parse("s", "wrong") + bind("s") + sync());
    t.server(error() + ready());
    EXPECT_TRUE(t.over());
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.server_statements.size(), 0U);
    t.client(parse("s", "right") + sync()).server(parsed() + ready());
    EXPECT_EQ(t.client_names->size(), 1U);
    EXPECT_EQ(t.server_statements.size(), 1U);
}

TEST(prepared_statements, what_follows_an_error_was_not_done) {
    talk t;
    prepare(t);
    t.client(bind("wrong") + parse("new", "select 2") + parse("known", "select 1") + close("s"));
    t.server(error());
    EXPECT_EQ(t.client_got(), "E");
    EXPECT_EQ(t.client_names->count("new"), 0U);
    EXPECT_EQ(t.client_names->count("known"), 0U);
    EXPECT_EQ(t.client_names->count("s"), 1U);
    EXPECT_EQ(t.server_statements.size(), 1U);
    t.client(sync()).server(ready());
    t.client(bind("s"));
    EXPECT_EQ(t.server_got(), "B(wrong) P(weft_2 select 2) S B(weft_1)");
}

TEST(prepared_statements, made_and_closed_after_an_error_they_are_not_there) {
    talk t;
    t.client(bind("wrong") + parse("s", "select 1") + close("s")).server(error());
    EXPECT_TRUE(t.client_names->empty());
    EXPECT_EQ(t.server_statements.size(), 0U);
}

TEST(prepared_statements, a_name_that_is_taken_is_the_servers_error) {
    talk t;
    prepare(t);
    t.client(parse("s", "select 2") + sync());
    EXPECT_EQ(t.server_got(), "P(weft_1 select 2) S");
    t.server(error("prepared statement exists") + ready());
    EXPECT_EQ(t.client_got(), "E Z(I)");
    execute_once(t, "s");
    EXPECT_EQ(t.server_got(), "B(weft_1) E S");
}

TEST(prepared_statements, the_server_has_not_more_than_it_may) {
    talk t(2);
    prepare(t, "a", "select 1");
    prepare(t, "b", "select 2");
    execute_once(t, "a");
    t.server_got();
    t.client(parse("c", "select 3") + sync());
    EXPECT_EQ(t.server_got(), "C(S weft_2) P(weft_3 select 3) S");
    t.client_got();
    t.server(closed() + parsed() + ready());
    EXPECT_EQ(t.client_got(), "1 Z(I)");
    EXPECT_EQ(t.server_statements.size(), 2U);
    t.client(bind("b") + sync());
    EXPECT_EQ(t.server_got(), "C(S weft_1) P(weft_2 select 2) B(weft_2) S");
    t.server(closed() + parsed() + bound() + ready());
    EXPECT_EQ(t.client_got(), "2 Z(I)");
    EXPECT_TRUE(t.over());
}

// In this order: a is there, b takes its place, and is given up for a.
TEST(prepared_statements, what_was_given_up_after_an_error_is_still_there) {
    talk t(1);
    prepare(t, "b", "select 2");
    prepare(t, "a", "select 1");
    t.client(bind("wrong") + bind("b") + bind("a") + sync());
    EXPECT_EQ(t.server_got(),
              "B(wrong) C(S weft_2) P(weft_1 select 2) B(weft_1) C(S weft_1) "
              "P(weft_2 select 1) B(weft_2) S");
    t.server(error() + ready());
    EXPECT_TRUE(t.over());
    execute_once(t, "a");
    EXPECT_EQ(t.server_got(), "B(weft_2) E S");
}

TEST(prepared_statements, one_that_the_pooler_prepares_may_fail) {
    talk t;
    prepare(t);
    t.change_server();
    t.client(bind("s") + execute() + sync());
    t.server(error("the table has gone") + ready());
    EXPECT_EQ(t.client_got(), "E Z(I)");
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.server_statements.size(), 0U);
    EXPECT_EQ(t.client_names->size(), 1U) << "the client has it still";
}

TEST(prepared_statements, all_go_with_discard_all) {
    for (const std::string_view tag : {"DISCARD ALL", "DEALLOCATE ALL"}) {
        talk t;
        prepare(t);
        t.client(query(tag)).server(done(tag) + ready());
        EXPECT_EQ(t.client_names, nullptr);
        EXPECT_EQ(t.server_statements.size(), 0U);
        t.client(parse("s", "select 1"));
        EXPECT_EQ(t.server_got(), "Q(" + std::string(tag) + ") P(weft_2 select 1)");
    }
}

// What the client has asked for meanwhile comes after it.
TEST(prepared_statements, those_behind_discard_all_stay) {
    talk t;
    prepare(t);
    t.client(query("discard all") + parse("new", "select 2") + sync());
    t.server(done("DISCARD ALL") + ready() + parsed() + ready());
    EXPECT_TRUE(t.over());
    EXPECT_EQ(t.client_names->count("new"), 1U);
    EXPECT_EQ(t.client_names->count("s"), 0U);
    EXPECT_EQ(t.server_statements.size(), 1U);
    execute_once(t, "new");
    EXPECT_EQ(t.server_got(), "Q(discard all) P(weft_2 select 2) S B(weft_2) E S");
}

TEST(prepared_statements, a_text_is_kept_up_to_a_bound) {
    talk t;
    std::string head = "P";
    put_u32(head, (1U << 20) - 2);
    t.client(head + "s");
    EXPECT_EQ(t.error(), "") << "below it";
    talk names;
    head = "B";
    put_u32(head, 1U << 19);
    names.client(head + std::string(1U << 18, 'x'), 8192);
    EXPECT_EQ(names.error(), "invalid message format") << "no name is so long";
}

}  // namespace
}  // namespace weft::pool
