// SPDX-License-Identifier: Apache-2.0
//
// Looking up names: what comes from where, search domains, errors, and what callers do to each
// other. What is kept for how long: dns_cache_test.cpp.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/dns.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "callers.h"
#include "dns_server.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::ElementsAre;
using ::testing::StartsWith;
using ::testing::UnorderedElementsAre;

std::vector<std::string> texts(const result<std::vector<endpoint>>& found) {
    if (!found) {
        return {found.error().message()};
    }
    std::vector<std::string> out;
    for (const endpoint& e : *found) {
        out.push_back(e.to_string());
    }
    return out;
}

class Dns : public OnEachCaller {
protected:
    dns::resolver make(const dns::resolver_options& options) {
        return dns::resolver::create(options).value();
    }
    dns::resolver make() { return make(server.options()); }

    auto lookup(dns::resolver& names, const std::string& host, std::uint16_t port = 0,
                dns::family wanted = dns::family::any) {
        return call(WEFT_BOTH_OF(names, lookup, host, port, wanted, safety_net));
    }
    auto error(dns::resolver& names, const std::string& host,
               dns::family wanted = dns::family::any) {
        const auto found = lookup(names, host, 0, wanted);
        return found ? weft::error() : found.error();
    }

    /// example.test has 192.0.2.1, 192.0.2.2 and 2001:db8::1.
    void add_example() {
        server.on("example.test", A,
                  {.answers = {a_record("example.test", 60, "192.0.2.1"),
                               a_record("example.test", 60, "192.0.2.2")}});
        server.on("example.test", AAAA,
                  {.answers = {aaaa_record("example.test", 60, "2001:db8::1")}});
    }

    dns_server server;
};
INSTANTIATE_TEST_SUITE_P(Callers, Dns, each_caller, name_of_caller);

TEST_P(Dns, BothFamilies) {
    add_example();
    auto names = make();
    EXPECT_THAT(texts(lookup(names, "Example.TEST", 443)),
                ElementsAre("[2001:db8::1]:443", "192.0.2.1:443", "192.0.2.2:443"));
    EXPECT_THAT(texts(lookup(names, "example.test.", 1, dns::family::ipv4)),
                ElementsAre("192.0.2.1:1", "192.0.2.2:1"));
    EXPECT_THAT(texts(lookup(names, "example.test", 1, dns::family::ipv6)),
                ElementsAre("[2001:db8::1]:1"));
    EXPECT_EQ(server.asked_at_all(), 2u) << "the rest was known";
}

TEST_P(Dns, NumbersAreAnsweredWithoutAServer) {
    auto names = make();
    EXPECT_THAT(texts(lookup(names, "192.0.2.7", 80)), ElementsAre("192.0.2.7:80"));
    EXPECT_THAT(texts(lookup(names, "2001:db8::7", 80)), ElementsAre("[2001:db8::7]:80"));
    EXPECT_EQ(error(names, "192.0.2.7", dns::family::ipv6), dns::errc::no_such_record);
    EXPECT_THAT(error(names, "192.0.2.7", dns::family::ipv6).message(),
                StartsWith("look up 192.0.2.7: "));
    EXPECT_EQ(error(names, "2001:db8::7", dns::family::ipv4), dns::errc::no_such_record);
    EXPECT_EQ(server.asked_at_all(), 0u);
}

TEST_P(Dns, LocalNames) {
    const temporary_folder folder;
    auto options = server.options();
    options.hosts_file = folder.write("hosts",
                                      "192.0.2.9 one.test Two\n# 192.0.2.8 no.test\n"
                                      "2001:db8::9 one.test # a comment\nnonsense\n");
    auto names = make(options);
    EXPECT_THAT(texts(lookup(names, "ONE.test", 5)), ElementsAre("[2001:db8::9]:5", "192.0.2.9:5"));
    EXPECT_THAT(texts(lookup(names, "two", 5)), ElementsAre("192.0.2.9:5"));
    EXPECT_EQ(error(names, "two", dns::family::ipv6), dns::errc::no_such_record);
    EXPECT_THAT(texts(lookup(names, "localhost", 5)), ElementsAre("[::1]:5", "127.0.0.1:5"));
    EXPECT_THAT(texts(lookup(names, "a.localhost", 5, dns::family::ipv4)),
                ElementsAre("127.0.0.1:5"));
    const endpoint nine = endpoint::parse("192.0.2.9:77").value();
    EXPECT_THAT(call(WEFT_BOTH_OF(names, lookup_name, nine)).value(),
                ElementsAre("one.test", "two"));
    EXPECT_EQ(server.asked_at_all(), 0u);
}

TEST_P(Dns, AliasesAreFollowed) {
    server.on("www.test", A,
              {.answers = {name_record(CNAME, "www.test", 60, "a.test"),
                           a_record("stranger.test", 60, "192.0.2.66"),
                           name_record(CNAME, "a.test", 60, "B.test"),
                           a_record("b.test", 60, "192.0.2.1")}});
    server.on("loop.test", A,
              {.answers = {name_record(CNAME, "loop.test", 60, "pool.test"),
                           name_record(CNAME, "pool.test", 60, "loop.test")}});
    auto names = make();
    EXPECT_THAT(texts(lookup(names, "www.test", 1, dns::family::ipv4)), ElementsAre("192.0.2.1:1"));
    EXPECT_EQ(error(names, "loop.test", dns::family::ipv4), dns::errc::no_such_record);
}

TEST_P(Dns, OneFamilyIsEnough) {
    server.on("four.test", A, {.answers = {a_record("four.test", 60, "192.0.2.4")}});
    server.on("four.test", AAAA, {.response_code = 2});
    server.on("six.test", AAAA, {.answers = {aaaa_record("six.test", 60, "2001:db8::6")}});
    server.on("six.test", A, {.negative_ttl = 60});
    server.on("half.test", A, {.response_code = 2});
    server.on("half.test", AAAA, {});
    auto names = make();
    EXPECT_THAT(texts(lookup(names, "four.test")), ElementsAre("192.0.2.4:0"));
    EXPECT_THAT(texts(lookup(names, "six.test")), ElementsAre("[2001:db8::6]:0"));
    EXPECT_EQ(error(names, "half.test"), dns::errc::server_failed);
}

TEST_P(Dns, SearchDomains) {
    add_example();
    server.on("host.b.test", A, {.answers = {a_record("host.b.test", 60, "192.0.2.5")}});
    server.on("host.b.test", AAAA, {});
    server.on("x.y", A, {.answers = {a_record("x.y", 60, "192.0.2.6")}});
    server.on("x.y", AAAA, {});
    auto options = server.options();
    options.search = {"a.test", "b.test"};
    auto names = make(options);
    EXPECT_THAT(texts(lookup(names, "host")), ElementsAre("192.0.2.5:0"));
    EXPECT_EQ(server.asked("host", A), 0u);
    EXPECT_EQ(server.asked("host.a.test", A), 1u);
    EXPECT_THAT(texts(lookup(names, "x.y")), ElementsAre("192.0.2.6:0"));
    EXPECT_EQ(server.asked("x.y.a.test", A), 0u);
    EXPECT_EQ(error(names, "host."), dns::errc::no_such_name);
    EXPECT_EQ(error(names, "nowhere"), dns::errc::no_such_name);
    EXPECT_EQ(server.asked("nowhere", A), 1u);
    server.on("bad.a.test", A, {.response_code = 2});
    server.on("bad.a.test", AAAA, {.response_code = 2});
    EXPECT_EQ(error(names, "bad"), dns::errc::server_failed);
    EXPECT_EQ(server.asked("bad.b.test", A), 0u) << "another name than the one that was meant";
}

TEST_P(Dns, TheConfigurationFile) {
    add_example();
    const temporary_folder folder;
    auto options = server.options();
    options.search.reset();
    options.ndots.reset();
    options.resolv_conf =
        folder.write("resolv.conf", "nameserver 192.0.2.99\nsearch test\noptions ndots:2\n");
    auto names = make(options);
    EXPECT_THAT(texts(lookup(names, "example", 0, dns::family::ipv6)),
                ElementsAre("[2001:db8::1]:0"));
    EXPECT_EQ(server.asked("example", AAAA), 0u);
}

TEST_P(Dns, WhatServersSay) {
    auto names = make();
    EXPECT_EQ(error(names, "nothing.test"), dns::errc::no_such_name);
    server.on_others({.response_code = 2});
    EXPECT_EQ(error(names, "failed.test"), dns::errc::server_failed);
    server.on_others({.response_code = 5});
    EXPECT_EQ(error(names, "refused.test"), dns::errc::server_refused);
    server.on_others({.response_code = 1});
    EXPECT_EQ(error(names, "format.test"), dns::errc::server_failed);
}

TEST_P(Dns, ServersAreAskedSeveralTimes) {
    auto options = server.options();
    options.timeout = 2ms;
    options.tries = 2;
    auto impatient = make(options);
    server.on_others({.silent = true});
    EXPECT_EQ(error(impatient, "silent.test", dns::family::ipv4), dns::errc::no_answer);
    EXPECT_TRUE(eventually([&] { return server.asked("silent.test", A) == 2; }));
    options.tries = 12;  // the last one waits for seconds
    auto names = make(options);
    server.on("late.test", A,
              {.answers = {a_record("late.test", 60, "192.0.2.1")}, .silent_times = 1});
    EXPECT_THAT(texts(lookup(names, "late.test", 0, dns::family::ipv4)),
                ElementsAre("192.0.2.1:0"));
    EXPECT_GE(server.asked("late.test", A), 2u);
}

TEST_P(Dns, NobodyListens) {
    auto options = server.options();
    {
        const dns_server gone;
        options.servers = {gone.address()};
    }
    auto names = make(options);
    EXPECT_EQ(error(names, "example.test"), dns::errc::unreachable);
}

TEST_P(Dns, TheNextServerIsAsked) {
    add_example();
    dns_server failing;
    failing.on_others({.response_code = 2});
    auto options = server.options();
    options.servers.insert(options.servers.begin(), failing.address());
    auto names = make(options);
    EXPECT_THAT(texts(lookup(names, "example.test", 0, dns::family::ipv6)),
                ElementsAre("[2001:db8::1]:0"));
    EXPECT_EQ(failing.asked("example.test", AAAA), 1u);
}

TEST_P(Dns, WhatDoesNotFitComesOverTcp) {
    dns_reply large{.truncated = true};
    for (int i = 0; i < 100; ++i) {
        large.answers.push_back(a_record("large.test", 60, "192.0.2." + std::to_string(i)));
    }
    server.on("large.test", A, large);
    auto names = make();
    EXPECT_EQ(lookup(names, "large.test", 0, dns::family::ipv4).value().size(), 100u);
    EXPECT_EQ(server.asked_over_tcp("large.test", A), 1u);
}

TEST_P(Dns, MalformedAnswers) {
    auto names = make();
    const std::string question = encoded_name("bad.test") + std::string("\0\1\0\1", 4);
    const std::string head("\x81\x80\0\1\0\1\0\0\0\0", 10);
    server.on("bad.test", A, {.raw = head + question + "\xc0\x0c"});
    EXPECT_EQ(error(names, "bad.test", dns::family::ipv4), dns::errc::bad_answer);
    server.on("bad.test", A,
              {.raw = head + question + std::string("\xc0\x0c\0\1\0\1\0\0\0\1\0\3abc", 15)});
    EXPECT_EQ(error(names, "bad.test", dns::family::ipv4), dns::errc::bad_answer);
    server.on("bad.test", A, {.raw = "\x81"});
    auto options = server.options();
    options.timeout = 2ms;
    options.tries = 1;
    auto impatient = make(options);
    EXPECT_EQ(error(impatient, "bad.test", dns::family::ipv4), dns::errc::no_answer);
}

TEST_P(Dns, NamesThatAreNone) {
    auto names = make();
    const std::string label(63, 'x');
    for (const std::string& bad :
         {std::string(), std::string("."), std::string("a..b"), std::string(".a"),
          std::string("a b"), std::string("a\\b"), std::string("a\0b", 3), label + "x",
          label + "." + label + "." + label + "." + label, std::string("m\xc3\xbcnchen"),
          std::string("127.1"), std::string("[::1]"), std::string("1.2.3.4.")}) {
        EXPECT_EQ(error(names, bad), dns::errc::bad_name) << bad;
        EXPECT_EQ(call(WEFT_BOTH_OF(names, lookup_service, bad)).error(), dns::errc::bad_name);
    }
    EXPECT_EQ(error(names, label + ".test"), dns::errc::no_such_name);
    const auto local = endpoint::parse("unix:/x").value();
    EXPECT_EQ(call(WEFT_BOTH_OF(names, lookup_name, local)).error(),
              std::errc::address_family_not_supported);
}

TEST_P(Dns, Services) {
    const dns::service first{.target = "a.test", .port = 1, .priority = 1, .weight = 0};
    const dns::service second{.target = "b.test", .port = 2, .priority = 2, .weight = 1};
    const dns::service third{.target = "c.test", .port = 3, .priority = 2, .weight = 65535};
    server.on(
        "_x._tcp.test", SRV,
        {.answers = {srv_record("_x._tcp.test", 60, third), srv_record("_x._tcp.test", 60, second),
                     srv_record("_x._tcp.test", 60, first)}});
    server.on("_no._tcp.test", SRV, {.answers = {srv_record("_no._tcp.test", 60, {})}});
    auto names = make();
    unsigned heavy_first = 0;
    for (int i = 0; i < 100; ++i) {
        const auto found = call(WEFT_BOTH_OF(names, lookup_service, "_x._tcp.test")).value();
        ASSERT_THAT(found, UnorderedElementsAre(first, second, third));
        EXPECT_EQ(found[0], first);
        heavy_first += found[1] == third ? 1 : 0;
    }
    EXPECT_GE(heavy_first, 90u) << "1 of 65537 would be another one";
    EXPECT_EQ(call(WEFT_BOTH_OF(names, lookup_service, "_no._tcp.test")).error(),
              dns::errc::no_such_record);
}

TEST_P(Dns, NamesOfAddresses) {
    server.on("1.2.0.192.in-addr.arpa", PTR,
              {.answers = {name_record(PTR, "1.2.0.192.in-addr.arpa", 60, "one.test")}});
    const std::string six =
        "7.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa";
    server.on(six, PTR, {.answers = {name_record(PTR, six, 60, "seven.test")}});
    auto names = make();
    const auto one = endpoint::parse("192.0.2.1:80").value();
    const auto seven = endpoint::parse("[2001:db8::7]:80").value();
    EXPECT_THAT(call(WEFT_BOTH_OF(names, lookup_name, one)).value(), ElementsAre("one.test"));
    EXPECT_THAT(call(WEFT_BOTH_OF(names, lookup_name, seven)).value(), ElementsAre("seven.test"));
}

TEST_P(Dns, ServicesAndNamesStopAtEachWait) {
    server.on(
        "_x._tcp.test", SRV,
        {.answers = {srv_record("_x._tcp.test", 60,
                                {.target = "a.test", .port = 1, .priority = 1, .weight = 0})}});
    server.on("1.2.0.192.in-addr.arpa", PTR,
              {.answers = {name_record(PTR, "1.2.0.192.in-addr.arpa", 60, "one.test")}});
    const auto one = endpoint::parse("192.0.2.1:80").value();
    const auto stops = [&](auto& names, auto blocking, auto async) {
        using outcome = decltype(blocking());
        bool stopped = true;
        std::uint64_t n = 1;
        for (; stopped; ++n) {
            names.clear_cache();
            std::optional<outcome> ended;
            stopped =
                call([&] { return stop_at_wait(n, [&] { ended.emplace(blocking()); }); },
                     [&] { return co::stop_at_wait(n, keep_outcome<outcome>(async, ended)); });
            EXPECT_TRUE(*ended || stopped) << ended->error().message();
            EXPECT_TRUE(*ended || ended->error() == std::errc::operation_canceled) << n;
            EXPECT_TRUE(call(blocking, async)) << "usable after a stop at wait " << n;
        }
        return n - 2;
    };
    // An answer may come before the caller waits for it, but not each time.
    const auto expect_stops = [&](auto& names, auto blocking, auto async) {
        bool waited = false;
        for (int attempt = 0; attempt < 1000 && !waited; ++attempt) {
            waited = stops(names, blocking, async) > 0;
        }
        EXPECT_TRUE(waited);
    };
    auto names = make();
    expect_stops(names, WEFT_BOTH_OF(names, lookup_service, "_x._tcp.test"));
    expect_stops(names, WEFT_BOTH_OF(names, lookup_name, one));
}

TEST_P(Dns, TimesOutAndCanBeAskedAgain) {
    add_example();
    server.hold();
    auto names = make();
    const auto until = clock::now() + 2ms;
    EXPECT_EQ(call(WEFT_BOTH_OF(names, lookup, "example.test", 0, dns::family::any, until)).error(),
              std::errc::timed_out);
    EXPECT_GE(clock::now(), until);
    const bounds around{.token = {}, .until = clock::now() + 2ms};
    EXPECT_EQ(call_in(around, WEFT_BOTH_OF(names, lookup, "example.test")).error(),
              std::errc::timed_out);
    server.release();
    EXPECT_EQ(lookup(names, "example.test").value().size(), 3u);
    EXPECT_EQ(server.asked("example.test", A), 1u) << "the first question was still on its way";
    const auto past = clock::time_point::min();
    EXPECT_TRUE(call(WEFT_BOTH_OF(names, lookup, "example.test", 0, dns::family::any, past)))
        << "what need not wait succeeds";
}

TEST_P(Dns, StoppedWhileItWaitsAndBefore) {
    add_example();
    server.hold();
    auto names = make();
    std::stop_source stop;
    const bounds limits{.token = stop.get_token(), .until = {}};
    auto waiting = start_in(limits, WEFT_BOTH_OF(names, lookup, "example.test"));
    EXPECT_TRUE(eventually([&] { return server.asked("example.test", A) == 1; }));
    stop.request_stop();
    EXPECT_EQ(waiting.get().error(), std::errc::operation_canceled);
    EXPECT_EQ(call_in(limits, WEFT_BOTH_OF(names, lookup, "example.test")).error(),
              std::errc::operation_canceled);
    server.release();
    EXPECT_EQ(lookup(names, "example.test").value().size(), 3u);
    EXPECT_EQ(server.asked("example.test", A), 1u);
}

}  // namespace
}  // namespace weft
