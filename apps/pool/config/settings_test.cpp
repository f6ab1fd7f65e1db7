// SPDX-License-Identifier: Apache-2.0
#include "config/settings.h"

#include <gtest/gtest.h>

namespace weft::pool {

namespace {

TEST(FindDatabase, FallsBackToTheStar) {
    configuration in;
    in.databases["sales"].dbname = "one";
    EXPECT_EQ(find_database(in, "other"), nullptr);
    in.fallback.emplace().dbname = "star";
    ASSERT_NE(find_database(in, "other"), nullptr);
    EXPECT_EQ(find_database(in, "other")->dbname, "star");
    EXPECT_EQ(find_database(in, "sales")->dbname, "one");
}

TEST(PortOf, IsOneForAllOrOneForEach) {
    database of;
    of.hosts = {"a", "b"};
    EXPECT_EQ(port_of(of, 1), 5432);
    of.ports = {1, 2};
    EXPECT_EQ(port_of(of, 0), 1);
    EXPECT_EQ(port_of(of, 1), 2);
}

TEST(RuleFor, TakesTheOneThatAsksForMost) {
    configuration in;
    in.tenants["a"].database = "sales";
    in.tenants["b"].user = "bob";
    in.tenants["c"].user = "bob";
    in.tenants["c"].database = "sales";
    EXPECT_EQ(rule_for(in, "sales", "bob", "psql"), &in.tenants["c"]);
    EXPECT_EQ(rule_for(in, "sales", "eve", "psql"), &in.tenants["a"]);
    EXPECT_EQ(rule_for(in, "stock", "bob", "psql"), &in.tenants["b"]);
    EXPECT_EQ(rule_for(in, "stock", "eve", "psql"), nullptr);
    // As many: the first by name.
    in.tenants["b"] = {};
    in.tenants["b"].application_name = "psql";
    EXPECT_EQ(rule_for(in, "sales", "eve", "psql"), &in.tenants["a"]);
}

TEST(Same, LooksAtWhatIsSaidOnly) {
    configuration a;
    configuration b;
    b.file = "elsewhere";
    b.warnings = {"w"};
    EXPECT_TRUE(same(a, b));
    b.users["bob"];
    EXPECT_FALSE(same(a, b));
    a.users["bob"];
    EXPECT_TRUE(same(a, b));
    a.general.listen_port = 1;
    EXPECT_FALSE(same(a, b));
}

}  // namespace

}  // namespace weft::pool
