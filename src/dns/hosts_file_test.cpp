// SPDX-License-Identifier: Apache-2.0
#include "dns/hosts_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <string>

namespace weft::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

endpoint address(const std::string& text) {
    return parse_address(text, 0).value();
}

TEST(DnsHosts, WhatIsAnAddressWithNames) {
    const hosts h(
        "127.0.0.1\tlocalhost\r\n"
        "  192.0.2.1 A.test b.test a.test # c.test\n"
        "192.0.2.2 a.test\n"
        "#192.0.2.3 d.test\n"
        "192.0.2.999 e.test\n*  f.test\n[::1] g.test\n192.0.2.4\n"
        "fe80::1%1 h.test\n2001:db8::1 i.test");
    EXPECT_THAT(*h.addresses("localhost"), ElementsAre(address("127.0.0.1")));
    EXPECT_THAT(*h.addresses("a.test"), ElementsAre(address("192.0.2.1"), address("192.0.2.2")));
    EXPECT_THAT(*h.addresses("i.test"), ElementsAre(address("2001:db8::1")));
    EXPECT_NE(h.addresses("h.test"), nullptr);
    for (const char* const none : {"c.test", "d.test", "e.test", "f.test", "g.test", ""}) {
        EXPECT_EQ(h.addresses(none), nullptr) << none;
    }
    EXPECT_THAT(*h.names(with_port(address("192.0.2.1"), 99)), ElementsAre("a.test", "b.test"));
    EXPECT_EQ(h.names(address("192.0.2.4")), nullptr);
    EXPECT_EQ(h.names(address("192.0.2.3")), nullptr);
}

TEST(DnsHosts, AnAddressIsNothingElse) {
    for (const char* const bad : {"", "*", "1", "1.2.3", "1.2.3.4:5", "1.2.3.4 ", "[::1]", "::1]:2",
                                  "@x", "unix:/x", ":", "::g", "0x7f.0.0.1"}) {
        EXPECT_FALSE(parse_address(bad, 1)) << bad;
    }
    EXPECT_EQ(parse_address("::1", 7)->to_string(), "[::1]:7");
    EXPECT_EQ(parse_address("1.2.3.4", 7)->to_string(), "1.2.3.4:7");
}

TEST(DnsHosts, TheFileIsReadAgainWhenItHasChanged) {
    std::string path = ::testing::TempDir() + "weft_hosts_XXXXXX";
    ASSERT_GE(::close(::mkstemp(path.data())), 0);
    hosts_file file(path);
    const clock::time_point start{1h};
    EXPECT_EQ(file.get(start).addresses("a"), nullptr);
    std::ofstream(path) << "192.0.2.1 a\n";
    EXPECT_EQ(file.get(start + 999ms).addresses("a"), nullptr) << "not looked at each time";
    EXPECT_NE(file.get(start + 1s).addresses("a"), nullptr);
    std::ofstream(path) << "192.0.2.1 bb\n";
    EXPECT_EQ(file.get(start + 2s).addresses("a"), nullptr);
    EXPECT_NE(file.get(start + 2s).addresses("bb"), nullptr);
    ASSERT_EQ(::unlink(path.c_str()), 0);
    EXPECT_EQ(file.get(start + 3s).addresses("bb"), nullptr);
}

}  // namespace
}  // namespace weft::dns
