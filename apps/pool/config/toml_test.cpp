// SPDX-License-Identifier: Apache-2.0
#include "config/toml.h"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

configuration good_toml(std::string_view text) {
    auto made = read_toml(text, "p.toml");
    EXPECT_TRUE(made) << made.error();
    return made ? *made : configuration{};
}

std::string toml_error(std::string_view text) {
    const auto made = read_toml(text, "p.toml");
    return made ? "" : made.error();
}

TEST(Toml, MayBeEmpty) {
    EXPECT_TRUE(same(good_toml(""), configuration{}));
}

TEST(Toml, ReadsAll) {
    const configuration made = good_toml(R"(
[pool]
listen_addr = ["127.0.0.1", "::1"]
admin_users = "ann, bob"
unix_socket_mode = 0o700
so_reuseport = true
pool_mode = "transaction"
query_timeout = "1.5s"
query_wait_timeout = 30
server_check_delay = 0.25
tcp_user_timeout = 2
tenant_by = ["user"]
headroom = 1

[databases.sales]
host = ["a", "b"]
port = [5433, 5434]
target_session_attrs = "primary"
password = "p\"w"

[databases."*"]
port = 5435

[users.bob]
pool_size = 3
)");
    EXPECT_THAT(made.general.listen_addr, ElementsAre("127.0.0.1", "::1"));
    EXPECT_THAT(made.general.admin_users, ElementsAre("ann", "bob"));
    EXPECT_EQ(made.general.unix_socket_mode, 0700);
    EXPECT_TRUE(made.general.so_reuseport);
    EXPECT_EQ(made.general.pool_mode, pool_mode::transaction);
    EXPECT_EQ(made.general.query_timeout, 1500ms);
    EXPECT_EQ(made.general.query_wait_timeout, 30s);
    EXPECT_EQ(made.general.server_check_delay, 250ms);
    EXPECT_EQ(made.general.tcp_user_timeout, 2s);
    EXPECT_EQ(made.general.tenant_by, (tenant_key{false, true, false}));
    EXPECT_EQ(made.general.headroom, 1);
    ASSERT_EQ(made.databases.size(), 1U);
    EXPECT_THAT(made.databases.at("sales").hosts, ElementsAre("a", "b"));
    EXPECT_THAT(made.databases.at("sales").ports, ElementsAre(5433, 5434));
    EXPECT_EQ(made.databases.at("sales").target_session_attrs, target_session_attrs::primary);
    EXPECT_EQ(made.databases.at("sales").password, "p\"w");
    ASSERT_TRUE(made.fallback);
    EXPECT_THAT(made.fallback->ports, ElementsAre(5435));
    EXPECT_EQ(made.users.at("bob").pool_size, 3);
    EXPECT_EQ(made.file, "p.toml");
}

TEST(Toml, ReadsTenants) {
    const configuration made = good_toml(R"([pool]
tenant_by = "user"

[tenants.bob]
weight = 300
quota = "200ms"
burst = "3ms"

[tenants.reports]
database = "sales"
period = "10s"
)");
    EXPECT_EQ(made.tenants.at("bob").user, "bob");
    EXPECT_EQ(made.tenants.at("bob").weight, 300);
    EXPECT_EQ(made.tenants.at("bob").quota, 200ms);
    EXPECT_EQ(made.tenants.at("bob").burst, 3ms);
    EXPECT_EQ(made.tenants.at("reports").user, "");
    EXPECT_EQ(made.tenants.at("reports").period, 10s);
}

TEST(Toml, SaysWhereWhatIsWrong) {
    EXPECT_EQ(toml_error("[pool]\nlisten_prt = 1"), "p.toml:2:1: unknown key \"listen_prt\"");
    EXPECT_EQ(toml_error("[pools]"),
              "p.toml:1:2: unknown key \"pools\"; known here: pool, databases, users, tenants");
    EXPECT_EQ(toml_error("[pool]\nlisten_port = \"1\""),
              "p.toml:2:15: listen_port must be a whole number");
    EXPECT_EQ(toml_error("[pool]\nlisten_port = 70000"),
              "p.toml:2:15: listen_port must be from 0 to 65535");
    EXPECT_EQ(toml_error("[pool]\nlisten_port = -1"),
              "p.toml:2:15: listen_port must be a whole number");
    EXPECT_EQ(toml_error("[pool]\nlog_stats = 1"), "p.toml:2:13: log_stats must be true or false");
    EXPECT_EQ(toml_error("[pool]\nuser = 1"), "p.toml:2:8: user must be a text in quotation marks");
    EXPECT_EQ(toml_error("[pool]\npkt_buf = 4096"),
              "p.toml:2:1: pkt_buf is not honoured: weft-pool sizes its buffers itself");
    EXPECT_THAT(toml_error("[pool]\nquery_timeout = -1.0"), HasSubstr("must be a time"));
    EXPECT_THAT(toml_error("[pool]\nquery_timeout = nan"), HasSubstr("must be a time"));
    EXPECT_THAT(toml_error("[pool]\nquery_timeout = \"5 weeks\""), HasSubstr("must be a time"));
    EXPECT_THAT(toml_error("[pool]\nadmin_users = [\"a,b\"]"), HasSubstr("must be texts in [ ]"));
    EXPECT_THAT(toml_error("[pool]\nadmin_users = [\" \"]"), HasSubstr("must be texts in [ ]"));
    EXPECT_THAT(toml_error("[pool]\nadmin_users = [1]"), HasSubstr("must be texts in [ ]"));
    EXPECT_THAT(toml_error("[pool]\nadmin_users = \"\\u0000\""), HasSubstr("character 0"));
    EXPECT_EQ(toml_error("pool = 1"), "p.toml:1:8: write [pool]");
    EXPECT_EQ(toml_error("databases = 1"), "p.toml:1:13: write [databases.NAME]");
    EXPECT_EQ(toml_error("[databases]\nsales = \"host=x\""), "p.toml:2:9: write [databases.NAME]");
    EXPECT_EQ(toml_error("[databases.pgbouncer]"),
              "p.toml:1:12: database name \"pgbouncer\" is reserved");
    EXPECT_THAT(toml_error("[users.\"\"]"), HasSubstr("a name must not be empty"));
    EXPECT_THAT(toml_error("[users.\"a\\u0000\"]"), HasSubstr("control characters"));
    EXPECT_EQ(toml_error("[pool]\nauth_type = \"hba\""),
              "p.toml: auth_type = hba needs auth_hba_file");
}

TEST(Toml, ReportsTheFirstErrorOfTheFile) {
    EXPECT_EQ(toml_error("[users.u]\nzzz = 1\n[pool]\naaa = 1"), "p.toml:2:1: unknown key \"zzz\"");
}

TEST(Toml, MinusOneIsNoValue) {
    for (const char* const key :
         {"pool_size = -1", "pool_size = \"-1\"", "server_lifetime = -1",
          "server_lifetime = \"-1\"", "pool_mode = \"-1\"", "tls_sslmode = \"-1\""}) {
        EXPECT_THAT(toml_error(std::string("[databases.d]\n") + key), HasSubstr("must be")) << key;
    }
}

TEST(Toml, ATenantNeedsToSayWhomItIsFor) {
    EXPECT_EQ(toml_error("[pool]\n[tenants.x]\nweight = 2"),
              "p.toml:2:10: a tenant needs one of database, user, application_name");
    EXPECT_EQ(good_toml("[pool]\ntenant_by = \"application_name\"\n[tenants.x]")
                  .tenants.at("x")
                  .application_name,
              "x");
}

TEST(Toml, NoMessageHasASecret) {
    for (const char* const line :
         {"password = hush", "password = \"hush", "password = 99999999999999999999hush",
          "password = 'hush'hush", "password = [\"hush\"]", "password = \"hush\\u0000\"",
          "password = \"hush\\q\"", "password = \"hush\"\npassword = \"hush\"",
          "password = \"hush\"\nport = \"hush\"", "password = 9999999999999999999"}) {
        const std::string error = toml_error(std::string("[databases.d]\n") + line);
        EXPECT_THAT(error, testing::StartsWith("p.toml:")) << line;
        EXPECT_THAT(error, Not(HasSubstr("hush"))) << line;
        EXPECT_THAT(error, Not(HasSubstr("99999"))) << line;
    }
}

TEST(Toml, IsBounded) {
    std::string deep = "a";
    for (int i = 0; i < 1001; ++i) {
        deep += ".a";
    }
    EXPECT_EQ(toml_error(deep + " = 1"), "p.toml:1:1: more than 1000 dots in a line");
    EXPECT_THAT(toml_error(std::string((std::size_t{16} << 20) + 1, '\n')),
                HasSubstr("longer than"));
}

}  // namespace

}  // namespace weft::pool
