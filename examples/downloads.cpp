// SPDX-License-Identifier: Apache-2.0
//
// The scheduler's algorithm for something else: three downloads share a line of 1 MiB/s in pieces
// of 16 KiB, by weight as nice values give it. No runtime, no clock: time is what has been sent.
//     downloads
#include <weft/fair_queue.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>

struct download : weft::fair_entity {
    download(const char* called, int nice, std::uint64_t size)
        : fair_entity(nice), name(called), left(size) {}

    const char* name;
    std::uint64_t left;
};

int main() {
    constexpr std::uint64_t mib = 1 << 20;
    constexpr std::uint64_t piece = 16 * 1024;
    std::array<download, 3> all{
        {{"urgent", -5, 3 * mib}, {"usual", 0, 3 * mib}, {"whenever", 5, 3 * mib}}};
    weft::fair_queue<download, weft::eevdf> line;
    for (download& each : all) {
        line.start(each);
    }
    std::uint64_t now_ns = 0;
    while (download* const next = line.pick_next()) {
        const std::uint64_t sent = std::min(piece, next->left);
        const std::uint64_t took_ns = sent * 1'000'000'000 / mib;
        now_ns += took_ns;
        next->left -= sent;
        line.charge(took_ns);
        if (next->left == 0) {
            std::printf("%s ended after %.1f s\n", next->name, static_cast<double>(now_ns) / 1e9);
            line.block();
        }
    }
}
