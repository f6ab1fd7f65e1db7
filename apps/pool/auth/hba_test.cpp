// SPDX-License-Identifier: Apache-2.0
#include "auth/hba.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

namespace weft::pool {
namespace {

using testing::HasSubstr;

hba_client client_from(std::string_view address) {
    hba_client client;
    client.database = "shop";
    client.user = "alice";
    client.address = address.empty() ? hba_address() : hba_address::parse(address).value();
    return client;
}

hba_rules rules_of(std::string_view text) {
    hba_file file = parse_hba(text);
    EXPECT_TRUE(file.errors.empty()) << file.errors.front().message;
    return std::move(file.rules);
}

/// The number of the line that decides, 0: none.
std::size_t line_for(const hba_rules& rules, const hba_client& client) {
    const hba_rule* const rule = rules.match(client);
    return rule == nullptr ? 0 : rule->line;
}

/// What is wrong with a line.
std::string error_of(std::string_view line, const hba_file_reader& read_file = nullptr) {
    const hba_file file = parse_hba(line, read_file);
    EXPECT_TRUE(file.rules.rules().empty()) << line;
    return file.errors.size() == 1 ? file.errors.front().message : "not one error";
}

std::string warning_of(std::string_view line) {
    const hba_file file = parse_hba(line);
    EXPECT_EQ(file.rules.rules().size(), 1U) << line;
    return file.warnings.empty() ? "none" : file.warnings.front().message;
}

TEST(hba, takes_the_first_rule_that_fits) {
    const hba_rules rules = rules_of(
        "# TYPE DATABASE USER ADDRESS METHOD\n"
        "local all all peer\n"
        "\n"
        "host shop alice 10.0.0.0/8 md5\n"
        "host all all 10.0.0.0/8 reject # no\n"
        "host all all all scram-sha-256\r\n");
    EXPECT_EQ(line_for(rules, client_from("")), 2U);
    EXPECT_EQ(line_for(rules, client_from("10.1.2.3")), 4U);
    EXPECT_EQ(line_for(rules, client_from("192.0.2.1")), 6U);
    hba_client bob = client_from("10.1.2.3");
    bob.user = "bob";
    EXPECT_EQ(line_for(rules, bob), 5U);
    EXPECT_EQ(rules.match(bob)->method, hba_method::reject);
}

TEST(hba, refuses_whom_no_rule_fits) {
    EXPECT_EQ(rules_of("").match(client_from("")), nullptr);
    EXPECT_EQ(rules_of("host all all all trust").match(client_from("")), nullptr);
    EXPECT_EQ(rules_of("local all all trust").match(client_from("::1")), nullptr);
    EXPECT_EQ(rules_of("host other all all trust").match(client_from("::1")), nullptr);
    EXPECT_EQ(rules_of("host all bob all trust").match(client_from("::1")), nullptr);
}

TEST(hba, knows_tls) {
    const hba_rules rules = rules_of(
        "hostssl all all all trust\n"
        "hostnossl all all all md5\n");
    hba_client client = client_from("::1");
    EXPECT_EQ(line_for(rules, client), 2U);
    client.tls = true;
    EXPECT_EQ(line_for(rules, client), 1U);
    client.address = {};
    EXPECT_EQ(line_for(rules, client), 0U);
    EXPECT_EQ(line_for(rules_of("host all all ::1/128 trust"), client_from("::1")), 1U);
}

TEST(hba, reads_all_methods) {
    const hba_rules rules = rules_of(
        "local a a trust\n"
        "local a a reject\n"
        "local a a md5\n"
        "local a a password\n"
        "local a a scram-sha-256\n"
        "hostssl a a all cert\n"
        "local a a peer\n");
    const hba_method expected[] = {
        hba_method::trust,         hba_method::reject, hba_method::md5, hba_method::password,
        hba_method::scram_sha_256, hba_method::cert,   hba_method::peer};
    ASSERT_EQ(rules.rules().size(), std::size(expected));
    for (std::size_t i = 0; i < std::size(expected); ++i) {
        EXPECT_EQ(rules.rules()[i].method, expected[i]);
    }
}

TEST(hba, reads_lists_and_quoted_names) {
    const hba_rules rules = rules_of(
        "local \"all\",\"a \"\"b\"\"\" , shop bob,\"#1\",alice trust\n"
        "local a alice md5\n");
    hba_client client = client_from("");
    EXPECT_EQ(line_for(rules, client), 1U);
    client.database = "a \"b\"";
    EXPECT_EQ(line_for(rules, client), 1U);
    client.user = "#1";
    EXPECT_EQ(line_for(rules, client), 1U);
    client.database = "all";
    EXPECT_EQ(line_for(rules, client), 1U);
    client.user = "alice";
    client.database = "a";
    EXPECT_EQ(line_for(rules, client), 2U);
    client.database = "else";  // "all" is a name here
    EXPECT_EQ(line_for(rules, client), 0U);
}

TEST(hba, knows_sameuser) {
    const hba_rules rules = rules_of("local sameuser all trust\nlocal all sameuser md5\n");
    hba_client client = client_from("");
    EXPECT_EQ(line_for(rules, client), 0U);
    client.database = "alice";
    EXPECT_EQ(line_for(rules, client), 1U);
}

TEST(hba, lets_physical_replication_in_by_its_own_rules_only) {
    const hba_rules rules = rules_of(
        "local all,\"replication\" all trust\n"
        "local replication alice md5\n");
    hba_client client = client_from("");
    client.physical_replication = true;
    client.database = "replication";
    EXPECT_EQ(line_for(rules, client), 2U);
    client.physical_replication = false;
    EXPECT_EQ(line_for(rules, client), 1U);
    EXPECT_EQ(line_for(rules_of("local replication all trust"), client), 0U);
}

TEST(hba, compares_addresses_by_their_masks) {
    struct one {
        std::string_view rule;
        std::string_view address;
        bool fits;
    };
    const one cases[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.0 255.255.255.0", "192.0.2.7", true},
        {"192.0.2.0 255.255.255.0", "192.0.1.7", false},
        {"192.0.2.7/32", "192.0.2.7", true},
        {"192.0.2.7/32", "192.0.2.6", false},
        {"192.0.2.128/25", "192.0.2.129", true},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "::1", false},
        {"::/0", "::1", true},
        {"::/0", "127.0.0.1", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"2001:db8:: ffff:ffff::", "2001:db8:1::1", true},
        {"2001:db8:: ffff:ffff::", "2001:db9::1", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
        {"192.0.2.1/24", "192.0.2.1", false},  // bits beyond the mask
    };
    for (const one& each : cases) {
        const hba_rules rules = rules_of("host all all " + std::string(each.rule) + " trust");
        EXPECT_EQ(rules.match(client_from(each.address)) != nullptr, each.fits)
            << each.rule << " and " << each.address;
    }
}

TEST(hba, takes_addresses_of_system_calls) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ASSERT_EQ(inet_pton(AF_INET, "192.0.2.1", &ipv4.sin_addr), 1);
    EXPECT_EQ(hba_address::from_native(reinterpret_cast<sockaddr*>(&ipv4)),
              hba_address::parse("192.0.2.1"));
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ASSERT_EQ(inet_pton(AF_INET6, "2001:db8::1", &ipv6.sin6_addr), 1);
    EXPECT_EQ(hba_address::from_native(reinterpret_cast<sockaddr*>(&ipv6)),
              hba_address::parse("2001:db8::1"));
    ASSERT_EQ(inet_pton(AF_INET6, "::ffff:192.0.2.1", &ipv6.sin6_addr), 1);
    EXPECT_EQ(hba_address::from_native(reinterpret_cast<sockaddr*>(&ipv6)),
              hba_address::parse("192.0.2.1"));
    sockaddr local{};
    local.sa_family = AF_UNIX;
    EXPECT_EQ(hba_address::from_native(&local), hba_address());
    EXPECT_EQ(hba_address::parse("localhost"), std::nullopt);
    EXPECT_EQ(hba_address::parse(std::string_view("::1\0", 4)), std::nullopt);
}

TEST(hba, keeps_the_name_of_a_map) {
    const hba_rules rules = rules_of(
        "local all all peer map=people\n"
        "hostssl all all all cert map=\"some people\"\n");
    EXPECT_EQ(rules.rules()[0].map, "people");
    EXPECT_EQ(rules.rules()[1].map, "some people");
    EXPECT_THAT(error_of("local all all peer map="), HasSubstr("a name after map= expected"));
    EXPECT_THAT(error_of("local all all peer map=a b"), HasSubstr("\"b\" is not supported"));
}

TEST(hba, reads_names_from_files) {
    const hba_file_reader files = [](std::string_view name) -> std::optional<std::string> {
        if (name == "users") {
            return "alice # her\n\n\"bob\",carol,@more\n";
        }
        if (name == "more") {
            return "dave";
        }
        if (name == "itself") {
            return "@itself";
        }
        return name == "blank" ? std::optional("alice bob") : std::nullopt;
    };
    const hba_file file = parse_hba("local all @users trust", files);
    EXPECT_TRUE(file.errors.empty());
    for (const std::string_view user : {"alice", "bob", "carol", "dave"}) {
        hba_client client = client_from("");
        client.user = user;
        EXPECT_EQ(line_for(file.rules, client), 1U) << user;
    }
    EXPECT_EQ(file.rules.rules()[0].users.names.size(), 4U);
    EXPECT_THAT(error_of("local all @none trust", files), HasSubstr("\"@none\" cannot be read"));
    EXPECT_THAT(error_of("local all @users trust"), HasSubstr("cannot be read"));
    EXPECT_EQ(error_of("local all @itself trust", files), "more than 100 files with names");
    EXPECT_THAT(error_of("local all @blank trust", files), HasSubstr("but found \"bob\""));
}

TEST(hba, says_which_lines_are_wrong_and_leaves_them_out) {
    const hba_file file = parse_hba(
        "local all all trust\n"
        "nonsense\n"
        "host all all all md5\n"
        "host all all all ldap\n");
    EXPECT_EQ(file.rules.rules().size(), 2U);
    ASSERT_EQ(file.errors.size(), 2U);
    EXPECT_EQ(file.errors[0].line, 2U);
    EXPECT_EQ(file.errors[1].line, 4U);
    EXPECT_EQ(file.errors[0].message,
              "local, host, hostssl or hostnossl expected, but found \"nonsense\"");
}

TEST(hba, says_what_is_wrong) {
    const std::pair<std::string_view, std::string_view> wrong[] = {
        {"\"local\" all all trust", "local, host, hostssl or hostnossl expected"},
        {"hostgssenc all all all trust", "local, host, hostssl or hostnossl expected"},
        {"local", "a database expected, but found the end of the line"},
        {"local ,all all trust", "a database expected, but found a comma"},
        {"local all", "a user expected, but found the end of the line"},
        {"local all, all trust", "expected, but found the end of the line"},
        {"local samerole all trust", "samerole is not supported"},
        {"local samegroup all trust", "samegroup is not supported"},
        {"local +a all trust", "groups (\"+a\") are not supported"},
        {"local all +a trust", "groups (\"+a\") are not supported"},
        {"local /a all trust", "regular expressions (\"/a\") are not supported"},
        {"local all \"a trust", "a user expected, but found a quotation mark without an end"},
        {"local all all", "trust, reject, md5, password, scram-sha-256, cert or peer expected"},
        {"local all all pam", "but found \"pam\""},
        {"local all all trust clientcert=1", "the option \"clientcert=1\" is not supported"},
        {"host all all", "an address expected, but found the end of the line"},
        {"host all all \"all\" trust", "an address expected"},
        {"host all all samehost trust", "\"samehost\" is no address in numbers"},
        {"host all all .example.org trust", "is no address in numbers"},
        {"host all all 192.0.2/24 trust", "is no address in numbers"},
        {"host all all 192.0.2.0/33 trust", "has an invalid length of the mask"},
        {"host all all 192.0.2.0/ trust", "has an invalid length of the mask"},
        {"host all all 192.0.2.0/-1 trust", "has an invalid length of the mask"},
        {"host all all 192.0.2.0/8a trust", "has an invalid length of the mask"},
        {"host all all ::1/129 trust", "has an invalid length of the mask"},
        {"host all all 192.0.2.0 trust", "/length or a mask of the same family expected"},
        {"host all all 192.0.2.0 ffff:: trust", "/length or a mask of the same family expected"},
        {"host all all 192.0.2.0", "but found the end of the line"},
        {"loc\x1b[2J", "but found \"loc?[2J\""},
    };
    for (const auto& [line, message] : wrong) {
        EXPECT_THAT(error_of(line), HasSubstr(message)) << line;
    }
    EXPECT_THAT(error_of(std::string_view("local all a\0b trust", 19)), HasSubstr("a NUL"));
    EXPECT_THAT(error_of(std::string_view("local all \"a\0 trust", 19)), HasSubstr("a NUL"));
    EXPECT_THAT(error_of(std::string(1'000, 'x')), HasSubstr("xxx...\""));
}

TEST(hba, warns_of_what_is_likely_not_meant_so) {
    EXPECT_THAT(warning_of("host all all 192.0.2.1/24 trust"), HasSubstr("beyond its mask"));
    EXPECT_THAT(warning_of("host all all all peer"), HasSubstr("Unix socket"));
    EXPECT_THAT(warning_of("local all all cert"), HasSubstr("without TLS"));
    EXPECT_THAT(warning_of("hostnossl all all all cert"), HasSubstr("without TLS"));
    EXPECT_THAT(warning_of("local all all md5 map=a"), HasSubstr("map="));
    EXPECT_EQ(warning_of("hostssl all all all cert map=a"), "none");
    EXPECT_EQ(warning_of("local all all peer map=a"), "none");
    EXPECT_EQ(warning_of("host all all 192.0.2.0/24 trust"), "none");
}

}  // namespace
}  // namespace weft::pool
