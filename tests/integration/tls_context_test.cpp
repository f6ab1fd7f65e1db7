// SPDX-License-Identifier: Apache-2.0
//
// What lives longer than a connection: contexts, their files, sessions that are resumed, and new
// certificates while connections are there.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>
#include <weft/scope.h>
#include <weft/tls.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;
using ::testing::HasSubstr;

struct attempt {
    std::error_code code;
    std::string why;
};

attempt make_server(const tls_server_options& options) {
    std::string why;
    const auto made = tls_context::server(options, &why);
    return {error_of(made), why};
}

attempt make_client(const tls_client_options& options) {
    std::string why;
    const auto made = tls_context::client(options, &why);
    return {error_of(made), why};
}

class TlsFiles : public ::testing::Test {
protected:
    temporary_folder folder_;
    authority root_{"Test Root"};
    tls_certificate good_ = root_.issue();
    std::string chain_ = folder_.write("chain.pem", good_.chain_pem);
    std::string key_ = folder_.write("key.pem", good_.key_pem);
    std::string junk_ = folder_.write("junk.pem", "not a certificate");
    std::string missing_ = junk_ + ".missing";
};

TEST_F(TlsFiles, AreReadWherever) {
    EXPECT_FALSE(make_server({.certificates = {{.chain_file = chain_, .key_file = key_}}}).code);
    EXPECT_FALSE(
        make_server({.certificates = {{.chain_file = chain_, .key_pem = good_.key_pem}}}).code);
    const std::string both = folder_.write("both.pem", good_.key_pem + good_.chain_pem);
    EXPECT_FALSE(make_server({.certificates = {{.chain_file = both}}}).code);
    EXPECT_FALSE(
        make_server({.certificates = {{.chain_pem = good_.chain_pem + good_.key_pem}}}).code);
    EXPECT_FALSE(make_client({.ca_file = folder_.write("ca.pem", root_.pem())}).code);
    EXPECT_FALSE(make_client({.ca_pem = root_.pem(), .certificate = good_}).code);
}

TEST_F(TlsFiles, AreMissing) {
    for (const attempt& failed :
         {make_server({.certificates = {{.chain_file = missing_, .key_file = key_}}}),
          make_server({.certificates = {{.chain_file = chain_, .key_file = missing_}}}),
          make_client({.ca_file = missing_})}) {
        EXPECT_EQ(failed.code, std::errc::no_such_file_or_directory);
        EXPECT_EQ(failed.why, missing_ + ": No such file or directory");
    }
}

TEST_F(TlsFiles, AreNoPem) {
    attempt failed = make_server({.certificates = {{.chain_file = junk_, .key_file = key_}}});
    EXPECT_EQ(failed.code, tls_errc::bad_certificate_file);
    EXPECT_THAT(failed.why, HasSubstr(junk_));
    failed = make_server({.certificates = {{.chain_file = chain_, .key_file = junk_}}});
    EXPECT_EQ(failed.code, tls_errc::bad_key_file);
    EXPECT_THAT(failed.why, HasSubstr(junk_));
    failed = make_client({.ca_file = junk_});
    EXPECT_EQ(failed.code, tls_errc::bad_authority_file);
    EXPECT_THAT(failed.why, HasSubstr(junk_));
}

TEST_F(TlsFiles, AreDamagedInTheMiddle) {
    std::string damaged = good_.chain_pem + good_.chain_pem;
    damaged[damaged.size() * 3 / 4] = '!';
    const attempt failed =
        make_server({.certificates = {{.chain_pem = damaged, .key_pem = good_.key_pem}}});
    EXPECT_EQ(failed.code, tls_errc::bad_certificate_file) << "and not half of it is used";
    EXPECT_EQ(make_client({.ca_pem = damaged}).code, tls_errc::bad_authority_file);
}

TEST_F(TlsFiles, TheKeyOfAnother) {
    const attempt failed =
        make_server({.certificates = {{.chain_file = chain_, .key_pem = root_.issue().key_pem}}});
    EXPECT_EQ(failed.code, tls_errc::key_mismatch);
    EXPECT_THAT(failed.why, HasSubstr("belongs to another certificate"));
}

TEST_F(TlsFiles, AnEncryptedKey) {
    const std::string key = encrypted_key(good_, "secret");
    const auto with = [&](const std::string& passphrase) {
        return make_server({.certificates = {{.chain_file = chain_,
                                              .key_pem = key,
                                              .passphrase = passphrase}}})
            .code;
    };
    EXPECT_FALSE(with("secret"));
    EXPECT_EQ(with("wrong"), tls_errc::bad_key_file);
    EXPECT_EQ(with(""), tls_errc::bad_key_file) << "and nobody is asked at the terminal";
}

TEST_F(TlsFiles, OptionsThatMakeNoSense) {
    EXPECT_EQ(make_server({}).code, std::errc::invalid_argument);
    EXPECT_EQ(make_server({.certificates = {{}}}).code, std::errc::invalid_argument);
    EXPECT_EQ(make_server({.certificates = {good_}, .alpn = {""}}).code,
              std::errc::invalid_argument);
    EXPECT_EQ(make_client({.ca_pem = root_.pem(), .alpn = {std::string(256, 'x')}}).code,
              std::errc::invalid_argument);
    EXPECT_EQ(make_server(
                  {.certificates = {good_}, .client_certificate = tls_client_certificate::optional})
                  .code,
              std::errc::invalid_argument);
    EXPECT_EQ(
        make_client(
            {.ca_pem = root_.pem(), .minimum = tls_version::v1_3, .maximum = tls_version::v1_2})
            .code,
        std::errc::invalid_argument);
}

TEST_F(TlsFiles, TheSystemsAuthorities) {
    const char* const before = std::getenv("SSL_CERT_FILE");
    const std::string kept = before != nullptr ? before : "";
    ::setenv("SSL_CERT_FILE", folder_.write("system.pem", root_.pem()).c_str(), 1);
    const auto client = tls_context::client();
    ::setenv("SSL_CERT_FILE", missing_.c_str(), 1);
    const attempt failed = make_client({});
    before != nullptr ? ::setenv("SSL_CERT_FILE", kept.c_str(), 1) : ::unsetenv("SSL_CERT_FILE");
    EXPECT_EQ(failed.code, std::errc::no_such_file_or_directory);
    ASSERT_TRUE(client);
    runtime home(two_workers);
    auto pair = connect_tls(*client, server_of({.certificates = {good_}}));
    establish(home, pair);
}

// Sessions.

class TlsSessions : public ::testing::TestWithParam<tls_version> {
protected:
    [[nodiscard]] static tls_client_options options(tls_client_options o = {}) {
        o.maximum = GetParam();
        return o;
    }

    /// A connection over which something is said, since tickets come behind the handshake.
    bool resumes(const tls_context& client, const tls_context& server,
                 const std::string& name = "localhost") {
        auto pair = connect_tls(client, server, name);
        establish(home_, pair);
        EXPECT_FALSE(write_text(pair.server, "hello"));
        EXPECT_EQ(read_text(pair.client), "hello");
        EXPECT_EQ(pair.client.resumed(), pair.server.resumed());
        EXPECT_EQ(pair.server.server_name(), name);
        EXPECT_EQ(pair.client.peer_names(), std::vector<std::string>{"localhost"})
            << "which is known also when it is not sent";
        return pair.client.resumed();
    }

    runtime home_{two_workers};
};
INSTANTIATE_TEST_SUITE_P(Cases, TlsSessions,
                         ::testing::Values(tls_version::v1_2, tls_version::v1_3),
                         [](const auto& one) {
                             return one.param == tls_version::v1_2 ? "v12" : "v13";
                         });

TEST_P(TlsSessions, AreResumedAgainAndAgain) {
    both_contexts with({}, options());
    EXPECT_FALSE(resumes(with.client, with.server));
    for (int i = 0; i < 20; ++i) {
        EXPECT_TRUE(resumes(with.client, with.server)) << i;
    }
}

TEST_P(TlsSessions, AreOfOneName) {
    both_contexts with({}, options({.check = tls_check::authority}));
    EXPECT_FALSE(resumes(with.client, with.server, "localhost"));
    EXPECT_FALSE(resumes(with.client, with.server, "other.example"));
    EXPECT_TRUE(resumes(with.client, with.server, "localhost"));
}

TEST_P(TlsSessions, AreOfOneServer) {
    both_contexts with({}, options());
    const tls_context other = server_of({.certificates = {with.root.issue()}});
    EXPECT_FALSE(resumes(with.client, with.server));
    EXPECT_FALSE(resumes(with.client, other)) << "a ticket that nobody knows is no failure";
}

/// Connects to a child process that serves this client only.
bool resumes_with_a_child(const tls_context& client, const tls_context& server) {
    auto listening = listen_on(transport::tcp);
    const pid_t child = ::fork();
    if (child == 0) {
        tls_socket peer(listening.accept(safety_net).value(), server);
        const bool served = peer.handshake(safety_net) && !write_text(peer, "hello");
        ::_exit(served ? 0 : 1);
    }
    tls_socket near(connect(*listening.local_endpoint(), safety_net).value(), client, "localhost");
    EXPECT_FALSE(error_of(near.handshake(safety_net)));
    EXPECT_EQ(read_text(near), "hello");
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    return near.resumed();
}

TEST(TlsSessionsOfChildren, AreResumedByOthers) {
    both_contexts with;
    EXPECT_FALSE(resumes_with_a_child(with.client, with.server));
    EXPECT_TRUE(resumes_with_a_child(with.client, with.server));
}

TEST_P(TlsSessions, AreGivenUpWhenAHandshakeFails) {
    both_contexts with({}, options());
    EXPECT_FALSE(resumes(with.client, with.server));
    EXPECT_TRUE(resumes(with.client, with.server));
    auto raw = connect_pair(transport::tcp);
    ASSERT_FALSE(write_text(raw.far, "the session may be the reason"));
    tls_socket client(std::move(raw.near), with.client, "localhost");
    EXPECT_EQ(error_of(client.handshake(safety_net)), tls_errc::not_tls);
    EXPECT_FALSE(resumes(with.client, with.server));
    EXPECT_TRUE(resumes(with.client, with.server));
}

TEST_P(TlsSessions, AreNotKeptWhereNotWanted) {
    both_contexts without_tickets({.session_tickets = false}, options());
    both_contexts without_cache({}, options({.session_cache = 0}));
    for (int i = 0; i < 2; ++i) {
        EXPECT_FALSE(resumes(without_tickets.client, without_tickets.server));
        EXPECT_FALSE(resumes(without_cache.client, without_cache.server));
    }
}

TEST_P(TlsSessions, AreBounded) {
    both_contexts with({}, options({.check = tls_check::authority, .session_cache = 1}));
    for (int i = 0; i < 20; ++i) {
        EXPECT_FALSE(resumes(with.client, with.server, "h" + std::to_string(i) + ".example"));
    }
    EXPECT_TRUE(resumes(with.client, with.server, "h19.example"));
    EXPECT_FALSE(resumes(with.client, with.server, "h0.example"));
}

TEST_P(TlsSessions, OutliveAReload) {
    both_contexts with({}, options());
    EXPECT_FALSE(resumes(with.client, with.server));
    ASSERT_TRUE(with.server.reload(tls_server_options{.certificates = {with.root.issue()}}));
    EXPECT_TRUE(resumes(with.client, with.server));
    ASSERT_TRUE(with.client.reload(options({.ca_pem = with.root.pem()})));
    EXPECT_FALSE(resumes(with.client, with.server)) << "whom it trusts may have changed";
}

TEST_P(TlsSessions, DoNotOutliveAReloadThatChangesWhoMayCome) {
    const authority root("Root");
    const authority clients("Clients");
    const authority others("Others");
    const auto asking = [&](const authority& whom) {
        return tls_server_options{.certificates = {root.issue()},
                                  .client_certificate = tls_client_certificate::required,
                                  .ca_pem = whom.pem()};
    };
    tls_context server = server_of(asking(clients));
    const tls_context client =
        client_of(options({.ca_pem = root.pem(), .certificate = clients.issue()}));
    EXPECT_FALSE(resumes(client, server));
    EXPECT_TRUE(resumes(client, server));
    ASSERT_TRUE(server.reload(asking(others)));
    auto pair = connect_tls(client, server);
    EXPECT_EQ(shake_hands(home_, pair).server, tls_errc::unknown_authority);
}

// New certificates.

TEST(TlsReload, IsForNewHandshakesOnly) {
    runtime home(two_workers);
    const authority root("Root");
    tls_context server = server_of({.certificates = {root.issue({.common_name = "old"})}});
    const tls_context same = server;
    const tls_context client = client_of({.ca_pem = root.pem(), .session_cache = 0});
    auto before = connect_tls(client, same);
    auto not_yet = connect_tls(client, same);
    establish(home, before);
    ASSERT_TRUE(
        server.reload(tls_server_options{.certificates = {root.issue({.common_name = "new"})}}));
    establish(home, not_yet);
    EXPECT_EQ(not_yet.client.peer_subject(), "CN=new");
    EXPECT_EQ(before.client.peer_subject(), "CN=old");
    EXPECT_FALSE(write_text(before.client, "still here"));
    EXPECT_EQ(read_text(before.server), "still here");
}

TEST(TlsReload, ThatFailsChangesNothing) {
    runtime home(two_workers);
    both_contexts with;
    std::string why;
    EXPECT_EQ(error_of(with.server.reload(tls_server_options{}, &why)),
              std::errc::invalid_argument);
    EXPECT_THAT(why, HasSubstr("needs a certificate"));
    EXPECT_EQ(error_of(with.server.reload(tls_client_options{}, &why)),
              std::errc::invalid_argument);
    EXPECT_EQ(
        error_of(with.client.reload(tls_server_options{.certificates = {with.root.issue()}}, &why)),
        std::errc::invalid_argument);
    auto pair = connect_tls(with.client, with.server);
    establish(home, pair);
}

TEST(TlsReload, UnderLoad) {
    runtime home(two_workers);
    const authority root("Root");
    const std::vector<tls_certificate> certificates{root.issue({.common_name = "0"}),
                                                    root.issue({.common_name = "1"})};
    tls_context server = server_of({.certificates = {certificates[0]}});
    const tls_context client = client_of({.ca_pem = root.pem()});
    constexpr int connections = 60;
    std::atomic<int> left = connections;
    std::atomic<int> reloads = 0;
    with_scope(home, [&](scope& all) {
        all.spawn([&] {
            while (left > 0) {
                const auto which = static_cast<std::size_t>(++reloads % 2);
                ASSERT_TRUE(
                    server.reload(tls_server_options{.certificates = {certificates[which]}}));
                this_fiber::sleep_for(100us).value();
            }
        });
        for (int i = 0; i < connections; ++i) {
            all.spawn([&] {
                auto pair = connect_tls(client, server);
                const auto text = pattern(5000);
                actor peer(home, actor_kind::fiber, [&] {
                    ASSERT_TRUE(pair.server.handshake(safety_net)) << pair.server.explain();
                    echo(pair.server);
                });
                ASSERT_TRUE(pair.client.handshake(safety_net)) << pair.client.explain();
                for (int j = 0; j < 5; ++j) {
                    EXPECT_FALSE(write_text(pair.client, text));
                    EXPECT_TRUE(read_exactly(pair.client, text.size()) == text);
                }
                EXPECT_TRUE(pair.client.shutdown(safety_net));
                peer.join();
                --left;
            });
        }
    });
    EXPECT_GT(reloads, 1);
}

}  // namespace
}  // namespace weft
