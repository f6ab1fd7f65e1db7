// SPDX-License-Identifier: Apache-2.0
//
// What those who ask one resolver do to each other: shared questions, who drives, stops at every
// wait; and what is kept for how long.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/dns.h>

#include <atomic>
#include <chrono>
#include <future>
#include <stop_token>
#include <string>
#include <vector>

#include "callers.h"
#include "dns_server.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// The time by which answers get old, in the tests that say so.
std::atomic<std::chrono::seconds> test_time{1h};

clock::time_point now_in_test() {
    return clock::time_point(test_time.load());
}

class DnsSharing : public OnEachCaller {
protected:
    void SetUp() override {
        server.on("a.test", A, {.answers = {a_record("a.test", 60, "192.0.2.1")}});
        server.on("b.test", A, {.answers = {a_record("b.test", 60, "192.0.2.2")}});
    }

    static auto ipv4_of(dns::resolver& names, const std::string& host) {
        return names.lookup(host, 0, dns::family::ipv4, safety_net);
    }

    /// Until `n` queries for a.test have come.
    void until_asked(unsigned n = 1) {
        EXPECT_TRUE(eventually([&] { return server.asked("a.test", A) >= n; }));
    }

    dns_server server;
};
INSTANTIATE_TEST_SUITE_P(Callers, DnsSharing, each_caller, name_of_caller);

#define WEFT_IPV4_OF(names, host) \
    WEFT_BOTH_OF(names, lookup, host, 0, dns::family::ipv4, safety_net)

TEST_P(DnsSharing, OneQueryForAllKindsOfCallers) {
    auto names = dns::resolver::create(server.options()).value();
    server.hold();
    std::vector<std::future<result<std::vector<endpoint>>>> all;
    for (int i = 0; i < 5; ++i) {
        for (const caller as : {caller::fiber, caller::coroutine, caller::thread}) {
            all.push_back(start_as(as, WEFT_IPV4_OF(names, "a.test")));
        }
    }
    until_asked();
    server.release();
    for (auto& one : all) {
        EXPECT_EQ(one.get().value().size(), 1u);
    }
    EXPECT_EQ(server.asked("a.test", A), 1u);
}

TEST_P(DnsSharing, AStopOfOneIsNoStopOfAnother) {
    for (int i = 0; i < 20; ++i) {
        auto names = dns::resolver::create(server.options()).value();
        server.hold();
        std::stop_source stop;
        const bounds limits{.token = stop.get_token(), .until = {}};
        // The first one drives; the second waits for it, or drives.
        auto stopped = start_in(limits, WEFT_IPV4_OF(names, "a.test"));
        if (i % 2 == 0) {
            until_asked(static_cast<unsigned>(i) + 1);
        }
        auto other = start(WEFT_IPV4_OF(names, "a.test"));
        auto third = start_as(caller::thread, WEFT_IPV4_OF(names, "b.test"));
        until_asked(static_cast<unsigned>(i) + 1);
        stop.request_stop();
        EXPECT_EQ(stopped.get().error(), std::errc::operation_canceled);
        server.release();
        EXPECT_TRUE(other.get());
        EXPECT_TRUE(third.get());
        EXPECT_EQ(server.asked("a.test", A), static_cast<unsigned>(i) + 1);
    }
}

TEST_P(DnsSharing, StoppedAtEveryWait) {
    auto options = server.options();
    options.cache_size = 0;
    options.search = std::vector<std::string>{"none.test", "test"};
    options.ndots = 2;
    bool stopped = true;
    for (std::uint64_t n = 1; stopped; ++n) {
        auto names = dns::resolver::create(options).value();
        result<std::vector<endpoint>> found;
        const auto ask = [&] { found = ipv4_of(names, "a"); };
        const auto ask_async = [&]() -> task<> {
            found = co_await co::lookup(names, "a", 0, dns::family::ipv4, safety_net);
        };
        stopped = call([&] { return stop_at_wait(n, ask); },
                       [&]() -> task<bool> { return co::stop_at_wait(n, ask_async()); });
        EXPECT_TRUE(stopped || found);
        if (!found) {
            EXPECT_EQ(found.error(), std::errc::operation_canceled);
        }
        EXPECT_TRUE(call(WEFT_IPV4_OF(names, "a"))) << "usable after a stop at wait " << n;
        ASSERT_LT(n, 100u);
    }
}

TEST_P(DnsSharing, NobodyGetsATimeoutThatHeHasNotWaitedFor) {
    auto options = server.options();
    options.timeout = 300ms;
    options.tries = 1;
    auto names = dns::resolver::create(options).value();
    server.on("a.test", A, {.answers = {a_record("a.test", 60, "192.0.2.1")}, .silent_times = 1});
    // Left alone by the one who asked, it is over before somebody comes again.
    const auto past = clock::time_point::min();
    EXPECT_EQ(call(WEFT_BOTH_OF(names, lookup, "a.test", 0, dns::family::ipv4, past)).error(),
              std::errc::timed_out);
    until_asked();
    const auto later = clock::now() + 300ms;
    EXPECT_TRUE(eventually([&] { return clock::now() > later; }));
    EXPECT_TRUE(call(WEFT_IPV4_OF(names, "a.test")));
    EXPECT_EQ(server.asked("a.test", A), 2u);
}

TEST_P(DnsSharing, AnswersGetOld) {
    test_time = 1h;
    auto options = server.options();
    options.now = &now_in_test;
    options.longest_ttl = 50s;
    auto names = dns::resolver::create(options).value();
    const auto asked_after = [&](std::chrono::seconds time, const std::string& host) {
        test_time = test_time.load() + time;
        static_cast<void>(call(WEFT_IPV4_OF(names, host)));
        return server.asked(host, A);
    };
    EXPECT_EQ(asked_after(0s, "a.test"), 1u);
    EXPECT_EQ(asked_after(49s, "a.test"), 1u);
    EXPECT_EQ(asked_after(1s, "a.test"), 2u) << "no longer than the options say";
    EXPECT_EQ(asked_after(0s, "no.test"), 1u);
    EXPECT_EQ(asked_after(59s, "no.test"), 1u) << "a no is kept, too";
    EXPECT_EQ(asked_after(1s, "no.test"), 2u);
    server.on("failed.test", A, {.response_code = 2});
    const unsigned tries = asked_after(0s, "failed.test");
    EXPECT_EQ(asked_after(0s, "failed.test"), 2 * tries) << "a failure is not";
    names.clear_cache();
    EXPECT_EQ(asked_after(0s, "no.test"), 3u);
}

TEST_P(DnsSharing, TheCacheIsBounded) {
    auto options = server.options();
    options.cache_size = 1;
    auto names = dns::resolver::create(options).value();
    for (int i = 0; i < 3; ++i) {
        EXPECT_TRUE(call(WEFT_IPV4_OF(names, "a.test")));
        EXPECT_TRUE(call(WEFT_IPV4_OF(names, "b.test")));
    }
    EXPECT_EQ(server.asked("a.test", A), 3u);
}

TEST_P(DnsSharing, ManyAtATime) {
    auto options = server.options();
    options.cache_size = 8;
    auto names = dns::resolver::create(options).value();
    server.on_others({.answers = {}, .negative_ttl = 1});
    std::vector<std::future<result<std::vector<endpoint>>>> all;
    for (int i = 0; i < 60; ++i) {
        const std::string host = i % 3 == 0 ? "a.test" : "x" + std::to_string(i / 2) + ".test";
        all.push_back(start(
            [&names, host] { return ipv4_of(names, host); },
            [&names, host] { return co::lookup(names, host, 0, dns::family::ipv4, safety_net); }));
    }
    for (int i = 0; i < 60; ++i) {
        const auto found = all[static_cast<std::size_t>(i)].get();
        EXPECT_EQ(found.has_value(), i % 3 == 0);
        EXPECT_TRUE(found || found.error() == dns::errc::no_such_record);
    }
}

TEST_P(DnsSharing, NoDescriptorsLeft) {
    auto names = dns::resolver::create(server.options()).value();
    EXPECT_TRUE(call(WEFT_IPV4_OF(names, "b.test")));
    {
        const no_descriptors_left none;
        EXPECT_EQ(call(WEFT_IPV4_OF(names, "a.test")).error(), dns::errc::unreachable);
        EXPECT_EQ(dns::resolver::create(server.options()).error(), std::errc::too_many_files_open);
    }
    EXPECT_TRUE(call(WEFT_IPV4_OF(names, "a.test")));
}

TEST_P(DnsSharing, LeavesNoDescriptorOpen) {
    EXPECT_EQ(call([] { return 0; }, []() -> task<int> { co_return 0; }), 0);
    const std::size_t before = open_descriptors();
    {
        auto names = dns::resolver::create(server.options()).value();
        server.hold();
        EXPECT_FALSE(call(WEFT_BOTH_OF(names, lookup, "a.test", 0, dns::family::any, 1ms)));
    }
    EXPECT_EQ(open_descriptors(), before);
}

TEST(DnsFork, TheChildBeginsAnew) {
    dns_server server;
    server.on("a.test", A, {.answers = {a_record("a.test", 60, "192.0.2.1")}});
    server.on("b.test", A, {.answers = {a_record("b.test", 60, "192.0.2.2")}});
    auto names = dns::resolver::create(server.options()).value();
    server.hold();
    // A question is on its way when the child is made.
    EXPECT_FALSE(names.lookup("a.test", 0, dns::family::ipv4, 1ms));
    EXPECT_TRUE(eventually([&] { return server.asked("a.test", A) == 1; }));
    server.release();
    const pid_t child = ::fork();
    if (child == 0) {
        const auto a = names.lookup("a.test", 0, dns::family::ipv4, safety_net);
        const auto b = names.lookup("b.test", 0, dns::family::ipv4, safety_net);
        ::_exit(a && b ? 0 : 1);
    }
    int status = -1;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_TRUE(names.lookup("a.test", 0, dns::family::ipv4, safety_net));
    EXPECT_EQ(server.asked("a.test", A), 2u) << "once by each";
}

TEST(DnsOptions, ThatMakeNoSense) {
    const auto bad = [](dns::resolver_options options) {
        return dns::resolver::create(options).error() == std::errc::invalid_argument;
    };
    EXPECT_TRUE(bad({.timeout = 0ms}));
    EXPECT_TRUE(bad({.timeout = 1000h}));
    EXPECT_TRUE(bad({.tries = 0}));
    EXPECT_TRUE(bad({.servers = {endpoint::parse("unix:/x").value()}}));
}

}  // namespace
}  // namespace weft
