// SPDX-License-Identifier: Apache-2.0
//
// Connecting by name: which address is tried when, who wins, what failures say. Nothing leaves the
// machine: what does not answer is a listener whose queue is full.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <weft/dns.h>

#include <array>
#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

#include "callers.h"
#include "dns_server.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;
using namespace testing;

/// The two forms of dns::connect.
#define WEFT_CONNECT(...) \
    [&] { return dns::connect(__VA_ARGS__); }, [&] { return co::connect(__VA_ARGS__); }

endpoint at(const std::string& host, std::uint16_t port) {
    return endpoint::parse(host + ":" + std::to_string(port)).value();
}

/// A listener that answers no more connections: its queue is full.
class silent_listener {
public:
    silent_listener(const std::string& host, std::uint16_t port)
        : listener_(listener::bind(at(host, port), {.backlog = 0}).value()) {
        const endpoint there = listener_.local_endpoint().value();
        for (int i = 0; i < 16; ++i) {
            auto one = weft::connect(there, 20ms);
            if (!one) {
                full_ = one.error() == std::errc::timed_out;
                break;
            }
            queued_.push_back(*std::move(one));
        }
    }
    [[nodiscard]] bool full() const { return full_; }

private:
    listener listener_;
    std::vector<socket> queued_;
    bool full_ = false;
};

class DnsConnect : public OnEachCaller {
protected:
    void SetUp() override {
        there = listener::bind(at("127.0.0.3", 0)).value();
        port = there.local_endpoint()->port();
    }

    /// x.test has these addresses.
    void set(const std::vector<std::string>& ipv4, const std::vector<std::string>& ipv6 = {}) {
        dns_reply four;
        dns_reply six;
        for (const std::string& a : ipv4) {
            four.answers.push_back(a_record("x.test", 60, a));
        }
        for (const std::string& a : ipv6) {
            six.answers.push_back(aaaa_record("x.test", 60, a));
        }
        server.on("x.test", A, four);
        server.on("x.test", AAAA, six);
    }

    result<socket> connect(dns::connect_options options = patient, deadline until = safety_net) {
        return call(WEFT_CONNECT(names, "x.test", port, until, options));
    }

    std::string peer(const result<socket>& connected) {
        return connected ? connected->peer_endpoint()->to_string() : connected.error().message();
    }
    [[nodiscard]] std::string third() const { return at("127.0.0.3", port).to_string(); }

    // So that what is to happen by the stagger happens, or what is not to, does not.
    static constexpr dns::connect_options hasty{.stagger = 5ms, .resolution_delay = 1ms};
    static constexpr dns::connect_options patient{.stagger = 1h, .resolution_delay = 1h};

    dns_server server;
    dns::resolver names = dns::resolver::create(server.options()).value();
    listener there;
    std::uint16_t port = 0;
};
INSTANTIATE_TEST_SUITE_P(Callers, DnsConnect, each_caller, name_of_caller);

TEST_P(DnsConnect, ToTheOnlyAddress) {
    set({"127.0.0.3"});
    auto connected = connect();
    ASSERT_EQ(peer(connected), third());
    auto accepted = there.accept(safety_net);
    ASSERT_TRUE(accepted);
    const std::array<std::byte, 3> sent{std::byte{1}, std::byte{2}, std::byte{3}};
    std::array<std::byte, 3> received{};
    EXPECT_TRUE(connected->write(sent, safety_net));
    EXPECT_TRUE(accepted->read_exactly(received, safety_net));
    EXPECT_EQ(sent, received);
}

TEST_P(DnsConnect, NumbersAndLocalNamesToo) {
    EXPECT_EQ(peer(call(WEFT_CONNECT(names, "127.0.0.3", port, safety_net, patient))), third());
    auto local = listener::bind(at("127.0.0.1", 0)).value();
    const std::uint16_t here = local.local_endpoint()->port();
    EXPECT_EQ(peer(call(WEFT_CONNECT(names, "localhost", here, safety_net, hasty))),
              at("127.0.0.1", here).to_string());
}

TEST_P(DnsConnect, TheNextOneAtOnceIfOneIsRefused) {
    set({"127.0.0.2", "127.0.0.4", "127.0.0.3"});
    EXPECT_EQ(peer(connect(patient)), third()) << "an hour has not passed";
}

TEST_P(DnsConnect, TheNextOneAfterAWhileIfOneIsSilent) {
    const silent_listener silent("127.0.0.2", port);
    ASSERT_TRUE(silent.full());
    set({"127.0.0.2", "127.0.0.3"});
    EXPECT_EQ(peer(connect(hasty)), third());
    EXPECT_EQ(connect(patient, 5ms).error(), std::errc::timed_out);
}

TEST_P(DnsConnect, Ipv6First) {
    result<listener> six;
    result<listener> four;
    for (int i = 0; i < 100 && (i == 0 || !four); ++i) {  // somebody may have the port for IPv4
        six = listener::bind(endpoint::parse("[::1]:0").value());
        if (!six) {
            ASSERT_TRUE(six.error() == std::errc::address_not_available ||
                        six.error() == std::errc::address_family_not_supported)
                << six.error();
            GTEST_SKIP() << "no IPv6 here: " << six.error().message();
        }
        port = six->local_endpoint()->port();
        four = listener::bind(at("127.0.0.3", port));
    }
    ASSERT_TRUE(four);
    set({"127.0.0.3"}, {"::1"});
    EXPECT_EQ(peer(connect()), "[::1]:" + std::to_string(port));
}

TEST_P(DnsConnect, ANoWayToOneFamilyIsNoWayOut) {
    set({"127.0.0.3"}, {"2001:db8::1"});
    EXPECT_EQ(peer(connect(hasty)), third());
}

TEST_P(DnsConnect, AFamilyThatIsNotFoundDoesNotHoldTheOtherOneBack) {
    set({"127.0.0.3"});
    server.on("x.test", AAAA, {.silent = true});
    EXPECT_EQ(peer(connect(hasty)), third());
}

TEST_P(DnsConnect, AFamilyThatComesLateIsTriedToo) {
    set({"127.0.0.2"});
    server.hold();
    auto connecting = start(WEFT_CONNECT(names, "x.test", port, safety_net, hasty));
    EXPECT_TRUE(eventually([&] { return server.asked("x.test", A) == 1; }));
    server.release();
    EXPECT_EQ(connecting.get().error(), std::errc::connection_refused);
}

TEST_P(DnsConnect, TheErrorThatSaysMost) {
    set({"127.0.0.2", "255.255.255.255"}, {"ff02::1"});
    EXPECT_EQ(connect().error(), std::errc::connection_refused);
    EXPECT_THAT(connect().error().message(),
                StartsWith("connect x.test:" + std::to_string(port) + ": Connection refused"));
    set({});
    names.clear_cache();
    EXPECT_EQ(connect().error(), dns::errc::no_such_record);
    EXPECT_EQ(call(WEFT_CONNECT(names, "no.test", port, safety_net, patient)).error(),
              dns::errc::no_such_name);
    EXPECT_EQ(call(WEFT_CONNECT(names, "a..b", port, safety_net, patient)).error(),
              dns::errc::bad_name);
}

TEST_P(DnsConnect, StoppedWhileNamesAreAwaited) {
    set({"127.0.0.3"});
    server.hold();
    std::stop_source stop;
    auto connecting = start_in({.token = stop.get_token(), .until = {}},
                               WEFT_CONNECT(names, "x.test", port, safety_net, patient));
    EXPECT_TRUE(eventually([&] { return server.asked("x.test", A) == 1; }));
    stop.request_stop();
    EXPECT_EQ(connecting.get().error(), std::errc::operation_canceled);
    server.release();
    EXPECT_EQ(peer(connect()), third());
}

TEST_P(DnsConnect, StoppedAtEveryWait) {
    const silent_listener silent("127.0.0.2", port);
    set({"127.0.0.2", "127.0.0.3"});
    const std::size_t before = open_descriptors();
    bool stopped = true;
    for (std::uint64_t n = 1; stopped; ++n) {
        names.clear_cache();
        result<socket> connected;
        const auto go = [&] { connected = dns::connect(names, "x.test", port, {}, hasty); };
        const auto go_async = [&]() -> task<> {
            connected = co_await co::connect(names, "x.test", port, {}, hasty);
        };
        stopped = call([&] { return stop_at_wait(n, go); },
                       [&]() -> task<bool> { return co::stop_at_wait(n, go_async()); });
        EXPECT_TRUE(stopped || connected);
        EXPECT_TRUE(connected || connected.error() == std::errc::operation_canceled);
        ASSERT_LT(n, 100u);
    }
    EXPECT_EQ(peer(connect(hasty)), third());
    EXPECT_LE(open_descriptors(), before + 2) << "a question may be on its way";
}

TEST_P(DnsConnect, NoDescriptorsLeft) {
    set({"127.0.0.3"});
    ASSERT_TRUE(connect());
    {
        const no_descriptors_left none;
        EXPECT_EQ(connect().error(), std::errc::too_many_files_open);
    }
    EXPECT_EQ(peer(connect()), third());
}

}  // namespace
}  // namespace weft
