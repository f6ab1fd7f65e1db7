// SPDX-License-Identifier: Apache-2.0
#include "status/status_server.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

#include <weft/runtime.h>

namespace weft::pool {
namespace {

using namespace std::chrono_literals;

constexpr auto longest_test_wait = 20s;

TEST(status_address, is_a_port_of_the_loopback_or_an_address) {
    EXPECT_EQ(parse_status_address("9127")->to_string(), "127.0.0.1:9127");
    EXPECT_EQ(parse_status_address("10.0.0.5:9127")->to_string(), "10.0.0.5:9127");
    EXPECT_EQ(parse_status_address("[::1]:9127")->to_string(), "[::1]:9127");
    EXPECT_EQ(parse_status_address("unix:/tmp/x")->to_string(), "unix:/tmp/x");
    for (const char* const wrong : {"", "0x10", "99999", "10.0.0.5", "localhost:80", "80 "}) {
        const auto got = parse_status_address(wrong);
        ASSERT_FALSE(got) << wrong;
        EXPECT_NE(got.error().find("neither a port nor an address"), std::string::npos);
    }
}

std::optional<http_response> pages(std::string_view path) {
    if (path == "/broken") {
        throw std::runtime_error("broken");
    }
    return path == "/" ? std::optional(http_response{.body = "here"}) : std::nullopt;
}

void send(socket& to, std::string_view bytes) {
    ASSERT_TRUE(to.write(std::as_bytes(std::span(bytes)), longest_test_wait));
}

std::string read_all(socket& from) {
    std::string out;
    std::array<char, 1024> bytes{};
    const deadline until = longest_test_wait;
    while (const auto got = from.read(std::as_writable_bytes(std::span(bytes)), until)) {
        if (*got == 0) {
            return out;
        }
        out.append(bytes.data(), *got);
    }
    return out + " (no end)";
}

class status_servers : public ::testing::Test {
protected:
    template <class Body>
    void with_server(Body body, std::chrono::milliseconds longest_request = longest_test_wait) {
        weft::run([&] {
            status_server server(longest_request);
            const auto at = server.listen(endpoint::loopback(0), false, pages);
            ASSERT_TRUE(at);
            at_ = *at;
            body(server);
        });
    }
    socket client() { return weft::connect(at_, longest_test_wait).value(); }

    std::string ask(std::string_view bytes) {
        socket to = client();
        send(to, bytes);
        return read_all(to);
    }
    std::string status_of(std::string_view path, std::string_view host = "localhost") {
        const std::string answer = ask("GET " + std::string(path) +
                                       " HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
        return answer.substr(0, answer.find('\r'));
    }

    endpoint at_;
};

TEST_F(status_servers, serve_pages_and_say_what_they_do_not_have) {
    with_server([&](status_server&) {
        const std::string answer = ask("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
        EXPECT_TRUE(answer.starts_with("HTTP/1.1 200 OK\r\n")) << answer;
        EXPECT_TRUE(answer.ends_with("\r\n\r\nhere")) << answer;
        EXPECT_EQ(status_of("/other"), "HTTP/1.1 404 Not Found");
        EXPECT_EQ(status_of("/broken"), "HTTP/1.1 500 Internal Server Error");
        EXPECT_TRUE(ask("POST / HTTP/1.1\r\nHost: x\r\n\r\n").starts_with("HTTP/1.1 405"));
        EXPECT_TRUE(ask("hello").starts_with("HTTP/1.1 400"));
    });
}

TEST_F(status_servers, of_the_loopback_want_no_names_of_other_machines) {
    with_server([&](status_server&) {
        for (const char* const host : {"localhost", "LocalHost:80", "127.0.0.1", "127.0.0.1:80",
                                       "[::1]:80", "[::1]", "10.1.2.3:8080"}) {
            EXPECT_EQ(status_of("/", host), "HTTP/1.1 200 OK") << host;
        }
        for (const char* const host : {"evil.example", "evil.example:80", "localhost.evil:80"}) {
            EXPECT_EQ(status_of("/", host), "HTTP/1.1 421 Misdirected Request") << host;
        }
    });
}

TEST_F(status_servers, serve_so_many_at_a_time_and_the_others_behind_them) {
    with_server([&](status_server&) {
        std::vector<socket> silent;
        for (int i = 0; i < 16; ++i) {
            silent.push_back(client());
        }
        socket late = client();
        send(late, "GET / HTTP/1.0\r\n\r\n");
        std::array<std::byte, 1> byte{};
        const auto got = late.read(byte, 100ms);
        EXPECT_FALSE(got) << "it waits for one of them";
        silent.front().close();
        EXPECT_TRUE(read_all(late).ends_with("here"));
    });
}

TEST_F(status_servers, wait_for_a_request_for_some_time_only) {
    with_server(
        [&](status_server&) {
            socket slow = client();
            send(slow, "GET / HT");
            EXPECT_TRUE(read_all(slow).starts_with("HTTP/1.1 408")) << "within the test's deadline";
        },
        20ms);
}

TEST_F(status_servers, end_with_those_who_are_there) {
    with_server([&](status_server& server) {
        socket silent = client();
        send(silent, "GET / HT");
        server.stop();
        EXPECT_EQ(read_all(silent), "");
    });
}

}  // namespace
}  // namespace weft::pool
