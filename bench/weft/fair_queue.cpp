// SPDX-License-Identifier: Apache-2.0
#include <weft/fair_queue.h>

#include <array>
#include <memory>

#include "workloads.h"

namespace bench {

namespace {

struct entity : weft::fair_entity {};

/// Each turn is charged between 0.1 and 4 ms, so that whoever has had it goes somewhere into the
/// tree and not always to its end.
template <class Policy>
cost requeue(std::size_t size) {
    constexpr std::size_t turns = 1'000'000;
    constexpr std::size_t warm_up = 2;  // turns of each, until the tree has its shape
    std::array<std::uint64_t, 4096> lengths{};
    std::uint64_t random = 1;
    for (std::uint64_t& each : lengths) {
        random = random * 6364136223846793005U + 1442695040888963407U;  // Knuth's MMIX generator
        each = 100'000 + (random >> 33) % 3'900'000;
    }
    weft::fair_queue<entity, Policy> queue;
    const auto entities = std::make_unique<entity[]>(size);
    for (std::size_t i = 0; i < size; ++i) {
        queue.start(entities[i]);
    }
    queue.pick_next();
    const auto run = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            queue.charge(lengths[i % lengths.size()]);
            queue.pick_next();
        }
    };
    run(warm_up * size);
    return timed(turns, [&] { run(turns); });
}

}  // namespace

cost requeue_cfs(std::size_t size) {
    return requeue<weft::cfs>(size);
}

cost requeue_eevdf(std::size_t size) {
    return requeue<weft::eevdf>(size);
}

}  // namespace bench
