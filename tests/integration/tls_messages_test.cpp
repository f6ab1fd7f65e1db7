// SPDX-License-Identifier: Apache-2.0
//
// What a peer may send besides data: tickets and new keys, whole and in pieces, at any time. The
// peer is OpenSSL without weft, so that the test holds every byte in its hand.
#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <weft/co.h>
#include <weft/scope.h>
#include <weft/tls.h>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tls_support.h"

namespace weft {
namespace {

using namespace std::chrono_literals;
using namespace testing;

/// A TLS 1.3 server between two buffers.
class bare_server {
public:
    explicit bare_server(const tls_certificate& shown)
        : context_(SSL_CTX_new(TLS_server_method())) {
        SSL_CTX_set_min_proto_version(context_.get(), TLS1_3_VERSION);
        SSL_CTX_set_max_send_fragment(context_.get(), 512);
        // Tickets so large that each takes several records.
        SSL_CTX_set_session_ticket_cb(
            context_.get(),
            [](SSL* ssl, void*) {
                const std::string filler(2000, 'x');
                return SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), filler.data(),
                                                       filler.size());
            },
            [](SSL*, SSL_SESSION*, const unsigned char*, std::size_t, SSL_TICKET_STATUS,
               void*) -> SSL_TICKET_RETURN { return SSL_TICKET_RETURN_IGNORE; },
            nullptr);
        ssl_.reset(SSL_new(context_.get()));
        const bio_ptr chain(BIO_new_mem_buf(shown.chain_pem.data(), -1));
        const bio_ptr key(BIO_new_mem_buf(shown.key_pem.data(), -1));
        const std::unique_ptr<X509, decltype(&X509_free)> certificate(
            PEM_read_bio_X509(chain.get(), nullptr, nullptr, nullptr), &X509_free);
        const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> private_key(
            PEM_read_bio_PrivateKey(key.get(), nullptr, nullptr, nullptr), &EVP_PKEY_free);
        SSL_use_cert_and_key(ssl_.get(), certificate.get(), private_key.get(), nullptr, 1);
        SSL_set_bio(ssl_.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
        SSL_set_accept_state(ssl_.get());
    }

    /// What it says after the handshake stays in take().
    void shake_hands(socket& with) {
        while (SSL_do_handshake(ssl_.get()) != 1) {
            ASSERT_FALSE(write_text(with, take()));
            receive(with);
        }
    }

    /// The bytes that it wants to send.
    std::string take() {
        std::string out;
        std::array<char, 4096> part{};
        for (int n = 0; (n = BIO_read(SSL_get_wbio(ssl_.get()), part.data(), part.size())) > 0;) {
            out.append(part.data(), static_cast<std::size_t>(n));
        }
        return out;
    }

    void write(std::string_view text) {
        EXPECT_EQ(SSL_write(ssl_.get(), text.data(), static_cast<int>(text.size())),
                  static_cast<int>(text.size()));
    }

    void change_keys() {
        EXPECT_EQ(SSL_key_update(ssl_.get(), SSL_KEY_UPDATE_REQUESTED), 1);
        EXPECT_EQ(SSL_do_handshake(ssl_.get()), 1);
    }

    /// Data of the client's, `size` bytes.
    std::string read(socket& from, std::size_t size) {
        std::string text;
        while (text.size() < size) {
            std::array<char, 4096> part{};
            const int n = SSL_read(ssl_.get(), part.data(), part.size());
            if (n > 0) {
                text.append(part.data(), static_cast<std::size_t>(n));
            } else if (SSL_get_error(ssl_.get(), n) != SSL_ERROR_WANT_READ || !receive(from)) {
                break;
            }
        }
        return text;
    }

private:
    using bio_ptr = std::unique_ptr<BIO, decltype([](BIO* b) { BIO_free(b); })>;

    bool receive(socket& from) {
        const std::string bytes = read_text(from, 4096);
        const bool good = !bytes.empty() && !bytes.starts_with("error: ");
        EXPECT_TRUE(good) << bytes;
        BIO_write(SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(bytes.size()));
        return good;
    }

    std::unique_ptr<SSL_CTX, decltype([](SSL_CTX* c) { SSL_CTX_free(c); })> context_;
    std::unique_ptr<SSL, decltype([](SSL* s) { SSL_free(s); })> ssl_;
};

/// Cuts the first TLS record off.
std::string cut_record(std::string& bytes) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(bytes.at(i)); };
    const std::size_t size = 5 + (std::size_t{byte(3)} << 8) + byte(4);
    std::string record = bytes.substr(0, size);
    bytes.erase(0, size);
    return record;
}

class TlsMessages : public ::testing::TestWithParam<actor_kind> {
protected:
    /// The handshake is over, and of the tickets the first record was sent and read.
    void SetUp() override {
        auto pair = connect_pair(transport::tcp);
        far_ = std::move(pair.far);
        client_ = tls_socket(std::move(pair.near), with_.client, "localhost");
        server_.emplace(with_.root.issue());
        actor server(home_, actor_kind::thread, [&] { server_->shake_hands(far_); });
        ASSERT_TRUE(client_.handshake(safety_net)) << client_.explain();
        server.join();
        rest_ = server_->take();
        ASSERT_FALSE(write_text(far_, cut_record(rest_)));
        ASSERT_FALSE(rest_.empty());
        until_half_a_message_is_read();
    }

    /// OpenSSL cannot write then: the premise of these tests.
    void until_half_a_message_is_read() {
        ASSERT_TRUE(eventually([&] {
            EXPECT_EQ(read_error(client_, 1ms), std::errc::timed_out);
            return write_text(client_, "!", 1ms) == std::errc::timed_out || (++before_, false);
        }));
    }

    void send_the_rest() { EXPECT_FALSE(write_text(far_, std::exchange(rest_, {}))); }

    /// What the client wrote before it could not.
    void skip() { EXPECT_EQ(server_->read(far_, before_).size(), before_); }

    [[nodiscard]] actor_kind kind() const { return GetParam(); }

    runtime home_{two_workers};
    both_contexts with_;
    socket far_;
    tls_socket client_;
    std::optional<bare_server> server_;
    std::string rest_;
    std::size_t before_ = 0;
};
INSTANTIATE_TEST_SUITE_P(Cases, TlsMessages,
                         ::testing::Values(actor_kind::fiber, actor_kind::thread),
                         [](const auto& one) { return name_of(one.param); });

TEST_P(TlsMessages, AWriterReadsForItself) {
    actor writer(home_, kind(), [&] { EXPECT_FALSE(write_text(client_, "hello")); });
    send_the_rest();
    skip();
    EXPECT_EQ(server_->read(far_, 5), "hello");
}

TEST_P(TlsMessages, AWriterWaitsForTheReader) {
    actor reader(home_, kind(), [&] { EXPECT_EQ(read_text(client_), "data"); });
    std::atomic<bool> tried = false;
    actor writer(home_, kind(), [&] {
        EXPECT_EQ(write_text(client_, "hello", 3ms), std::errc::timed_out);
        tried = true;
        EXPECT_FALSE(write_text(client_, "hello"));
    });
    EXPECT_TRUE(eventually([&] { return tried.load(); }));
    send_the_rest();
    writer.join();
    skip();
    EXPECT_EQ(server_->read(far_, 5), "hello");
    server_->write("data");
    EXPECT_FALSE(write_text(far_, server_->take()));
}

TEST_P(TlsMessages, AReaderWaitsForTheWriter) {
    std::atomic<int> started = 0;
    actor writer(home_, kind(), [&] {
        ++started;
        EXPECT_FALSE(write_text(client_, "hello"));
    });
    ASSERT_TRUE(eventually([&] { return started == 1; }));
    actor reader(home_, kind(), [&] {
        EXPECT_EQ(read_error(client_, 2ms), std::errc::timed_out);
        ++started;
        EXPECT_EQ(read_text(client_), "data");
    });
    ASSERT_TRUE(eventually([&] { return started == 2; }));
    send_the_rest();
    writer.join();
    server_->write("data");
    EXPECT_FALSE(write_text(far_, server_->take()));
    reader.join();
    skip();
    EXPECT_EQ(server_->read(far_, 5), "hello");
}

TEST_P(TlsMessages, ShutdownWaitsForTheRest) {
    EXPECT_EQ(error_of(client_.shutdown(2ms)), std::errc::timed_out);
    actor writer(home_, kind(), [&] { EXPECT_TRUE(client_.shutdown(safety_net)); });
    send_the_rest();
    writer.join();
    EXPECT_EQ(write_text(client_, "x"), std::errc::broken_pipe);
}

TEST_P(TlsMessages, AStopEndsEachOfThem) {
    for (const bool with_reader : {false, true}) {
        std::stop_source source;
        std::vector<actor> actors;
        if (with_reader) {
            actors.emplace_back(home_, kind(), [&] {
                with_stop_token(source.get_token(), [&] {
                    EXPECT_EQ(read_error(client_), std::errc::operation_canceled);
                });
            });
        }
        actors.emplace_back(home_, kind(), [&] {
            with_stop_token(source.get_token(), [&] {
                EXPECT_EQ(write_text(client_, "hello"), std::errc::operation_canceled);
            });
        });
        static_cast<void>(this_fiber::sleep_for(2ms));  // so that most often they do wait
        source.request_stop();
    }
    send_the_rest();
    EXPECT_FALSE(write_text(client_, "hello"));
    skip();
    EXPECT_EQ(server_->read(far_, 5), "hello");
}

TEST_P(TlsMessages, CloseEndsThem) {
    actor reader(home_, kind(), [&] { EXPECT_TRUE(read_error(client_)); });
    actor writer(home_, kind(), [&] { EXPECT_TRUE(write_text(client_, "hello")); });
    static_cast<void>(this_fiber::sleep_for(2ms));
    client_.close();
}

TEST_P(TlsMessages, NewKeysWhileBothSidesTalk) {
    send_the_rest();
    constexpr int rounds = 200;
    actor writer(home_, kind(), [&] {
        for (int i = 0; i < rounds; ++i) {
            ASSERT_FALSE(write_text(client_, "0123456789"));
        }
    });
    actor reader(home_, kind(),
                 [&] { EXPECT_EQ(read_exactly(client_, rounds * 3).size(), rounds * 3); });
    skip();
    for (int i = 0; i < rounds; ++i) {
        server_->change_keys();
        server_->write("abc");
        ASSERT_FALSE(write_text(far_, server_->take()));
        ASSERT_EQ(server_->read(far_, 10), "0123456789");
    }
}

TEST_P(TlsMessages, NothingButNewKeysForLong) {
    send_the_rest();
    actor reader(home_, kind(), [&] { EXPECT_EQ(read_text(client_), "data"); });
    for (int i = 0; i < 1000; ++i) {
        server_->change_keys();
    }
    EXPECT_FALSE(write_text(far_, server_->take()));
    server_->write("data");
    EXPECT_FALSE(write_text(far_, server_->take()));
    reader.join();
    EXPECT_FALSE(write_text(client_, "hello"));
    skip();
    EXPECT_EQ(server_->read(far_, 5), "hello");
}

// Coroutines in the same places.

TEST_P(TlsMessages, ACoroutineWritesAndAnotherReads) {
    auto reader = home_.spawn([](tls_socket& client) -> task<std::string> {
        std::array<std::byte, 64> buffer{};
        const auto n = co_await co::read(client, buffer, safety_net);
        co_return std::string(reinterpret_cast<const char*>(buffer.data()), n.value_or(0));
    }(client_));
    std::atomic<bool> tried = false;
    auto writer = home_.spawn([](tls_socket& client, std::atomic<bool>& gave_up) -> task<> {
        const auto early = co_await co::write(client, bytes_of("hello"), 3ms);
        EXPECT_EQ(error_of(early), std::errc::timed_out);
        gave_up = true;
        const auto written = co_await co::write(client, bytes_of("hello"), safety_net);
        EXPECT_TRUE(written);
    }(client_, tried));
    EXPECT_TRUE(eventually([&] { return tried.load(); }));
    send_the_rest();
    writer.join();
    server_->write("data");
    EXPECT_FALSE(write_text(far_, server_->take()));
    EXPECT_EQ(reader.join(), "data");
    skip();
}

}  // namespace
}  // namespace weft
