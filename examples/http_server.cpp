// SPDX-License-Identifier: Apache-2.0
//
// HTTP/1.1: GET and HEAD of / give a greeting, POST to / gives back what is sent. Each client has a
// fiber, and SECONDS for a request, between two, and to take an answer. Ctrl-C ends it once the
// clients that are there have the answers to what they have asked.
//
//     http_server [HOST:PORT [SECONDS]]
#include <weft/serve.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "http/session.h"

namespace {

http::response answer(const http::request_reader& request) {
    const auto method = request.method();
    if (request.path() != "/") {
        return {.status = 404, .body = "Nothing is here.\n"};
    }
    if (method == "GET" || method == "HEAD") {
        return {.body = "Hello, world!\n"};
    }
    if (method == "POST") {
        return {.body = request.body(), .type = "application/octet-stream"};
    }
    return {.status = 405, .headers = "Allow: GET, HEAD, POST\r\n"};
}

}  // namespace

int main(int argc, char** argv) try {
    const auto address = weft::endpoint::parse(argc > 1 ? argv[1] : "127.0.0.1:8080");
    const std::chrono::seconds patience(argc > 2 ? std::atoi(argv[2]) : 30);
    if (patience.count() <= 0) {
        std::fputs("usage: http_server [HOST:PORT [SECONDS]]\n", stderr);
        return 2;
    }
    auto listener = weft::listener::bind(address.value()).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    weft::serve(listener, weft::model::fiber,
                [&](weft::connection& client) { http::serve_client(client, patience, answer); },
                {.handle_signals = true})
        .value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "http_server: %s\n", e.error().message().c_str());
    return 1;
}
