// SPDX-License-Identifier: Apache-2.0
//
// Which of several servers answers first? Connects to all at once; the first that accepts wins, the
// other attempts are cancelled, and after two seconds all are.
//
//     fastest HOST:PORT...
#include <weft/channel.h>
#include <weft/scope.h>
#include <weft/socket.h>

#include <chrono>
#include <cstdio>
#include <optional>
#include <vector>

using namespace std::chrono_literals;

namespace {

std::optional<weft::endpoint> fastest(const std::vector<weft::endpoint>& servers) {
    return weft::with_scope([&](weft::scope& s) {
        const weft::channel<std::optional<weft::endpoint>> outcomes(servers.size());
        for (const weft::endpoint& server : servers) {
            s.spawn([&, outcomes] {
                const auto connected = weft::connect(server);
                (void)outcomes.send(connected ? std::optional(server) : std::nullopt);
            });
        }
        std::optional<weft::endpoint> first;
        for (std::size_t i = 0; i < servers.size() && !first; ++i) {
            first = outcomes.receive().value_or(std::nullopt);
        }
        s.request_stop();
        return first;
    });
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<weft::endpoint> servers;
    for (int i = 1; i < argc; ++i) {
        const auto parsed = weft::endpoint::parse(argv[i]);
        if (!parsed) {
            std::fprintf(stderr, "fastest: %s: %s\n", argv[i], parsed.error().message().c_str());
            return 2;
        }
        servers.push_back(*parsed);
    }
    const auto first =
        weft::run([&] { return weft::with_deadline(2s, [&] { return fastest(servers); }); });
    std::printf("%s\n", first ? first->to_string().c_str() : "none");
    return first ? 0 : 1;
}
