// SPDX-License-Identifier: Apache-2.0
//
// Prints the addresses of all names that it is given, looked up at the same time.
//
//     resolve NAME...
#include <weft/dns.h>
#include <weft/runtime.h>
#include <weft/scope.h>

#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using found = weft::result<std::vector<weft::endpoint>>;

/// Whether there was an address.
bool print(const char* name, const found& addresses) {
    if (!addresses) {
        std::fprintf(stderr, "%s: %s\n", name, addresses.error().message().c_str());
        return false;
    }
    for (const weft::endpoint& address : *addresses) {
        std::printf("%s %s\n", name, address.to_string().c_str());
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        std::fputs("usage: resolve NAME...\n", stderr);
        return 2;
    }
    auto names = weft::dns::resolver::create();
    if (!names) {
        std::fprintf(stderr, "resolve: %s\n", names.error().message().c_str());
        return 1;
    }
    return weft::run([&] {
        return weft::with_scope([&](weft::scope& s) {
            std::vector<weft::future<found>> all;
            for (int i = 1; i < argc; ++i) {
                all.push_back(s.spawn(
                    [&, i] { return names->lookup(argv[i], 0, weft::dns::family::any, 10s); }));
            }
            bool good = true;
            for (int i = 1; i < argc; ++i) {
                good = print(argv[i], all[static_cast<std::size_t>(i - 1)].get()) && good;
            }
            return good ? 0 : 1;
        });
    });
}
