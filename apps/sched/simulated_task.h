// SPDX-License-Identifier: Apache-2.0
//
// A task while it is simulated: what stands in a fair_queue. For simulation.h.
#pragma once

#include <cstdint>

#include <weft/fair_entity.h>

#include "pattern.h"
#include "workload.h"

namespace weft::sim {

struct simulated_task : fair_entity {
    simulated_task(const task_spec& s, std::uint64_t seed, std::uint32_t number)
        : fair_entity(s.nice), spec(&s), draws(s, seed, number), id(number) {}

    enum class state : std::uint8_t { absent, ready, running, asleep, ended };
    const task_spec* spec;
    pattern draws;
    std::uint32_t id;
    std::uint32_t cpu = 0;  ///< where it is, or was before it slept
    state is = state::absent;
    // CPU time until it does something by itself.
    nanoseconds run_left = 0;
    nanoseconds total_left = forever;
    nanoseconds fork_left = forever;
    nanoseconds ready_since = 0;
    bool just_woken = false;
    bool is_throttled = false;

    [[nodiscard]] bool is_present() const { return is == state::ready || is == state::running; }
    [[nodiscard]] bool may_run() const { return is_present() && !is_throttled; }
    [[nodiscard]] bool may_move() const { return may_run() && !spec->cpu; }
};

}  // namespace weft::sim
