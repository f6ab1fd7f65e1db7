// SPDX-License-Identifier: Apache-2.0
//
// What statements do to the session, as the answers of the server tell it: conversation.h.
#include <gtest/gtest.h>

#include <string>

#include "session/conversation.h"

namespace weft::pool {
namespace {

class followed_session : public ::testing::Test {
protected:
    followed_session()
        : about_({.statements = statements_,
                  .sets = sets_,
                  .followed = names_,
                  .most_statements = 10,
                  .follows_session = true}) {
        about_.client_names = &client_names_;
        about_.client_parameters = &client_parameters_;
        about_.client_journal = &client_;
        about_.meet(prepared_, server_parameters_, server_);
    }

    /// A simple query that ends with this tag and status.
    void query(std::string_view sql, std::string_view tag, char status) {
        about_.note_done(about_.look_at(sql));
        about_.note_tag(tag);
        about_.status = status;
        about_.note_ready();
    }
    void failing_query(std::string_view sql, char status) {
        about_.note_done(about_.look_at(sql));
        about_.note_failed();
        about_.status = status;
        about_.note_ready();
    }
    [[nodiscard]] std::string wants() const { return sql_to_follow(nullptr, client_); }

    intern_table statements_;
    intern_table sets_;
    const parameter_names names_;
    std::unique_ptr<client_statements> client_names_;
    parameter_set client_parameters_;
    parameter_set server_parameters_;
    statement_cache prepared_;
    journal client_;
    journal server_;
    conversation about_;
};

TEST_F(followed_session, remembers_what_was_set) {
    query("SET work_mem TO '5MB'", "SET", transaction::idle);
    EXPECT_EQ(wants(), "SET work_mem TO '5MB';");
    EXPECT_EQ(server_, client_);
    query("RESET work_mem", "RESET", transaction::idle);
    EXPECT_EQ(wants(), "");
    EXPECT_EQ(about_.pinned_by, "");
}

TEST_F(followed_session, forgets_what_was_rolled_back) {
    query("BEGIN", "BEGIN", transaction::open);
    query("SET work_mem TO '5MB'", "SET", transaction::open);
    EXPECT_EQ(wants(), "") << "the transaction is open";
    query("ROLLBACK", "ROLLBACK", transaction::idle);
    EXPECT_EQ(wants(), "");
    failing_query("SET work_mem TO '5MB'; SELECT 1/0", transaction::idle);
    EXPECT_EQ(wants(), "");
    query("SET LOCAL work_mem TO '5MB'", "SET", transaction::idle);
    EXPECT_EQ(wants(), "") << "it ended with its transaction";
}

TEST_F(followed_session, keeps_what_was_committed) {
    query("BEGIN", "BEGIN", transaction::open);
    query("SET work_mem TO '5MB'", "SET", transaction::open);
    query("COMMIT", "COMMIT", transaction::idle);
    EXPECT_EQ(wants(), "SET work_mem TO '5MB';");
}

TEST_F(followed_session, pins_where_savepoints_leave_a_doubt) {
    query("BEGIN", "BEGIN", transaction::open);
    query("SET work_mem TO '5MB'", "SET", transaction::open);
    query("ROLLBACK TO a", "ROLLBACK", transaction::open);
    query("COMMIT", "COMMIT", transaction::idle);
    EXPECT_NE(about_.pinned_by, "");
    EXPECT_FALSE(about_.over());
}

TEST_F(followed_session, pins_before_it_is_done) {
    EXPECT_TRUE(about_.over());
    (void)about_.look_at("CREATE TEMP TABLE t(x int)");
    EXPECT_NE(about_.pinned_by, "");
    EXPECT_FALSE(about_.over());
}

TEST_F(followed_session, leaves_reported_parameters_to_the_server) {
    server_parameters_ =
        with_value(sets_, nullptr, names_, *names_.index_of("client_encoding"), "UTF8");
    query("SET client_encoding TO 'LATIN1'", "SET", transaction::idle);
    EXPECT_EQ(wants(), "");
    query("SET DateStyle TO 'German'", "SET", transaction::idle);
    EXPECT_EQ(wants(), "SET DateStyle TO 'German';") << "this server does not report it";
}

TEST_F(followed_session, forgets_all_with_discard_all) {
    query("SET work_mem TO '5MB'", "SET", transaction::idle);
    query("DISCARD ALL", "DISCARD ALL", transaction::idle);
    EXPECT_EQ(wants(), "");
    EXPECT_EQ(server_, nullptr);
}

}  // namespace
}  // namespace weft::pool
