// SPDX-License-Identifier: Apache-2.0
//
// Asks a UDP server, again after 100 ms without an answer, five times at most. Without HOST:PORT it
// asks a server of its own, a coroutine that loses every second datagram.
//     udp_ping [HOST:PORT]
#include <weft/co.h>
#include <weft/datagram.h>
#include <weft/runtime.h>
#include <weft/scope.h>
#include <weft/task.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <span>
#include <string_view>

static weft::task<> echo(weft::datagram_socket& socket) {
    std::array<std::byte, 1500> buffer;
    for (bool loses = true;; loses = !loses) {
        const auto got = co_await weft::co::receive_from(socket, buffer);
        if (!got) {
            co_return;  // stopped
        }
        if (!loses) {
            const std::span<const std::byte> bytes(buffer.data(), got->size);
            [[maybe_unused]] const auto sent = co_await weft::co::send_to(socket, bytes, got->from);
        }
    }
}

static int attempts_until_answered(const weft::endpoint& server) {
    auto socket = weft::datagram_socket::open(server.family()).value();
    socket.connect(server).value();
    for (int attempt = 1;; ++attempt) {
        std::array<std::byte, 1500> answer;
        socket.send(std::as_bytes(std::span(std::string_view("ping")))).value();
        const auto got = socket.receive(answer, std::chrono::milliseconds(100));
        if (got || attempt == 5) {
            return got.value(), attempt;
        }
    }
}

int main(int argc, char** argv) try {
    auto own = weft::datagram_socket::bind(*weft::endpoint::parse("127.0.0.1:0")).value();
    const auto peer = argc > 1 ? weft::endpoint::parse(argv[1]) : own.local_endpoint();
    const int attempts = weft::run([&] {
        return weft::with_scope([&](weft::scope& all) {
            all.spawn(echo(own));
            const int answered = attempts_until_answered(peer.value());
            all.request_stop();  // as an exception does
            return answered;
        });
    });
    std::printf("answered after %d attempts\n", attempts);
} catch (const std::bad_expected_access<weft::error>& e) {
    std::fprintf(stderr, "udp_ping: %s\n", e.error().message().c_str());
    return 1;
}
