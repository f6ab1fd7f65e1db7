// SPDX-License-Identifier: Apache-2.0
//
// Passes the connections that come in at one address on to another one; each direction is a fiber,
// and the bytes do not come into the process. Several proxies may share a TCP port; of a Unix
// socket only who runs the proxy may use it. Ctrl-C ends it.
//
//     proxy TARGET ADDRESS                e.g. proxy 127.0.0.1:80 unix:/tmp/web
#include <weft/scope.h>
#include <weft/serve.h>
#include <weft/socket.h>

#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

using namespace std::chrono_literals;

static void pass_on(weft::socket& from, weft::socket& to, weft::scope& both) {
    if (weft::copy_stream(from, to) && to.shutdown_write()) {
        return;  // the other direction may go on
    }
    both.request_stop();
}

static void serve_one(weft::connection& client, const weft::endpoint& target) {
    const auto who = client.socket().peer_credentials();  // an error where it is no Unix socket
    if (who && who->user != ::getuid()) {
        std::fprintf(stderr, "refused: user %u\n", who->user);
        return;
    }
    auto server = weft::connect(target, 10s);
    if (!server) {
        std::fprintf(stderr, "%s\n", server.error().message().c_str());
        return;
    }
    weft::with_stop_token(client.stop_token(), [&] {  // idle connections end with the proxy
        weft::with_scope([&](weft::scope& both) {
            both.spawn([&] { pass_on(client.socket(), *server, both); });
            both.spawn([&] { pass_on(*server, client.socket(), both); });
        });
    });
}

int main(int argc, char** argv) try {
    const auto target = weft::endpoint::parse(argc == 3 ? argv[1] : "").value();
    const auto address = weft::endpoint::parse(argv[2]).value();
    const bool shared = address.family() != AF_UNIX;
    auto listener = weft::listener::bind(address, {.reuse_port = shared}).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    const auto handler = [&](weft::connection& client) { serve_one(client, target); };
    weft::serve(listener, weft::model::fiber, handler, {.handle_signals = true}).value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "proxy TARGET ADDRESS: %s\n", e.error().message().c_str());
    return 1;
}
