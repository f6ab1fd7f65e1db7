// SPDX-License-Identifier: Apache-2.0
//
// What will happen, by time. What happens at the same time has an order too, so that a run does not
// depend on anything else: first what tasks do by themselves, then wake-ups and arrivals, then
// quotas, then the tick.
#pragma once

#include <cstdint>
#include <queue>
#include <tuple>
#include <vector>

#include "durations.h"

namespace weft::sim {

struct event {
    enum class kind : std::uint8_t { step, wake, arrival, refill, tick };
    nanoseconds at = 0;
    kind what = kind::step;
    std::uint32_t index = 0;   ///< of the CPU, task or group
    std::uint64_t serial = 0;  ///< step: the turn of the CPU to which it belongs
};

class event_queue {
public:
    void add(event what) { heap_.push({what, count_++}); }
    [[nodiscard]] bool empty() const { return heap_.empty(); }
    [[nodiscard]] const event& next() const { return heap_.top().what; }
    event take() {
        const event first = heap_.top().what;
        heap_.pop();
        return first;
    }

private:
    struct entry {
        event what;
        std::uint64_t order;
        [[nodiscard]] auto key() const { return std::tuple(what.at, what.what, order); }
        bool operator<(const entry& other) const { return key() > other.key(); }
    };

    std::priority_queue<entry> heap_;
    std::uint64_t count_ = 0;
};

}  // namespace weft::sim
