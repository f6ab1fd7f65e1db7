// SPDX-License-Identifier: Apache-2.0
#include "config/setting_table.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// PgBouncer's, up to 1.25 and what its main branch has since; the default as SHOW CONFIG writes it.
constexpr std::pair<std::string_view, std::string_view> of_pgbouncer[] = {
    {"admin_users", ""},
    {"application_name_add_host", "0"},
    {"auth_dbname", ""},
    {"auth_file", ""},
    {"auth_hba_file", ""},
    {"auth_ident_file", ""},
    {"auth_ldap_options", ""},
    {"auth_query",
     "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END FROM "
     "pg_authid WHERE rolname=$1 AND rolcanlogin"},
    {"auth_type", "md5"},
    {"auth_user", ""},
    {"autodb_idle_timeout", "3600"},
    {"cancel_wait_timeout", "10"},
    {"client_idle_timeout", "0"},
    {"client_login_timeout", "60"},
    {"client_tls13_ciphers", ""},
    {"client_tls_ca_file", ""},
    {"client_tls_cert_file", ""},
    {"client_tls_ciphers", "default"},
    {"client_tls_dheparams", "auto"},
    {"client_tls_ecdhcurve", "auto"},
    {"client_tls_key_file", ""},
    {"client_tls_protocols", "secure"},
    {"client_tls_sslmode", "disable"},
    {"conffile", ""},
    {"default_pool_size", "20"},
    {"disable_pqexec", "0"},
    {"dns_max_ttl", "15"},
    {"dns_nxdomain_ttl", "15"},
    {"dns_zone_check_period", "0"},
    {"idle_transaction_timeout", "0"},
    {"ignore_startup_parameters", ""},
    {"job_name", "pgbouncer"},
    {"listen_addr", ""},
    {"listen_port", "6432"},
    {"log_connections", "1"},
    {"log_disconnections", "1"},
    {"log_pooler_errors", "1"},
    {"log_stats", "1"},
    {"logfile", ""},
    {"login_notify_message", ""},
    {"max_client_conn", "100"},
    {"max_db_client_connections", "0"},
    {"max_db_connections", "0"},
    {"max_packet_size", "2147483647"},
    {"max_prepared_statements", "200"},
    {"max_user_client_connections", "0"},
    {"max_user_connections", "0"},
    {"min_pool_size", "0"},
    {"peer_id", "0"},
    {"pidfile", ""},
    {"pkt_buf", "4096"},
    {"pool_idle_timeout", "0"},
    {"pool_mode", "session"},
    {"query_timeout", "0"},
    {"query_wait_notify", "5"},
    {"query_wait_timeout", "120"},
    {"reserve_pool_size", "0"},
    {"reserve_pool_timeout", "5"},
    {"resolv_conf", ""},
    {"sbuf_loopcnt", "5"},
    {"scram_iterations", "4096"},
    {"server_check_delay", "30"},
    {"server_check_query", "<empty>"},
    {"server_connect_timeout", "15"},
    {"server_fast_close", "0"},
    {"server_idle_timeout", "600"},
    {"server_lifetime", "3600"},
    {"server_login_retry", "15"},
    {"server_reset_query", "DISCARD ALL"},
    {"server_reset_query_always", "0"},
    {"server_round_robin", "0"},
    {"server_tls13_ciphers", ""},
    {"server_tls_ca_file", ""},
    {"server_tls_cert_file", ""},
    {"server_tls_ciphers", "default"},
    {"server_tls_key_file", ""},
    {"server_tls_protocols", "secure"},
    {"server_tls_sslmode", "prefer"},
    {"service_name", "pgbouncer"},
    {"so_reuseport", "0"},
    {"stats_period", "60"},
    {"stats_users", ""},
    {"suspend_timeout", "10"},
    {"syslog", "0"},
    {"syslog_facility", "daemon"},
    {"syslog_ident", "pgbouncer"},
    {"tcp_defer_accept", "1"},
    {"tcp_keepalive", "1"},
    {"tcp_keepcnt", "0"},
    {"tcp_keepidle", "0"},
    {"tcp_keepintvl", "0"},
    {"tcp_socket_buffer", "0"},
    {"tcp_user_timeout", "0"},
    {"track_extra_parameters", "IntervalStyle"},
    {"transaction_timeout", "0"},
    {"unix_socket_dir", "/tmp"},
    {"unix_socket_group", ""},
    {"unix_socket_mode", "0777"},
    {"user", ""},
    {"verbose", "0"},
};

const setting<settings>& general_setting(std::string_view name) {
    return *find_setting<settings>(name);
}

std::string set_error(std::string_view name, std::string_view text) {
    settings into;
    const auto read = set_from_text(general_setting(name), text, into);
    EXPECT_EQ(into, settings{}) << name << " = " << text;
    return read ? "" : read.error();
}

template <class Member>
Member value_of(std::string_view name, std::string_view text, Member settings::* where) {
    settings into;
    const auto read = set_from_text(general_setting(name), text, into);
    EXPECT_TRUE(read) << name << " = " << text << ": " << read.error();
    return into.*where;
}

TEST(SettingTable, HasAllOfPgBouncerWithItsDefaults) {
    for (const auto& [name, usual] : of_pgbouncer) {
        const setting<settings>* const found = find_setting<settings>(name);
        ASSERT_NE(found, nullptr) << name;
        EXPECT_FALSE(found->own) << name;
        EXPECT_EQ(found->honoured() ? value_text(*found, settings{}) : std::string(found->fixed),
                  usual)
            << name;
    }
    // The one default that differs on purpose.
    EXPECT_EQ(value_text(general_setting("listen_backlog"), settings{}), "4096");
    const auto others = std::ranges::count(general_settings(), false, &setting<settings>::own);
    EXPECT_EQ(others, std::ssize(of_pgbouncer) + 1);
}

template <class Owner>
void expect_well_formed() {
    const auto all = settings_of<Owner>();
    EXPECT_TRUE(std::ranges::is_sorted(all, {}, &setting<Owner>::name));
    for (const setting<Owner>& each : all) {
        EXPECT_EQ(find_setting<Owner>(each.name), &each);
        EXPECT_TRUE(each.about.ends_with('.')) << each.name;
        EXPECT_EQ(each.honoured(), kind_of(each) != value_kind::none) << each.name;
        // What is shown can be set.
        Owner again;
        if (const auto text = value_text(each, Owner{}); text && each.how != writing::secret) {
            EXPECT_TRUE(set_from_text(each, *text, again)) << each.name << " = " << *text;
            EXPECT_EQ(again, Owner{}) << each.name;
        }
    }
    EXPECT_EQ(find_setting<Owner>("no_such_setting"), nullptr);
    EXPECT_EQ(find_setting<Owner>("zzz"), nullptr);
}

TEST(SettingTable, IsWellFormed) {
    expect_well_formed<settings>();
    expect_well_formed<database>();
    expect_well_formed<user>();
    expect_well_formed<tenant>();
}

TEST(SettingTable, ReadsNumbersAsC) {
    EXPECT_EQ(value_of("listen_port", "0x10", &settings::listen_port), 16);
    EXPECT_EQ(value_of("listen_port", "010", &settings::listen_port), 8);
    EXPECT_EQ(value_of("unix_socket_mode", "0700", &settings::unix_socket_mode), 0700);
    EXPECT_EQ(value_of("max_packet_size", "+2147483647", &settings::max_packet_size), 2147483647U);
    for (const char* const wrong :
         {"", "x", "1x", "-", "0x", "08", "1.5", "--1", "- 1", "99999999999999999999999"}) {
        EXPECT_EQ(set_error("listen_port", wrong), "must be a whole number") << wrong;
    }
    EXPECT_EQ(set_error("listen_port", "65536"), "must be from 0 to 65535");
    EXPECT_EQ(set_error("listen_port", "-1"), "must be from 0 to 65535");
    EXPECT_EQ(set_error("unix_socket_mode", "010000"), "must be from 0 to 07777");
}

TEST(SettingTable, ReadsFlagsAsNumbersAndWords) {
    EXPECT_TRUE(value_of("so_reuseport", "1", &settings::so_reuseport));
    EXPECT_TRUE(value_of("so_reuseport", "2", &settings::so_reuseport));
    EXPECT_TRUE(value_of("so_reuseport", "Yes", &settings::so_reuseport));
    EXPECT_FALSE(value_of("log_stats", "0", &settings::log_stats));
    EXPECT_EQ(set_error("log_stats", "maybe"), "must be 0 or 1");
}

TEST(SettingTable, ReadsTimesInSecondsOrWithAUnit) {
    constexpr auto where = &settings::query_timeout;
    EXPECT_EQ(value_of("query_timeout", "1.5", where), 1500ms);
    EXPECT_EQ(value_of("query_timeout", "2min", where), 2min);
    EXPECT_EQ(value_of("query_timeout", "3 ms", where), 3ms);
    EXPECT_EQ(value_of("query_timeout", "1d", where), 24h);
    EXPECT_EQ(value_of("query_timeout", "0.000001", where), 1us);
    EXPECT_EQ(value_of("tcp_user_timeout", "1500", &settings::tcp_user_timeout), 1500ms);
    EXPECT_EQ(value_of("tcp_user_timeout", "2s", &settings::tcp_user_timeout), 2s);
    for (const char* const wrong : {"", "s", "-1", "1 week", "nan", "inf", "1e", "0x1"}) {
        EXPECT_THAT(set_error("query_timeout", wrong), HasSubstr("must be a time")) << wrong;
    }
    EXPECT_THAT(set_error("query_timeout", "1e300"), HasSubstr("below 126 years"));
    EXPECT_EQ(set_error("stats_period", "0"), "must be longer");
}

TEST(SettingTable, ReadsWordsInAnyCase) {
    EXPECT_EQ(value_of("pool_mode", "Transaction", &settings::pool_mode), pool_mode::transaction);
    EXPECT_EQ(value_of("auth_type", "scram-sha-256", &settings::auth_type),
              auth_type::scram_sha_256);
    EXPECT_EQ(set_error("pool_mode", "both"), "must be session, transaction or statement");
    EXPECT_THAT(set_error("auth_type", "ldap"), HasSubstr("must be any, trust"));
}

TEST(SettingTable, ReadsListsWithoutBlanks) {
    EXPECT_THAT(value_of("admin_users", " a, b ,,c", &settings::admin_users),
                testing::ElementsAre("a", "b", "c"));
    EXPECT_THAT(value_of("track_extra_parameters", "", &settings::track_extra_parameters),
                testing::IsEmpty());
}

TEST(SettingTable, ReadsVersionsOfTls) {
    constexpr auto where = &settings::client_tls_protocols;
    EXPECT_EQ(value_of("client_tls_protocols", "secure", where),
              (tls_protocols{false, false, true, true}));
    EXPECT_EQ(value_of("client_tls_protocols", "all:!tlsv1.0", where),
              (tls_protocols{false, true, true, true}));
    EXPECT_EQ(value_of("client_tls_protocols", "tlsv1.3", where),
              (tls_protocols{false, false, false, true}));
    EXPECT_THAT(set_error("client_tls_protocols", "tlsv1.0,tlsv1.1"), HasSubstr("not spoken"));
    EXPECT_THAT(set_error("client_tls_protocols", "sslv3"), HasSubstr("must be secure"));
    EXPECT_THAT(set_error("client_tls_protocols", ""), HasSubstr("not spoken"));
}

TEST(SettingTable, ReadsWhatATenantIs) {
    EXPECT_EQ(value_of("tenant_by", "user, application_name", &settings::tenant_by),
              (tenant_key{false, true, true}));
    EXPECT_THAT(set_error("tenant_by", ""), HasSubstr("must be some of"));
    EXPECT_THAT(set_error("tenant_by", "user,host"), HasSubstr("must be some of"));
}

TEST(SettingTable, TextsHaveNoCharacterZero) {
    using namespace std::string_view_literals;
    EXPECT_THAT(set_error("logfile", "a\0b"sv), HasSubstr("character 0"));
    EXPECT_THAT(set_error("admin_users", "a\0b"sv), HasSubstr("character 0"));
}

TEST(SettingTable, InADatabaseMinusOneIsAbsent) {
    database of;
    of.pool_size = 3;
    ASSERT_TRUE(set_from_text(*find_setting<database>("pool_size"), "-1", of));
    EXPECT_EQ(of.pool_size, std::nullopt);
    EXPECT_FALSE(set_from_text(*find_setting<database>("pool_size"), "-2", of));
}

TEST(SettingTable, NeverShowsASecret) {
    const setting<database>& password = *find_setting<database>("password");
    database of;
    EXPECT_EQ(value_text(password, of), "");
    of.password = "hush";
    EXPECT_EQ(value_text(password, of), "***");
    EXPECT_EQ(value_toml(password, of), "\"hush\"");
}

TEST(SetGeneral, SaysWhyNot) {
    settings in;
    ASSERT_TRUE(set_general(in, "default_pool_size", "7"));
    EXPECT_EQ(in.default_pool_size, 7);
    const auto error = [&](std::string_view name, std::string_view value) {
        return set_general(in, name, value).error();
    };
    EXPECT_EQ(error("nothing", "1"), "unknown parameter: \"nothing\"");
    EXPECT_EQ(error("listen_port", "1"), "listen_port cannot be changed without a restart");
    EXPECT_EQ(error("default_pool_size", "x"), "default_pool_size must be a whole number");
    EXPECT_EQ(error("pkt_buf", "1"), "pkt_buf is not honoured: weft-pool sizes its buffers itself");
    EXPECT_EQ(in.listen_port, settings{}.listen_port);
}

TEST(KeepUntilRestart, LeavesTheOthers) {
    settings running;
    running.listen_port = 1;
    settings fresh;
    fresh.listen_port = 2;
    fresh.query_timeout = 3s;
    keep_until_restart(fresh, running);
    EXPECT_EQ(fresh.listen_port, 1);
    EXPECT_EQ(fresh.query_timeout, 3s);
}

TEST(ShowConfig, HasARowForEach) {
    configuration of;
    of.file = "/etc/pool.toml";
    of.general.query_timeout = 1500ms;
    const auto rows = show_config(of);
    ASSERT_EQ(rows.size(), general_settings().size());
    const auto row = [&](std::string_view key) {
        return *std::ranges::find(rows, key, &config_row::key);
    };
    EXPECT_EQ(row("query_timeout").value, "1.5");
    EXPECT_EQ(row("query_timeout").usual, "0");
    EXPECT_TRUE(row("query_timeout").changeable);
    EXPECT_FALSE(row("listen_port").changeable);
    EXPECT_FALSE(row("pkt_buf").changeable);
    EXPECT_EQ(row("pkt_buf").value, "4096");
    EXPECT_EQ(row("conffile").value, "/etc/pool.toml");
    EXPECT_EQ(row("unix_socket_mode").value, "0777");
}

// With WEFT_WRITE_GUIDE in the environment the guide gets the tables instead.
TEST(Markdown, IsWhatTheGuideSays) {
    std::ifstream file(WEFT_POOL_GUIDE);
    std::string guide{std::istreambuf_iterator<char>(file), {}};
    const std::size_t tables = guide.find("### General: ");
    ASSERT_NE(tables, std::string::npos);
    if (std::getenv("WEFT_WRITE_GUIDE") != nullptr) {
        guide.replace(tables, std::string::npos, settings_as_markdown());
        std::ofstream(WEFT_POOL_GUIDE) << guide;
    }
    EXPECT_EQ(guide.substr(tables), settings_as_markdown());
}

TEST(Markdown, NamesEachSettingOnce) {
    const std::string page = settings_as_markdown();
    for (const setting<settings>& each : general_settings()) {
        EXPECT_THAT(page, HasSubstr("| `" + std::string(each.name) + "`")) << each.name;
    }
    EXPECT_THAT(page, HasSubstr("| `pkt_buf` | `4096` | The size of a buffer. **Not honoured**: "
                                "weft-pool sizes its buffers itself. |\n"));
    EXPECT_THAT(page, HasSubstr("| `listen_port` | `6432` |"));
    EXPECT_THAT(page, HasSubstr("| `weight` (weft-pool's) | `1024` |"));
}

}  // namespace

}  // namespace weft::pool
