// SPDX-License-Identifier: Apache-2.0
#include "session/replication.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <span>
#include <string>

#include <weft/fiber.h>

#include "session/pool_entry.h"

namespace weft::pool {

namespace {

constexpr std::size_t part_size = std::size_t{32} * 1024;

/// Until `from` ends or `to` takes nothing any more. `first`: what has been read ahead.
void pass_on(transport& from, transport& to, std::string_view first,
             std::atomic<std::uint64_t>& counted) {
    if (!first.empty() && !to.write(first)) {
        return;
    }
    const auto part = std::make_unique_for_overwrite<char[]>(part_size);
    for (;;) {
        const auto got = from.read(std::span(part.get(), part_size));
        if (!got || *got == 0 || !to.write({part.get(), *got})) {
            return;
        }
        add(counted, *got);
    }
}

}  // namespace

std::optional<replication> read_replication(std::string_view value) {
    std::string text(value);
    std::ranges::transform(text, text.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto is_in = [&](std::span<const std::string_view> list) {
        return std::ranges::find(list, text) != list.end();
    };
    static constexpr std::array<std::string_view, 6> yes{"true", "on", "yes", "1", "t", "y"};
    static constexpr std::array<std::string_view, 6> no{"false", "off", "no", "0", "f", "n"};
    if (text == "database") {
        return replication::logical;
    }
    if (is_in(yes)) {
        return replication::physical;
    }
    return is_in(no) ? std::optional(replication::none) : std::nullopt;
}

void relay(client& who, server& with) {
    traffic& counts = who.pool->counts;
    fiber answers([&] {
        pass_on(with.io, who.io, with.in.unread(), counts.from_servers);
        // Its last words are on their way, so only what the client says ends here.
        ::shutdown(who.io.raw().native_handle(), SHUT_RD);
    });
    pass_on(who.io, with.io, who.in.unread(), counts.from_clients);
    with.io.close();
    answers.join();
}

}  // namespace weft::pool
