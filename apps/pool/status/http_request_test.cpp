// SPDX-License-Identifier: Apache-2.0
#include "status/http_request.h"

#include <gtest/gtest.h>

#include <string>

#include "status/http_response.h"

namespace weft::pool {
namespace {

using state = request_parser::state;

/// 0: it is complete, -1: it is not; else the status of the refusal.
int result_of(const std::string& bytes) {
    request_parser parser;
    switch (parser.take(bytes)) {
        case state::complete:
            return 0;
        case state::more:
            return -1;
        case state::refused:
            break;
    }
    return parser.status();
}

TEST(http_request, is_read_however_it_is_cut) {
    const std::string bytes = "GET /metrics?x=1 HTTP/1.1\r\nhOST: localhost:9127\r\nA: b\r\n\r\n";
    for (std::size_t cut = 1; cut <= bytes.size(); ++cut) {
        request_parser parser;
        state at = state::more;
        for (std::size_t i = 0; i < bytes.size(); i += cut) {
            EXPECT_EQ(at, state::more);
            at = parser.take(std::string_view(bytes).substr(i, cut));
        }
        EXPECT_EQ(at, state::complete) << cut;
        EXPECT_EQ(parser.request().path, "/metrics");
        EXPECT_EQ(parser.request().host, "localhost:9127");
    }
}

TEST(http_request, must_be_a_get_without_a_body) {
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), 0);
    EXPECT_EQ(result_of("GET / HTTP/1.0\r\n\r\n"), 0);
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"), 0);
    EXPECT_EQ(result_of("POST / HTTP/1.1\r\nHost: x\r\n\r\n"), 405);
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"), 400);
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"), 400);
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\n\r\n"), 400) << "without a host";
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n"), 400);
    EXPECT_EQ(result_of("GET http://x/ HTTP/1.1\r\nHost: x\r\n\r\n"), 400) << "of a proxy";
    EXPECT_EQ(result_of("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
}

TEST(http_request, that_is_none_is_refused) {
    EXPECT_EQ(result_of(std::string("\x16\x03\x01\x02\x00\x01", 6)), 400) << "TLS";
    EXPECT_EQ(result_of(std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)), 400) << "PostgreSQL";
    EXPECT_EQ(result_of("GET / HTTP/1.1\r\nHost : x\r\n\r\n"), 400);
    EXPECT_EQ(result_of("GET / HT"), -1);
}

TEST(http_request, has_a_bound) {
    const std::string head = "GET / HTTP/1.1\r\nHost: x\r\nA: ";
    EXPECT_EQ(result_of(head + std::string(request_parser::longest, 'a')), 431);
    const std::string end = "\r\n\r\n";
    const std::size_t left = request_parser::longest - head.size() - end.size();
    EXPECT_EQ(result_of(head + std::string(left, 'a') + end), 0);
    EXPECT_EQ(result_of(head + std::string(left + 1, 'a') + end), 431);
    request_parser parser;
    for (int i = 0; i < 100; ++i) {
        (void)parser.take(std::string(1000, 'a'));
    }
    EXPECT_EQ(parser.take("x"), state::refused);
}

TEST(http_response, says_what_it_is) {
    const std::string bytes = to_bytes(plain_answer(405));
    EXPECT_TRUE(bytes.starts_with("HTTP/1.1 405 Method Not Allowed\r\n")) << bytes;
    EXPECT_NE(bytes.find("\r\nContent-Length: 23\r\n"), bytes.npos) << bytes;
    EXPECT_NE(bytes.find("\r\nAllow: GET\r\n"), bytes.npos);
    EXPECT_TRUE(bytes.ends_with("\r\nConnection: close\r\n\r\n405 Method Not Allowed\n"));
}

}  // namespace
}  // namespace weft::pool
