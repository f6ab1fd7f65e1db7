// SPDX-License-Identifier: Apache-2.0
//
// Sends standard input to a TLS server and shows what it answers.
//
//     fetch_tls HOST:PORT NAME [AUTHORITIES.pem]
//
// NAME is whom the server's certificate must be for. Without a file of authorities the system's are
// trusted.
#include <weft/runtime.h>
#include <weft/socket.h>
#include <weft/tls.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <span>
#include <string>

using namespace std::chrono_literals;

static int fetch(weft::tls_socket& server, std::span<const std::byte> question) {
    // One of these fails first; explain() then has the reason, with names and dates.
    bool good = server.handshake(10s) && server.write(question, 10s) && server.shutdown(10s);
    std::array<std::byte, 4096> buffer;
    while (good) {
        const auto length = server.read(buffer, 30s);
        good = length.has_value();
        if (length.value_or(0) == 0) {
            break;
        }
        std::fwrite(buffer.data(), 1, *length, stdout);
    }
    if (!good) {
        std::fprintf(stderr, "fetch_tls: %s\n", server.explain().c_str());
    }
    return good ? 0 : 1;
}

int main(int argc, char** argv) try {
    if (argc < 3) {
        std::fputs("usage: fetch_tls HOST:PORT NAME [AUTHORITIES.pem]\n", stderr);
        return 2;
    }
    std::string why;
    const auto trust = weft::tls_context::client({.ca_file = argc > 3 ? argv[3] : ""}, &why);
    if (!trust) {
        std::fprintf(stderr, "fetch_tls: %s\n", why.c_str());
        return 1;
    }
    std::array<std::byte, 4096> question;
    const std::size_t size = std::fread(question.data(), 1, question.size(), stdin);
    return weft::run([&] {
        auto connected = weft::connect(weft::endpoint::parse(argv[1]).value(), 10s).value();
        weft::tls_socket server(std::move(connected), *trust, argv[2]);
        return fetch(server, std::span(question).first(size));
    });
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "fetch_tls: %s\n", e.error().message().c_str());
    return 1;
}
