// SPDX-License-Identifier: Apache-2.0
//
// TLS: handshakes, what is agreed, which certificates are shown and accepted, and what is said when
// they are not.
#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <weft/tls.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// Each test with each version, the client on a fiber or on a plain thread.
class Tls : public ::testing::TestWithParam<std::tuple<tls_version, actor_kind>> {
protected:
    [[nodiscard]] static tls_version version() { return std::get<0>(GetParam()); }

    template <class Body>
    void act(Body body) {
        testing::act(home_, std::get<1>(GetParam()), std::move(body));
    }

    [[nodiscard]] static tls_client_options client_options(tls_client_options options = {}) {
        options.maximum = version();
        return options;
    }

    runtime home_{two_workers};
};

std::string name_of_case(const ::testing::TestParamInfo<Tls::ParamType>& info) {
    const auto [version, kind] = info.param;
    return std::string(version == tls_version::v1_2 ? "v12" : "v13") + "_" + name_of(kind);
}

INSTANTIATE_TEST_SUITE_P(Cases, Tls,
                         ::testing::Combine(::testing::Values(tls_version::v1_2, tls_version::v1_3),
                                            ::testing::Values(actor_kind::fiber,
                                                              actor_kind::thread)),
                         name_of_case);

TEST_P(Tls, TalksBothWays) {
    both_contexts with({}, client_options());
    auto pair = connect_tls(with.client, with.server);
    actor server(home_, actor_kind::fiber, [&] {
        ASSERT_TRUE(pair.server.handshake(safety_net)) << pair.server.explain();
        echo(pair.server);
    });
    act([&] {
        ASSERT_TRUE(pair.client.handshake(safety_net)) << pair.client.explain();
        for (const std::size_t size : {1u, 2u, 100u, 16'383u, 16'384u, 16'385u, 100'000u}) {
            const std::string text = pattern(size);
            actor writer(home_, actor_kind::fiber,
                         [&] { EXPECT_FALSE(write_text(pair.client, text)); });
            EXPECT_TRUE(read_exactly(pair.client, size) == text) << size;
        }
        EXPECT_TRUE(pair.client.shutdown(safety_net));
        EXPECT_EQ(read_text(pair.client), "") << "the server says goodbye, too";
    });
    server.join();
    EXPECT_EQ(pair.client.version(), version() == tls_version::v1_2 ? "TLSv1.2" : "TLSv1.3");
    EXPECT_EQ(pair.server.version(), pair.client.version());
    EXPECT_EQ(pair.server.cipher(), pair.client.cipher());
    EXPECT_THAT(std::string(pair.client.cipher()), HasSubstr("AES"));
    EXPECT_EQ(pair.client.server_name(), "localhost");
    EXPECT_EQ(pair.server.server_name(), "localhost");
    EXPECT_EQ(pair.client.peer_names(), std::vector<std::string>{"localhost"});
    EXPECT_EQ(pair.client.peer_subject(), "CN=test");
    EXPECT_FALSE(pair.server.has_peer_certificate());
    EXPECT_EQ(pair.client.explain(), "");
}

/// Whom a certificate in DER is for; empty if it is none.
std::string subject_of(const std::vector<std::byte>& der) {
    const auto* at = reinterpret_cast<const unsigned char*>(der.data());
    const std::unique_ptr<X509, decltype(&X509_free)> parsed(
        d2i_X509(nullptr, &at, static_cast<long>(der.size())), &X509_free);
    char name[100] = "";
    if (parsed != nullptr) {
        X509_NAME_oneline(X509_get_subject_name(parsed.get()), name, sizeof name);
    }
    return name;
}

TEST_P(Tls, BothSidesKnowTheCertificatesOfBoth) {
    const authority root("Both");
    const tls_context server =
        server_of({.certificates = {root.issue({.common_name = "first"}),
                                    root.issue({.names = {"other.test"}, .common_name = "second"})},
                   .client_certificate = tls_client_certificate::optional,
                   .ca_pem = root.pem()});
    const auto exchanged = [&](const tls_client_options& options, const std::string& name) {
        auto pair = connect_tls(client_of(options), server, name);
        EXPECT_TRUE(pair.client.peer_certificate().empty()) << "before the handshake";
        EXPECT_TRUE(pair.server.local_certificate().empty()) << "before the handshake";
        establish(home_, pair);
        EXPECT_EQ(pair.client.peer_certificate(), pair.server.local_certificate());
        EXPECT_EQ(pair.server.peer_certificate(), pair.client.local_certificate());
        return std::pair(subject_of(pair.client.peer_certificate()),
                         subject_of(pair.server.peer_certificate()));
    };
    act([&] {
        using names = std::pair<std::string, std::string>;
        const names plain("/CN=first", "");
        const names both("/CN=second", "/CN=alice");
        EXPECT_EQ(exchanged({.ca_pem = root.pem(), .session_cache = 0}, "localhost"), plain);
        EXPECT_EQ(exchanged({.ca_pem = root.pem(),
                             .certificate = root.issue({.common_name = "alice"}),
                             .session_cache = 0},
                            "other.test"),
                  both);
    });
    EXPECT_TRUE(tls_socket().peer_certificate().empty());
    EXPECT_TRUE(tls_socket().local_certificate().empty());
}

TEST_P(Tls, ALaterHandshakeChangesNothing) {
    both_contexts with({}, client_options());
    auto pair = connect_tls(with.client, with.server);
    act([&] {
        establish(home_, pair);
        EXPECT_TRUE(pair.client.handshake(safety_net));
        EXPECT_TRUE(pair.server.handshake(clock::time_point::min()));
    });
}

TEST_P(Tls, AgreesOnAnApplicationProtocol) {
    both_contexts with({.alpn = {"h2", "http/1.1"}},
                       client_options({.alpn = {"spdy", "http/1.1", "h2"}}));
    act([&] {
        auto pair = connect_tls(with.client, with.server);
        establish(home_, pair);
        EXPECT_EQ(pair.client.alpn(), "h2") << "what the server likes best";
        EXPECT_EQ(pair.server.alpn(), "h2");
        const tls_context silent = client_of(client_options({.ca_pem = with.root.pem()}));
        auto other = connect_tls(silent, with.server);
        establish(home_, other);
        EXPECT_EQ(other.client.alpn(), "");
        EXPECT_EQ(other.server.alpn(), "");
    });
}

TEST_P(Tls, NoCommonApplicationProtocol) {
    both_contexts with({.alpn = {"postgresql"}}, client_options({.alpn = {"h2"}}));
    act([&] {
        auto pair = connect_tls(with.client, with.server);
        const auto outcome = shake_hands(home_, pair);
        EXPECT_EQ(outcome.client, tls_errc::no_common_application) << pair.client.explain();
        EXPECT_EQ(outcome.server, tls_errc::no_common_application) << pair.server.explain();
    });
}

TEST_P(Tls, AServerWithoutApplicationProtocolsIgnoresThem) {
    both_contexts with({}, client_options({.alpn = {"h2"}}));
    act([&] {
        auto pair = connect_tls(with.client, with.server);
        establish(home_, pair);
        EXPECT_EQ(pair.client.alpn(), "");
    });
}

TEST_P(Tls, TheNameSelectsTheCertificate) {
    const authority root("Root");
    const tls_context server = server_of(
        {.certificates = {root.issue({.names = {"first.example"}, .common_name = "1"}),
                          root.issue({.names = {"second.example"}, .common_name = "2"}),
                          root.issue({.names = {"*.third.example"}, .common_name = "3"})}});
    const tls_context any = client_of(
        client_options({.ca_pem = root.pem(), .check = tls_check::authority, .session_cache = 0}));
    const tls_context strict =
        client_of(client_options({.ca_pem = root.pem(), .session_cache = 0}));
    act([&] {
        const auto shown_for = [&](const tls_context& client, const std::string& name) {
            auto pair = connect_tls(client, server, name);
            establish(home_, pair);
            EXPECT_EQ(pair.server.server_name(), name);
            return pair.client.peer_subject();
        };
        EXPECT_EQ(shown_for(strict, "first.example"), "CN=1");
        EXPECT_EQ(shown_for(strict, "second.example"), "CN=2");
        EXPECT_EQ(shown_for(strict, "x.third.example"), "CN=3");
        EXPECT_EQ(shown_for(any, "unknown.example"), "CN=1");
        EXPECT_EQ(shown_for(any, ""), "CN=1");
    });
}

TEST_P(Tls, ATrailingDotIsNoPartOfTheName) {
    both_contexts with({}, client_options());
    act([&] {
        auto pair = connect_tls(with.client, with.server, "localhost.");
        establish(home_, pair);
        EXPECT_EQ(pair.server.server_name(), "localhost");
    });
}

TEST_P(Tls, AddressesAsNames) {
    const authority root("Root");
    const tls_context server =
        server_of({.certificates = {root.issue(
                       {.names = {"127.0.0.1", "::1", "a.example", "spiffe://here/service"}})}});
    const tls_context client = client_of(client_options({.ca_pem = root.pem()}));
    act([&] {
        for (const char* const good : {"127.0.0.1", "::1", "a.example"}) {
            auto pair = connect_tls(client, server, good);
            establish(home_, pair);
            EXPECT_EQ(pair.client.peer_names(),
                      (std::vector<std::string>{"127.0.0.1", "::1", "a.example",
                                                "spiffe://here/service"}));
        }
        auto pair = connect_tls(client, server, "127.0.0.2");
        EXPECT_EQ(shake_hands(home_, pair).client, tls_errc::wrong_name);
        EXPECT_EQ(pair.client.explain(),
                  "the server's certificate is for 127.0.0.1, ::1, a.example, "
                  "spiffe://here/service, not for 127.0.0.2");
    });
}

// One check after the other.

class TlsChecks : public Tls {
protected:
    struct failed {
        error client;
        error server;
        std::string text;
    };

    /// What a client that trusts `trusted` says of that server.
    failed check(const std::string& trusted, const tls_certificate& shown,
                 const std::string& name = "localhost", tls_check how = tls_check::full) {
        const tls_context server = server_of({.certificates = {shown}});
        const tls_context client = client_of(client_options({.ca_pem = trusted, .check = how}));
        failed outcome;
        act([&] {
            auto pair = connect_tls(client, server, name);
            const auto codes = shake_hands(home_, pair);
            outcome = {codes.client, codes.server, pair.client.explain()};
            if (codes.client && version() == tls_version::v1_3 && !codes.server) {
                outcome.server = read_error(pair.server);
            }
        });
        return outcome;
    }

    authority root_{"Test Root"};
};
INSTANTIATE_TEST_SUITE_P(Cases, TlsChecks,
                         ::testing::Combine(::testing::Values(tls_version::v1_2, tls_version::v1_3),
                                            ::testing::Values(actor_kind::fiber,
                                                              actor_kind::thread)),
                         name_of_case);

TEST_P(TlsChecks, UnknownAuthority) {
    const authority other("Other Root");
    const failed outcome = check(root_.pem(), other.issue());
    EXPECT_EQ(outcome.client, tls_errc::unknown_authority);
    EXPECT_THAT(outcome.client.message(), StartsWith("TLS handshake localhost: "));
    EXPECT_EQ(outcome.server, tls_errc::certificate_refused);
    EXPECT_THAT(outcome.text, HasSubstr("CN=Other Root"));
    EXPECT_THAT(outcome.text, HasSubstr("ca_file"));
}

TEST_P(TlsChecks, AnAuthorityOfTheSameNameIsAnother) {
    const authority other("Test Root");
    EXPECT_EQ(check(root_.pem(), other.issue()).client, tls_errc::unknown_authority);
}

TEST_P(TlsChecks, SelfSigned) {
    const tls_certificate shown = self_signed({.common_name = "me"});
    const failed outcome = check(root_.pem(), shown);
    EXPECT_EQ(outcome.client, tls_errc::self_signed);
    EXPECT_EQ(outcome.text,
              "the server's certificate (CN=me) is signed by itself; to trust it, give it in "
              "ca_file");
    EXPECT_FALSE(check(shown.chain_pem, shown).client) << "which is good advice";
}

TEST_P(TlsChecks, Expired) {
    const failed outcome =
        check(root_.pem(), root_.issue({.common_name = "old", .begins = -7200, .ends = -3600}));
    EXPECT_EQ(outcome.client, tls_errc::expired);
    EXPECT_EQ(outcome.server, tls_errc::certificate_refused);
    EXPECT_THAT(outcome.text, HasSubstr("the server's certificate (CN=old) expired on 20"));
    EXPECT_THAT(outcome.text, HasSubstr("UTC"));
}

TEST_P(TlsChecks, NotYetValid) {
    const failed outcome = check(root_.pem(), root_.issue({.begins = 3600, .ends = 7200}));
    EXPECT_EQ(outcome.client, tls_errc::not_yet_valid);
    EXPECT_THAT(outcome.text, HasSubstr("is not valid before 20"));
}

TEST_P(TlsChecks, AnExpiredAuthority) {
    const authority old("Old Root", -60);
    const failed outcome = check(old.pem(), old.issue());
    EXPECT_EQ(outcome.client, tls_errc::expired);
    EXPECT_THAT(outcome.text, HasSubstr("the authority CN=Old Root above the server's"));
}

TEST_P(TlsChecks, WrongName) {
    const failed outcome =
        check(root_.pem(), root_.issue({.names = {"example.org"}, .common_name = "localhost"}));
    EXPECT_EQ(outcome.client, tls_errc::wrong_name) << "the common name does not count";
    EXPECT_EQ(outcome.text, "the server's certificate is for example.org, not for localhost");
}

TEST_P(TlsChecks, NoNameAtAll) {
    const failed outcome = check(root_.pem(), root_.issue({.names = {}}));
    EXPECT_EQ(outcome.client, tls_errc::wrong_name);
    EXPECT_THAT(outcome.text, HasSubstr("subjectAltName is needed"));
}

TEST_P(TlsChecks, ManyNames) {
    std::vector<std::string> names;
    for (int i = 0; i < 100; ++i) {
        names.push_back("h" + std::to_string(i) + ".example");
    }
    const failed outcome = check(root_.pem(), root_.issue({.names = names}));
    EXPECT_EQ(outcome.text,
              "the server's certificate is for h0.example, h1.example, h2.example, h3.example, "
              "h4.example and 95 more, not for localhost");
}

TEST_P(TlsChecks, AWildcardIsForOneLabel) {
    const tls_certificate shown = root_.issue({.names = {"*.example.org"}});
    EXPECT_FALSE(check(root_.pem(), shown, "a.example.org").client);
    EXPECT_EQ(check(root_.pem(), shown, "example.org").client, tls_errc::wrong_name);
    EXPECT_EQ(check(root_.pem(), shown, "a.b.example.org").client, tls_errc::wrong_name);
}

TEST_P(TlsChecks, WrongPurpose) {
    const failed outcome = check(root_.pem(), root_.issue({.usage = "clientAuth"}));
    EXPECT_EQ(outcome.client, tls_errc::wrong_purpose) << outcome.text;
}

TEST_P(TlsChecks, AChainThatIsSentWhole) {
    const authority middle = root_.below("Middle");
    EXPECT_FALSE(check(root_.pem(), middle.issue()).client);
}

TEST_P(TlsChecks, AChainWithAGap) {
    const authority middle = root_.below("Middle");
    tls_certificate shown = middle.issue();
    shown.chain_pem.erase(shown.chain_pem.find("-----BEGIN", 10));
    const failed outcome = check(root_.pem(), shown);
    EXPECT_EQ(outcome.client, tls_errc::unknown_authority);
    EXPECT_THAT(outcome.text, HasSubstr("ends at CN=Middle"));
    EXPECT_FALSE(check(middle.pem(), shown).client) << "who is listed is trusted";
}

TEST_P(TlsChecks, WhatMayBeLeftOut) {
    EXPECT_FALSE(check(root_.pem(), root_.issue(), "other.example", tls_check::authority).client);
    EXPECT_FALSE(check("", self_signed(), "other.example", tls_check::none).client);
    EXPECT_EQ(check(root_.pem(), self_signed(), "localhost", tls_check::authority).client,
              tls_errc::self_signed);
}

TEST_P(TlsChecks, TheNameIsNeeded) {
    const tls_context client = client_of(client_options({.ca_pem = root_.pem()}));
    const tls_context server = server_of({.certificates = {root_.issue()}});
    act([&] {
        auto pair = connect_tls(client, server, "");
        EXPECT_EQ(error_of(pair.client.handshake(safety_net)), std::errc::invalid_argument);
        EXPECT_THAT(pair.client.explain(), HasSubstr("server_name"));
        for (const std::string& no_name : {std::string(300, 'x'), std::string(".example.org")}) {
            auto odd = connect_tls(client, server, no_name);
            EXPECT_EQ(error_of(odd.client.handshake(safety_net)), std::errc::invalid_argument);
        }
    });
}

TEST_P(TlsChecks, VersionsThatDoNotMeet) {
    const bool old_client = version() == tls_version::v1_2;
    const tls_version other = old_client ? tls_version::v1_3 : tls_version::v1_2;
    const tls_context client =
        client_of({.ca_pem = root_.pem(), .minimum = version(), .maximum = version()});
    const tls_context server =
        server_of({.certificates = {root_.issue()}, .minimum = other, .maximum = other});
    act([&] {
        auto pair = connect_tls(client, server);
        const auto outcome = shake_hands(home_, pair);
        EXPECT_EQ(outcome.client, tls_errc::no_common_version) << pair.client.explain();
        EXPECT_EQ(outcome.server, tls_errc::no_common_version) << pair.server.explain();
    });
}

// Certificates of clients.

class TlsClientCertificates : public Tls {
protected:
    struct seen {
        error client;  ///< of the handshake or, with TLS 1.3, of the first read
        error server;
        std::string text;
        std::vector<std::string> names;
    };

    seen check(tls_client_certificate wanted, std::optional<tls_certificate> shown) {
        const tls_context server = server_of({.certificates = {root_.issue()},
                                              .client_certificate = wanted,
                                              .ca_pem = clients_.pem()});
        const tls_context client =
            client_of(client_options({.ca_pem = root_.pem(), .certificate = std::move(shown)}));
        seen outcome;
        act([&] {
            auto pair = connect_tls(client, server);
            const auto codes = shake_hands(home_, pair);
            outcome = {codes.client, codes.server, pair.server.explain(), pair.server.peer_names()};
            if (!codes.client) {
                if (!codes.server) {
                    EXPECT_FALSE(write_text(pair.server, "welcome"));
                }
                outcome.client = read_error(pair.client);
            }
        });
        return outcome;
    }

    authority root_{"Root of servers"};
    authority clients_{"Root of clients"};
};
INSTANTIATE_TEST_SUITE_P(Cases, TlsClientCertificates,
                         ::testing::Combine(::testing::Values(tls_version::v1_2, tls_version::v1_3),
                                            ::testing::Values(actor_kind::fiber,
                                                              actor_kind::thread)),
                         name_of_case);

TEST_P(TlsClientCertificates, Required) {
    const seen good =
        check(tls_client_certificate::required, clients_.issue({.names = {"alice.example"}}));
    EXPECT_FALSE(good.client) << good.client.message();
    EXPECT_FALSE(good.server) << good.text;
    EXPECT_EQ(good.names, std::vector<std::string>{"alice.example"});
}

TEST_P(TlsClientCertificates, RequiredAndNoneShown) {
    const seen none = check(tls_client_certificate::required, std::nullopt);
    EXPECT_EQ(none.server, tls_errc::no_client_certificate) << none.text;
    EXPECT_EQ(none.client, version() == tls_version::v1_3 ? tls_errc::certificate_refused
                                                          : tls_errc::handshake_refused);
}

TEST_P(TlsClientCertificates, OfAnUnknownAuthority) {
    for (const auto wanted : {tls_client_certificate::required, tls_client_certificate::optional}) {
        const seen bad = check(wanted, root_.issue());
        EXPECT_EQ(bad.server, tls_errc::unknown_authority);
        EXPECT_EQ(bad.client, tls_errc::certificate_refused) << bad.client.message();
        EXPECT_THAT(bad.text, HasSubstr("the client's certificate"));
    }
}

TEST_P(TlsClientCertificates, Expired) {
    const seen bad =
        check(tls_client_certificate::required, clients_.issue({.begins = -200, .ends = -100}));
    EXPECT_EQ(bad.server, tls_errc::expired);
    EXPECT_EQ(bad.client, tls_errc::certificate_refused) << bad.client.message();
}

TEST_P(TlsClientCertificates, Optional) {
    EXPECT_FALSE(check(tls_client_certificate::optional, std::nullopt).server);
    const seen shown = check(tls_client_certificate::optional, clients_.issue());
    EXPECT_FALSE(shown.server);
    EXPECT_EQ(shown.names, std::vector<std::string>{"localhost"});
}

TEST_P(TlsClientCertificates, NotAskedFor) {
    both_contexts with({}, client_options({.certificate = clients_.issue()}));
    act([&] {
        auto pair = connect_tls(with.client, with.server);
        establish(home_, pair);
        EXPECT_FALSE(pair.server.has_peer_certificate());
    });
}

}  // namespace
}  // namespace weft
