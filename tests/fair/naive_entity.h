// SPDX-License-Identifier: Apache-2.0
//
// What the naive policies (naive_cfs.h, naive_eevdf.h, naive_queue.h) are made of. They are the
// oracles that fair_queue is compared with: written from the published rules of Linux 6.1 (CFS) and
// 6.12 (EEVDF), with plain vectors and linear search, and computing every sum anew, so that they
// share no idea with the headers that they check.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace weft::naive {

__extension__ using wide = __int128;

/// Whether `a` comes before `b` on a clock that wraps around.
constexpr bool before(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a - b) < 0;
}

/// From `b` to `a`.
constexpr std::int64_t distance(std::uint64_t a, std::uint64_t b) {
    return static_cast<std::int64_t>(a - b);
}

/// How far the clock of a weight goes in `ns`: ns * 1024 / weight by way of 2^32 / weight, a 32-bit
/// number.
constexpr std::uint64_t delta_fair(std::uint64_t ns, std::uint64_t weight) {
    constexpr std::uint64_t unit = std::uint64_t{1} << 32;
    return static_cast<std::uint64_t>(wide{ns} * 1024 * (unit / weight) / unit);
}

/// The table of the kernel, copied from its documentation and not from the headers.
constexpr std::uint32_t weight_of(int nice) {
    constexpr std::array<std::uint32_t, 40> table{
        88761, 71755, 56483, 46273, 36291, 29154, 23254, 18705, 14949, 11916,
        9548,  7620,  6100,  4904,  3906,  3121,  2501,  1991,  1586,  1277,
        1024,  820,   655,   526,   423,   335,   272,   215,   172,   137,
        110,   87,    70,    56,    45,    36,    29,    23,    18,    15};
    return table.at(static_cast<std::size_t>(nice + 20));
}

enum class state : std::uint8_t { outside, waiting, running, delayed };

/// What an oracle knows of an entity or of a group.
template <class Level>
struct entity {
    std::uint64_t v = 0;         // virtual time
    std::uint64_t deadline = 0;  // EEVDF
    std::int64_t lag = 0;        // EEVDF: V - v when it left
    std::uint64_t slice = 0;     // EEVDF: its own; 0: the default
    std::uint64_t turn = 0;      // how long it has run since it was picked
    std::uint64_t promised = 0;  // EEVDF: the deadline until which it is protected
    std::uint32_t weight = 1024;
    state where = state::outside;
    bool relative = false;  // v (CFS) or deadline (EEVDF) counts from the queue that it has left
    bool is_group = false;
    Level* level = nullptr;    // where it competes
    entity* parent = nullptr;  // the group that it belongs to
};

/// Those who compete with each other.
template <class Entity>
struct competitors {
    std::vector<Entity*> waiting;  // in the order in which they came
    Entity* running = nullptr;

    std::uint64_t count() const { return waiting.size() + (running != nullptr ? 1 : 0); }

    template <class Function>
    void for_each(Function function) const {
        if (running != nullptr) {
            function(*running);
        }
        for (Entity* each : waiting) {
            function(*each);
        }
    }

    std::uint64_t load() const {
        std::uint64_t sum = 0;
        for_each([&](const Entity& each) { sum += each.weight; });
        return sum;
    }

    void add(Entity& n) {
        waiting.push_back(&n);
        n.where = state::waiting;
    }

    void take_out(Entity& n) {
        if (running == &n) {
            running = nullptr;
        } else {
            waiting.erase(std::find(waiting.begin(), waiting.end(), &n));
        }
        n.where = state::outside;
    }

    void put_back() {
        if (running != nullptr) {
            add(*running);
            running = nullptr;
        }
    }
};

}  // namespace weft::naive
