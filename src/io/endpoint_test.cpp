// SPDX-License-Identifier: Apache-2.0
//
// weft::endpoint: what is an address and what is none.
#include <gtest/gtest.h>
#include <net/if.h>
#include <weft/socket.h>

#include <array>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/rng.h"

namespace weft {
namespace {

using namespace std::string_literals;

std::string round_trip(std::string_view text) {
    const auto parsed = endpoint::parse(text);
    return parsed ? parsed->to_string() : "error: " + parsed.error().message();
}

TEST(Endpoint, ReadsAndWritesAddresses) {
    for (const char* const text : {"127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:80",
                                   "[::]:0", "[2001:db8::1]:8080", "[fe80::1%1]:7",
                                   "unix:/run/a.sock", "unix:relative", "unix:@name", "unix:a:b"}) {
        EXPECT_EQ(round_trip(text), text);
    }
    EXPECT_EQ(round_trip("*:80"), "0.0.0.0:80");
    EXPECT_EQ(round_trip("@name"), "unix:@name");
    EXPECT_EQ(round_trip("[0:0:0:0:0:0:0:1]:080"), "[::1]:80");
}

TEST(Endpoint, SaysWhatItIs) {
    EXPECT_EQ(endpoint().family(), AF_UNSPEC);
    EXPECT_EQ(endpoint().to_string(), "");
    EXPECT_EQ(endpoint::loopback(80).to_string(), "127.0.0.1:80");
    EXPECT_EQ(endpoint::loopback(80).port(), 80);
    EXPECT_EQ(endpoint::parse("[::1]:443")->family(), AF_INET6);
    EXPECT_EQ(endpoint::parse("[::1]:443")->port(), 443);
    EXPECT_EQ(endpoint::parse("unix:/a")->family(), AF_UNIX);
    EXPECT_EQ(endpoint::parse("unix:/a")->port(), 0);
    EXPECT_EQ(endpoint::loopback(1), *endpoint::parse("127.0.0.1:1"));
    EXPECT_NE(endpoint::loopback(1), endpoint::loopback(2));
    EXPECT_NE(*endpoint::parse("unix:/a"), *endpoint::parse("unix:/ab"));
}

TEST(Endpoint, RefusesWhatIsNoAddress) {
    const std::vector<std::string> bad = {"",
                                          ":",
                                          "80",
                                          ":80",
                                          "localhost:80",
                                          "127.0.0.1",
                                          "127.0.0.1:",
                                          "127.0.0.1:x",
                                          "127.0.0.1:-1",
                                          "127.0.0.1:+1",
                                          "127.0.0.1: 1",
                                          "127.0.0.1:1 ",
                                          "127.0.0.1:65536",
                                          "127.0.0.1:99999999999999999999",
                                          "127.0.0.1.1:80",
                                          "127.0.0:80",
                                          "256.0.0.1:80",
                                          "1.2.3.4\0:80"s,
                                          "::1:80",
                                          "[::1]",
                                          "[::1]:",
                                          "[::1:80",
                                          "::1]:80",
                                          "[]:80",
                                          "[",
                                          "]",
                                          "[:80",
                                          "]:80",
                                          "[127.0.0.1]:80",
                                          "[::1%]:80",
                                          "[::1%no-such-interface]:80",
                                          "[::1%a-name-that-is-longer-than-any-interface]:80",
                                          "[::1%99999999999]:80",
                                          "unix:",
                                          "@",
                                          "unix:@",
                                          "unix:/a\0b"s,
                                          "*",
                                          "*:",
                                          "**:80"};
    for (const std::string& text : bad) {
        const auto parsed = endpoint::parse(text);
        ASSERT_FALSE(parsed) << '"' << text << '"';
        EXPECT_EQ(parsed.error(), errc::invalid_address) << '"' << text << '"';
    }
}

TEST(Endpoint, InterfacesByName) {
    const unsigned loopback = ::if_nametoindex("lo");
    if (loopback == 0) {
        GTEST_SKIP() << "there is no interface lo here";
    }
    EXPECT_EQ(round_trip("[fe80::1%lo]:7"), "[fe80::1%" + std::to_string(loopback) + "]:7");
}

TEST(Endpoint, UnixNamesUpToTheLongest) {
    constexpr std::size_t room = sizeof(sockaddr_un::sun_path);
    const std::string path = "/" + std::string(room - 2, 'p');
    EXPECT_EQ(round_trip("unix:" + path), "unix:" + path);
    EXPECT_EQ(endpoint::parse("unix:" + path + "p").error(), std::errc::filename_too_long);
    const std::string name = "@" + std::string(room - 1, 'n');
    EXPECT_EQ(round_trip(name), "unix:" + name);
    EXPECT_EQ(endpoint::parse(name + "n").error(), std::errc::filename_too_long);
}

TEST(Endpoint, FromNativeChecksSizes) {
    const endpoint known = endpoint::loopback(7);
    const auto copy = endpoint::from_native(known.data(), known.size());
    ASSERT_TRUE(copy);
    EXPECT_EQ(*copy, known);
    EXPECT_FALSE(endpoint::from_native(known.data(), 0));
    EXPECT_FALSE(endpoint::from_native(known.data(), 1));
    sockaddr_storage large{};
    large.ss_family = AF_UNIX;
    EXPECT_FALSE(endpoint::from_native(reinterpret_cast<sockaddr*>(&large), sizeof large));
    // What an unnamed Unix socket returns.
    const auto unnamed =
        endpoint::from_native(reinterpret_cast<sockaddr*>(&large), sizeof(sa_family_t));
    ASSERT_TRUE(unnamed);
    EXPECT_EQ(unnamed->to_string(), "unix:");
    large.ss_family = AF_NETLINK;
    EXPECT_EQ(endpoint::from_native(reinterpret_cast<sockaddr*>(&large), 12)->to_string(), "");
}

// What parses must be printed as something that parses to the same.
void check(std::string_view text) {
    const auto parsed = endpoint::parse(text);
    if (!parsed || (parsed->family() == AF_UNIX && text.find('\0') != text.npos)) {
        return;
    }
    const auto again = endpoint::parse(parsed->to_string());
    ASSERT_TRUE(again) << '"' << text << "\" is printed as \"" << parsed->to_string() << '"';
    EXPECT_EQ(*again, *parsed) << '"' << text << '"';
}

TEST(Endpoint, RandomBytesNeverBreakIt) {
    base::rng random(7);
    constexpr std::string_view likely = "0123456789abcdef:.[]%@*/unix ";
    for (int i = 0; i < 50'000; ++i) {
        std::string text(random.below(i % 100 == 0 ? 300 : 24), '\0');
        for (char& each : text) {
            each = random.below(8) != 0
                       ? likely[random.below(static_cast<std::uint32_t>(likely.size()))]
                       : static_cast<char>(random.below(256));
        }
        check(text);
    }
}

TEST(Endpoint, BrokenAddressesNeverBreakIt) {
    base::rng random(8);
    constexpr std::array<std::string_view, 5> good = {"127.0.0.1:80", "[2001:db8::1%1]:80",
                                                      "unix:/run/a.sock", "@name", "*:65535"};
    for (int i = 0; i < 50'000; ++i) {
        std::string text(good[random.below(good.size())]);
        for (std::uint32_t n = random.below(3) + 1; n != 0 && !text.empty(); --n) {
            const std::size_t at = random.below(static_cast<std::uint32_t>(text.size()));
            if (random.below(2) == 0) {
                text.erase(at, 1);
            } else {
                text[at] = static_cast<char>(random.below(256));
            }
        }
        check(text);
    }
}

}  // namespace
}  // namespace weft
