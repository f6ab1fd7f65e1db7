// SPDX-License-Identifier: Apache-2.0
//
// Links weft::dns: looks up what needs no server.
#include <weft/dns.h>
#include <weft/runtime.h>

int main() {
    auto names = weft::dns::resolver::create({.hosts_file = ""});
    if (!names) {
        return 1;
    }
    return weft::run([&] {
        const auto found = names->lookup("localhost", 80, weft::dns::family::ipv4);
        return found && found->front() == weft::endpoint::loopback(80) ? 0 : 1;
    });
}
