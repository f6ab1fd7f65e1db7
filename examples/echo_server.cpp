// SPDX-License-Identifier: Apache-2.0
//
// An echo server: each client has a fiber. Ctrl-C ends it once the clients that are there have
// left, a second one at once.
//
//     echo_server [HOST:PORT]
#include <weft/serve.h>

#include <array>
#include <cstdio>
#include <span>

namespace {

void echo(weft::connection& client) {
    std::array<std::byte, 4096> buffer;
    for (;;) {
        const auto length = client.read(buffer);
        if (!length || *length == 0 || !client.write(std::span(buffer).first(*length))) {
            return;
        }
    }
}

}  // namespace

int main(int, char** argv) try {
    const auto address = weft::endpoint::parse(argv[1] != nullptr ? argv[1] : "127.0.0.1:7000");
    auto listener = weft::listener::bind(address.value()).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    weft::serve(listener, weft::model::fiber, echo, {.handle_signals = true}).value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "echo_server: %s\n", e.error().message().c_str());
    return 1;
}
