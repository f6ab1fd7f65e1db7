// SPDX-License-Identifier: Apache-2.0
//
// An echo server over TLS, each client on a fiber. Ctrl-C ends it.
//
//     tls_echo CHAIN.pem KEY.pem [HOST:PORT]
#include <weft/serve.h>
#include <weft/tls.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <span>
#include <string>

namespace {

using namespace std::chrono_literals;

void echo(weft::connection& client, const weft::tls_context& identity) {
    weft::tls_socket peer(&client.socket(), identity);
    if (!peer.handshake(10s)) {
        std::fprintf(stderr, "%s\n", peer.explain().c_str());
        return;
    }
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto length = peer.read(buffer, 60s);
        if (!length || *length == 0 || !peer.write(std::span(buffer).first(*length), 60s)) {
            break;
        }
    }
    static_cast<void>(peer.shutdown(10s));
}

}  // namespace

int main(int argc, char** argv) try {
    if (argc < 3) {
        std::fputs("usage: tls_echo CHAIN.pem KEY.pem [HOST:PORT]\n", stderr);
        return 2;
    }
    std::string why;
    const auto identity = weft::tls_context::server(
        {.certificates = {{.chain_file = argv[1], .key_file = argv[2]}}}, &why);
    if (!identity) {
        std::fprintf(stderr, "tls_echo: %s\n", why.c_str());
        return 1;
    }
    const auto address = weft::endpoint::parse(argc > 3 ? argv[3] : "127.0.0.1:7443");
    auto listener = weft::listener::bind(address.value()).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    weft::serve(listener, weft::model::fiber,
                [&](weft::connection& client) { echo(client, *identity); },
                {.handle_signals = true})
        .value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "tls_echo: %s\n", e.error().message().c_str());
    return 1;
}
