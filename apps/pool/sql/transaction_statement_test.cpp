// SPDX-License-Identifier: Apache-2.0
#include "sql/transaction_statement.h"

#include <gtest/gtest.h>

namespace weft::pool {
namespace {

TEST(transaction_statement, begins) {
    for (const char* const sql :
         {"BEGIN", "begin;", " /* x */ Begin -- y\n;;", "BEGIN WORK", "BEGIN TRANSACTION",
          "START TRANSACTION", "BEGIN ISOLATION LEVEL SERIALIZABLE",
          "START TRANSACTION ISOLATION LEVEL READ UNCOMMITTED, READ WRITE",
          "BEGIN ISOLATION LEVEL READ COMMITTED READ ONLY", "BEGIN NOT DEFERRABLE",
          "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY, NOT DEFERRABLE;"}) {
        EXPECT_EQ(transaction_statement_of(sql), transaction_statement::begin) << sql;
    }
}

TEST(transaction_statement, ends) {
    for (const char* const sql :
         {"COMMIT", "commit work;", "END", "END TRANSACTION", "COMMIT AND NO CHAIN"}) {
        EXPECT_EQ(transaction_statement_of(sql), transaction_statement::commit) << sql;
    }
    for (const char* const sql :
         {"ROLLBACK", "rollback work;", "ABORT", "ABORT TRANSACTION", "ROLLBACK AND NO CHAIN"}) {
        EXPECT_EQ(transaction_statement_of(sql), transaction_statement::rollback) << sql;
    }
}

TEST(transaction_statement, is_none_if_anything_else_is_there) {
    for (const char* const sql : {"",
                                  ";",
                                  "SELECT 1",
                                  "START",
                                  "START WORK",
                                  "BEGIN; SELECT 1",
                                  "BEGIN x",
                                  "BEGIN READ",
                                  "BEGIN READ ONLY,",
                                  "BEGIN , READ ONLY",
                                  "BEGIN ISOLATION SERIALIZABLE",
                                  "BEGIN NOT",
                                  "BEGIN ISOLATION LEVEL REPEATABLE",
                                  "BEGIN WORK TRANSACTION",
                                  "\"begin\"",
                                  "COMMIT;BEGIN",
                                  "COMMIT AND CHAIN",
                                  "COMMIT PREPARED 'x'",
                                  "ROLLBACK TO a",
                                  "ROLLBACK WORK TO a",
                                  "ROLLBACK PREPARED 'x'",
                                  "END x",
                                  "BEGIN;;;;;;;;;;;;;;;;;;;;;;",
                                  "'begin'"}) {
        EXPECT_EQ(transaction_statement_of(sql), transaction_statement::none) << sql;
    }
}

}  // namespace
}  // namespace weft::pool
