// SPDX-License-Identifier: Apache-2.0
#include "config/ini.h"

#include <map>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

using files = std::map<std::string, std::string>;

std::expected<configuration, std::string> read_text(std::string_view text,
                                                    const files& others = {}) {
    return read_ini(
        text, "p.ini", [&](const std::string& path) -> std::expected<std::string, std::string> {
            const auto found = others.find(path);
            return found != others.end() ? std::expected<std::string, std::string>(found->second)
                                         : std::unexpected("there is no " + path);
        });
}

configuration good_ini(std::string_view text, const files& others = {}) {
    auto made = read_text(text, others);
    EXPECT_TRUE(made) << made.error();
    return made ? *made : configuration{};
}

std::string ini_error(std::string_view text, const files& others = {}) {
    const auto made = read_text(text, others);
    return made ? "" : made.error();
}

TEST(Ini, ReadsWhatPgBouncerDocuments) {
    const configuration made = good_ini(R"(
;; a comment
# another one
[databases]
foodb =
bardb = host=localhost dbname=bazdb
forcedb = host=localhost port=300 user=baz password=foo client_encoding=UNICODE datestyle=ISO
* = host=fallback  auth_user=lookup

[users]
user1 = pool_mode=transaction max_user_connections=10

[pgbouncer]
logfile = /var/log/pgbouncer/pgbouncer.log
listen_addr = 127.0.0.1, ::1
  listen_port=6543
auth_type = scram-sha-256
auth_query = SELECT usename, passwd FROM f($1) ; # not a comment
server_login_retry = 0.5
pool_mode = Session
)");
    EXPECT_TRUE(made.warnings.empty());
    EXPECT_EQ(made.general.auth_query, "SELECT usename, passwd FROM f($1) ; # not a comment");
    EXPECT_EQ(made.databases.size(), 3U);
    EXPECT_EQ(made.databases.at("foodb"), database{});
    EXPECT_EQ(made.databases.at("bardb").dbname, "bazdb");
    const database& forced = made.databases.at("forcedb");
    EXPECT_THAT(forced.hosts, ElementsAre("localhost"));
    EXPECT_THAT(forced.ports, ElementsAre(300));
    EXPECT_EQ(forced.user, "baz");
    EXPECT_EQ(forced.password, "foo");
    EXPECT_EQ(forced.client_encoding, "UNICODE");
    EXPECT_EQ(forced.datestyle, "ISO");
    ASSERT_TRUE(made.fallback);
    EXPECT_EQ(made.fallback->auth_user, "lookup");
    EXPECT_EQ(made.users.at("user1").pool_mode, pool_mode::transaction);
    EXPECT_EQ(made.users.at("user1").max_user_connections, 10);
    EXPECT_THAT(made.general.listen_addr, ElementsAre("127.0.0.1", "::1"));
    EXPECT_EQ(made.general.listen_port, 6543);
    EXPECT_EQ(made.general.auth_type, auth_type::scram_sha_256);
    EXPECT_EQ(made.general.server_login_retry, 500ms);
    EXPECT_EQ(made.general.pool_mode, pool_mode::session);
    EXPECT_EQ(made.file, "p.ini");
}

TEST(Ini, ReadsAllOfADatabase) {
    const database made =
        good_ini(
            "[pgbouncer]\n[databases]\nd = host=a,b port=1,2 connect_query='SELECT ''x'', $1' "
            "pool_size=0 min_pool_size=1 reserve_pool=2 max_db_connections=3 "
            "max_db_client_connections=4 pool_mode=statement server_lifetime=60 "
            "query_wait_timeout=0 timezone=UTC application_name=app "
            "load_balance_hosts=disable target_session_attrs=read-write tls_sslmode=require\r\n")
            .databases.at("d");
    EXPECT_THAT(made.hosts, ElementsAre("a", "b"));
    EXPECT_THAT(made.ports, ElementsAre(1, 2));
    EXPECT_EQ(made.pool_size, 0);
    EXPECT_EQ(made.min_pool_size, 1);
    EXPECT_EQ(made.reserve_pool_size, 2);
    EXPECT_EQ(made.max_db_connections, 3);
    EXPECT_EQ(made.max_db_client_connections, 4);
    EXPECT_EQ(made.pool_mode, pool_mode::statement);
    EXPECT_EQ(made.server_lifetime, 60s);
    EXPECT_EQ(made.query_wait_timeout, 0s);
    EXPECT_EQ(made.connect_query, "SELECT 'x', $1");
    EXPECT_EQ(made.timezone, "UTC");
    EXPECT_EQ(made.application_name, "app");
    EXPECT_EQ(made.load_balance_hosts, load_balance_hosts::disable);
    EXPECT_EQ(made.target_session_attrs, target_session_attrs::read_write);
    EXPECT_EQ(made.tls_sslmode, sslmode::require);
}

TEST(Ini, ZeroIsAbsentWherePgBouncerTakesItSo) {
    const configuration made = good_ini(
        "[pgbouncer]\n[databases]\nd = server_lifetime=0 query_wait_timeout=-1\n"
        "[users]\nu = query_timeout=0 transaction_timeout=0 idle_transaction_timeout=0 "
        "client_idle_timeout=0 query_wait_timeout=0\n");
    EXPECT_EQ(made.databases.at("d"), database{});
    user expected;
    expected.query_wait_timeout = 0s;
    EXPECT_EQ(made.users.at("u"), expected);
}

TEST(Ini, NamesMayStandInQuotes) {
    const configuration made = good_ini(
        "[pgbouncer]\n[databases]\n'a = b' = dbname=x\n\"c \"\"d\"\"\" = dbname=y\n\"\"\"\" =\n");
    EXPECT_EQ(made.databases.at("a = b").dbname, "x");
    EXPECT_EQ(made.databases.at("c \"d\"").dbname, "y");
    EXPECT_TRUE(made.databases.contains("\""));
}

TEST(Ini, MoreMayFollowASectionsName) {
    const configuration made =
        good_ini("[pgbouncer] listen_port = 1\n[users] ; bob =\n[databases]d=");
    EXPECT_EQ(made.general.listen_port, 1);
    EXPECT_THAT(made.users, IsEmpty());
    EXPECT_TRUE(made.databases.contains("d"));
    EXPECT_EQ(ini_error("[pgbouncer] x = 1"), "p.ini:1: unknown parameter: \"x\"");
}

TEST(Ini, IncludesFiles) {
    const files others{{"db.ini", "[databases]\na = dbname=x\n"},
                       {"more.ini", "listen_port = 7\n%include deep.ini"},
                       {"deep.ini", "\n\nmin_pool_size = x\n"}};
    const configuration made = good_ini("%include db.ini\nb = dbname=y\n[pgbouncer]\n", others);
    EXPECT_EQ(made.databases.at("a").dbname, "x");
    EXPECT_EQ(made.databases.at("b").dbname, "y");
    EXPECT_EQ(ini_error("[pgbouncer]\n\t%include \t more.ini \n", others),
              "deep.ini:3: min_pool_size must be a whole number");
    EXPECT_EQ(ini_error("[pgbouncer]\n%include no.ini", others),
              "p.ini:2: %include: there is no no.ini");
    EXPECT_EQ(ini_error("[pgbouncer]\n%includes no.ini", others),
              "p.ini:2: syntax error: neither a comment, nor [section], nor name = value");
}

TEST(Ini, AnIncludedNameMovesNoCursor) {
    EXPECT_EQ(ini_error("%include a\x1b[2J", {{"a\x1b[2J", "x"}}),
              "a?[2J:1: syntax error: neither a comment, nor [section], nor name = value");
    EXPECT_EQ(ini_error("%include b\x1b"), "p.ini:1: %include: there is no b?");
}

TEST(Ini, IncludesAreBounded) {
    EXPECT_THAT(ini_error("%include " + std::string(5000, 'a')), HasSubstr("too long"));
    EXPECT_THAT(ini_error("%include a", {{"a", "%include a"}}), HasSubstr("too many, or too deep"));
    // Ten levels, a hundred times each: a file of a few bytes must not take for ever.
    files others;
    for (int level = 0; level < 9; ++level) {
        for (int i = 0; i < 100; ++i) {
            others[fmt::format("{}", level)] += fmt::format("%include {}\n", level + 1);
        }
    }
    others["9"] = ";";
    EXPECT_THAT(ini_error("%include 0", others), HasSubstr("too many, or too deep"));
    EXPECT_THAT(ini_error("%include a\n%include a", {{"a", std::string(9 << 20, '\n')}}),
                HasSubstr("longer than"));
}

TEST(Ini, WarnsOnceOfWhatIsNotHonoured) {
    const configuration made = good_ini(
        "[pgbouncer]\npkt_buf = 8192\nsbuf_loopcnt = 5\npkt_buf = 16384\n"
        "[peers]\n1 = host=a\n2 = host=b\n");
    EXPECT_THAT(made.warnings,
                ElementsAre("p.ini:2: pkt_buf is not honoured: weft-pool sizes its buffers itself",
                            testing::StartsWith("p.ini:6: [peers] is not honoured: ")));
}

TEST(Ini, ASecondGeneralSectionBeginsAnew) {
    const configuration made =
        good_ini("[pgbouncer]\nlisten_port = 1\n[databases]\n[pgbouncer]\nmin_pool_size = 1\n");
    EXPECT_EQ(made.general.listen_port, settings{}.listen_port);
    EXPECT_EQ(made.general.min_pool_size, 1);
    EXPECT_THAT(made.warnings, ElementsAre(HasSubstr("p.ini:4: [pgbouncer] begins again")));
}

TEST(Ini, SaysWhereWhatIsWrong) {
    EXPECT_EQ(ini_error(""), "p.ini: there is no section [pgbouncer]");
    EXPECT_EQ(ini_error("[databases]\n"), "p.ini: there is no section [pgbouncer]");
    EXPECT_EQ(ini_error("\nlisten_port = 1"), "p.ini:2: a value without a section");
    EXPECT_EQ(ini_error("[pgbouncer"), "p.ini:1: syntax error: a section's name ends with ]");
    EXPECT_EQ(ini_error("[pgbouncer\n]"), "p.ini:1: syntax error: a section's name ends with ]");
    EXPECT_EQ(ini_error("[pool]"), "p.ini:1: unknown section: \"pool\"");
    EXPECT_EQ(ini_error("[pgbouncer]\nno_such = 1"), "p.ini:2: unknown parameter: \"no_such\"");
    EXPECT_EQ(ini_error("[pgbouncer]\npool_mode = x"),
              "p.ini:2: pool_mode must be session, transaction or statement");
    EXPECT_THAT(ini_error("[pgbouncer]\nlisten_port: 1"), HasSubstr("p.ini:2: syntax error"));
    EXPECT_THAT(ini_error("[pgbouncer]\n'x = 1"), HasSubstr("p.ini:2: syntax error"));
    EXPECT_THAT(ini_error("[pgbouncer]\n'' = 1"), HasSubstr("p.ini:2: a name must not"));
    EXPECT_THAT(ini_error("[users]\n'a\x0e' ="), HasSubstr("p.ini:2: a name must not"));
    EXPECT_THAT(ini_error({"[pgbouncer]\nworkers = 1\0", 24}), HasSubstr("p.ini:2: there is a"));
    EXPECT_EQ(ini_error("[databases]\npgbouncer = host=x"),
              "p.ini:2: database name \"pgbouncer\" is reserved");
    EXPECT_EQ(ini_error("[databases]\nd = pool_size=x"),
              "p.ini:2: pool_size must be a whole number");
    EXPECT_EQ(ini_error("[users]\nu = pool_siz=1"),
              "p.ini:2: unrecognized connection parameter: \"pool_siz\"");
}

TEST(Ini, ChecksThatSettingsFitTogether) {
    EXPECT_EQ(ini_error("[pgbouncer]\nclient_tls_sslmode = require"),
              "p.ini: client_tls_sslmode needs client_tls_key_file and client_tls_cert_file");
    EXPECT_EQ(ini_error("[pgbouncer]\nclient_tls_sslmode = verify-full\nclient_tls_key_file=k\n"
                        "client_tls_cert_file = c"),
              "p.ini: client_tls_sslmode = verify-ca needs client_tls_ca_file");
    EXPECT_EQ(ini_error("[pgbouncer]\nauth_type = hba"),
              "p.ini: auth_type = hba needs auth_hba_file");
    EXPECT_EQ(ini_error("[pgbouncer]\n[databases]\nd = host=a port=1,2"),
              "p.ini: database \"d\": port must be one, or one for each host");
    EXPECT_EQ(ini_error("[pgbouncer]\n[databases]\n* = port=1,2"),
              "p.ini: database \"*\": port must be one, or one for each host");
    EXPECT_EQ(ini_error("[pgbouncer]\n[databases]\nd = host=a tls_direct=1"),
              "p.ini: database \"d\": tls_direct needs tls_sslmode = require or more");
    EXPECT_THAT(good_ini("[pgbouncer]\nserver_tls_protocols = all").warnings,
                ElementsAre(HasSubstr("server_tls_protocols: TLS 1.0 and 1.1 are not spoken")));
}

TEST(Ini, NoMessageHasASecret) {
    for (const char* const entry :
         {"password=hush hush=2", "password='hush", "password=hush pool_size=x",
          "password='hush'hush", "password=hush port=1,2", "user=u password=hush x"}) {
        const std::string error = ini_error(std::string("[pgbouncer]\n[databases]\nd = ") + entry);
        EXPECT_THAT(error, Not(testing::IsEmpty())) << entry;
        EXPECT_THAT(error, Not(HasSubstr("hush"))) << entry;
    }
}

}  // namespace

}  // namespace weft::pool
