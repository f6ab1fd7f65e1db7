// SPDX-License-Identifier: Apache-2.0
//
// Gives a file to everybody who connects: over TCP its bytes, straight from the kernel's cache;
// over a Unix socket, to programs of the same user, the open file itself.
//
//     give_file FILE ADDRESS              e.g. give_file report.pdf unix:/tmp/report
#include <weft/file.h>
#include <weft/serve.h>
#include <weft/socket.h>

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string_view>

using namespace std::chrono_literals;

static weft::result<void> give(weft::file& file, weft::socket& client, bool is_local) {
    if (!is_local) {
        const auto sent = weft::send_file(client, file.native_handle(), 0, UINT64_MAX, 60s);
        return sent ? weft::result<void>() : std::unexpected(sent.error());
    }
    const auto who = client.peer_credentials();
    if (!who || who->user != ::getuid()) {
        return client.write(std::as_bytes(std::span(std::string_view("not for you\n"))), 10s);
    }
    // At least one byte must go along; here the text that a client can show.
    const std::array descriptors{file.native_handle()};
    const std::string_view text("here it is\n");
    return client.send_descriptors(descriptors, std::as_bytes(std::span(text)), 10s);
}

int main(int argc, char** argv) try {
    if (argc != 3) {
        std::fputs("usage: give_file FILE ADDRESS\n", stderr);
        return 2;
    }
    auto file = weft::file::open(argv[1]).value();
    const auto address = weft::endpoint::parse(argv[2]).value();
    auto listener = weft::listener::bind(address).value();
    std::printf("listening on %s\n", listener.local_endpoint()->to_string().c_str());
    std::fflush(stdout);
    const auto handler = [&](weft::connection& client) {
        if (const auto given = give(file, client.socket(), address.family() == AF_UNIX); !given) {
            std::fprintf(stderr, "%s\n", given.error().message().c_str());
        }
    };
    weft::serve(listener, weft::model::fiber, handler, {.handle_signals = true}).value();
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "give_file: %s\n", e.error().message().c_str());
    return 1;
}
