// SPDX-License-Identifier: Apache-2.0
#include "config/migrate.h"

#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "config/ini.h"
#include "config/setting_table.h"
#include "config/toml.h"

namespace weft::pool {

namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

/// Text that differs from a setting's default.
template <class Owner>
std::string other_text(const setting<Owner>& what) {
    const std::string usual = value_text(what, Owner{}).value_or("");
    switch (kind_of(what)) {
        case value_kind::flag:
            return usual == "1" ? "0" : "1";
        case value_kind::number:
            return what.how == writing::octal ? "0640" : "17";
        case value_kind::numbers:
            return "5433";
        case value_kind::time:
            return "7.25";
        case value_kind::word:
            return what.name.ends_with("session_attrs") ? "standby"
                   : what.name.ends_with("hosts")       ? "disable"
                   : what.name.ends_with("sslmode")     ? "verify-full"
                   : what.name.ends_with("_version")    ? "3.2"
                   : what.name == "pool_mode"           ? "statement"
                   : what.name == "auth_type"           ? "hba"
                                                        : "json";
        case value_kind::words:
            return what.name.ends_with("protocols") ? "tlsv1.3"
                   : what.name == "tenant_by"       ? "user,application_name"
                                                    : "one,two";
        case value_kind::text:
            return "it \"has\" \\ all # of; 'it'";
        case value_kind::none:
            return "1";
    }
    return "";
}

template <class Owner>
std::string other_entry() {
    std::string entry;
    for (const setting<Owner>& each : settings_of<Owner>()) {
        std::string quoted;
        for (const char c : other_text(each)) {
            quoted += c == '\'' ? "''" : std::string(1, c);
        }
        entry += fmt::format(" {}='{}'", each.name, quoted);
    }
    return entry;
}

configuration ini(const std::string& text) {
    auto made = read_ini(text, "p.ini", [](const std::string&) {
        return std::expected<std::string, std::string>(std::unexpect, "no files");
    });
    EXPECT_TRUE(made) << made.error();
    return made ? *made : configuration{};
}

TEST(Migrate, AllSettingsSurvive) {
    std::string text = "[pgbouncer]\n";
    for (const setting<settings>& each : general_settings()) {
        text += fmt::format("{} = {}\n", each.name, other_text(each));
    }
    text += "[databases]\nsales =" + other_entry<database>() + "\n'a \"b\" = c' =\n* = port=1\n";
    text += "[users]\nbob =" + other_entry<user>() + "\nann =\n";
    const configuration made = ini(text);
    // None was left at its default.
    for (const setting<settings>& each : general_settings()) {
        EXPECT_EQ(same_value(each, made.general, settings{}), !each.honoured()) << each.name;
    }
    for (const setting<database>& each : database_settings()) {
        EXPECT_EQ(same_value(each, made.databases.at("sales"), database{}), !each.honoured())
            << each.name;
    }
    for (const setting<user>& each : user_settings()) {
        EXPECT_EQ(same_value(each, made.users.at("bob"), user{}), !each.honoured()) << each.name;
    }
    const auto toml = as_toml(made);
    ASSERT_TRUE(toml) << toml.error();
    const auto again = read_toml(*toml, "p.toml");
    ASSERT_TRUE(again) << again.error();
    EXPECT_TRUE(same(*again, made)) << *toml;
    EXPECT_EQ(again->databases.at("sales").password, "it \"has\" \\ all # of; 'it'");
}

TEST(Migrate, WritesWhatDiffersOnly) {
    configuration from =
        ini("[pgbouncer]\npkt_buf = 1\nlisten_port = 6432\nquery_timeout = 0.1\n"
            "listen_addr = *\nunix_socket_mode = 0770\nlog_stats = 0\n"
            "[databases]\nd = host=a dbname=x\n");
    from.tenants["t"].user = "bob";
    const auto toml = as_toml(from);
    ASSERT_TRUE(toml) << toml.error();
    EXPECT_EQ(*toml, R"(# weft-pool, from p.ini
# p.ini:2: pkt_buf is not honoured: weft-pool sizes its buffers itself

[pool]
listen_addr = ["*"]
log_stats = false
query_timeout = "100ms"
unix_socket_mode = 0o770

[databases.d]
dbname = "x"
host = ["a"]

[tenants.t]
user = "bob"
)");
}

TEST(Migrate, SaysWhatTomlCannotHold) {
    const auto toml = as_toml(ini("[pgbouncer]\n[databases]\nd = password=hush\xff\n"));
    ASSERT_FALSE(toml);
    EXPECT_THAT(toml.error(), StartsWith("p.ini cannot be written as TOML: "));
    EXPECT_THAT(toml.error(), testing::Not(HasSubstr("hush")));
}

}  // namespace

}  // namespace weft::pool
