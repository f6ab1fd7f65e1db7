// SPDX-License-Identifier: Apache-2.0
#include "auth/secret.h"

#include <gtest/gtest.h>

#include <sstream>

#include "auth/digest.h"

namespace weft::pool {
namespace {

// Made by PostgreSQL 15 of the password "pencil".
constexpr std::string_view made_by_postgres =
    "SCRAM-SHA-256$4096:MlFymXlSUTFnMcV4RRL7jA==$"
    "raUSN/FqiJVufIWhM7+aPNJtP9t44LW+xhogjbmRRBM=:qGBFPs2VDT57YPS+nEIsK6bOPIrBWMhXjwkUXc1KmG4=";

std::string shown(const secret& value) {
    std::ostringstream out;
    out << value;
    return out.str();
}

TEST(secret, is_nothing_of_an_empty_text) {
    EXPECT_EQ(secret::parse("").kind(), secret_kind::none);
    EXPECT_EQ(secret().kind(), secret_kind::none);
    EXPECT_EQ(secret().stored_text(), "");
}

TEST(secret, knows_md5) {
    const std::string text = "md545f2603610af569b6155c45067268c6b";
    const secret parsed = secret::parse(text);
    ASSERT_EQ(parsed.kind(), secret_kind::md5);
    EXPECT_EQ(parsed.md5(), text);
    EXPECT_EQ(parsed.stored_text(), text);
}

TEST(secret, knows_what_postgres_stores_for_scram) {
    const secret parsed = secret::parse(std::string(made_by_postgres));
    ASSERT_EQ(parsed.kind(), secret_kind::scram);
    EXPECT_EQ(parsed.scram().iterations, 4'096U);
    EXPECT_EQ(parsed.scram().salt.size(), 16U);
    EXPECT_EQ(parsed.stored_text(), made_by_postgres);
    EXPECT_EQ(parsed, secret(parsed.scram()));
}

TEST(secret, takes_everything_else_for_a_password) {
    const std::string key = to_base64(std::string(32, 'k'));
    const std::string keys = key + ':' + key;
    ASSERT_EQ(secret::parse("SCRAM-SHA-256$1:c2FsdA==$" + keys).kind(), secret_kind::scram);
    ASSERT_EQ(secret::parse("SCRAM-SHA-256$2147483647:c2FsdA==$" + keys).kind(),
              secret_kind::scram);
    for (const std::string& text : {
             std::string("password"),
             std::string("md5"),
             std::string("md545f2603610af569b6155c45067268c6"),
             std::string("md545f2603610af569b6155c45067268c6b0"),
             std::string("md545F2603610AF569B6155C45067268C6B"),
             std::string("md545f2603610af569b6155c45067268c6g"),
             std::string("SCRAM-SHA-256"),
             std::string("SCRAM-SHA-256$"),
             std::string("SCRAM-SHA-256$4096"),
             std::string("SCRAM-SHA-256$4096:c2FsdA=="),
             "SCRAM-SHA-256$4096:c2FsdA==$" + key,
             "SCRAM-SHA-256$4096:c2FsdA==$" + key + ':',
             "SCRAM-SHA-256$4096:c2FsdA==$" + keys + '=',
             "SCRAM-SHA-256$4096:c2FsdA==$" + keys + ':' + key,
             "SCRAM-SHA-256$4096:c2FsdA==$c2hvcnQ=:" + key,
             "SCRAM-SHA-256$4096:c2FsdA==$" + key + ":c2hvcnQ=",
             "SCRAM-SHA-256$4096:$" + keys,
             "SCRAM-SHA-256$4096:!$" + keys,
             "SCRAM-SHA-256$0:c2FsdA==$" + keys,
             "SCRAM-SHA-256$-1:c2FsdA==$" + keys,
             "SCRAM-SHA-256$:c2FsdA==$" + keys,
             "SCRAM-SHA-256$40x:c2FsdA==$" + keys,
             "SCRAM-SHA-256$2147483648:c2FsdA==$" + keys,
             "SCRAM-SHA-256$99999999999999999999:c2FsdA==$" + keys,
             "SCRAM-SHA-1$4096:c2FsdA==$" + keys,
             "scram-sha-256$4096:c2FsdA==$" + keys,
         }) {
        const secret parsed = secret::parse(text);
        ASSERT_EQ(parsed.kind(), secret_kind::plain) << text;
        EXPECT_EQ(parsed.password(), text);
        EXPECT_EQ(parsed.stored_text(), text);
    }
}

TEST(secret, is_never_shown) {
    EXPECT_EQ(shown(secret()), "secret of kind none");
    EXPECT_EQ(shown(secret::parse("hidden")), "secret of kind plain");
    EXPECT_EQ(shown(secret::parse("md545f2603610af569b6155c45067268c6b")), "secret of kind md5");
    EXPECT_EQ(shown(secret::parse(std::string(made_by_postgres))), "secret of kind scram");
}

}  // namespace
}  // namespace weft::pool
