// SPDX-License-Identifier: Apache-2.0
//
// What tests of fair queues share: a task, units of time, and a CPU that runs what a queue picks.
#pragma once

#include <weft/fair_queue.h>

#include <algorithm>
#include <cstdint>
#include <deque>

namespace weft {

struct task : fair_entity {
    using fair_entity::fair_entity;
};

using eevdf_queue = fair_queue<task, eevdf>;
inline constexpr eevdf::parameters eevdf_defaults;

inline constexpr std::uint64_t us = 1'000;
inline constexpr std::uint64_t ms = 1'000'000;

/// Virtual time that begins here wraps around within the first turns.
inline constexpr std::uint64_t shortly_before_the_end = ~std::uint64_t{0} - 20 * ms;

inline double percent(std::uint64_t part, std::uint64_t whole) {
    return 100 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Runs whoever is picked for `total`, with a look at the queue each `step`.
template <class Queue>
void run(Queue& queue, std::uint64_t total, std::uint64_t step = 100 * us) {
    queue.pick_next();
    for (std::uint64_t done = 0; done < total; done += step) {
        queue.charge(step);
        if (queue.tick() || queue.should_switch()) {
            queue.pick_next();
        }
    }
}

/// A CPU with a tick, and tasks that run for a while and sleep for a while.
template <class Queue>
class machine {
public:
    struct sleeper {
        task* who;
        std::uint64_t burst;
        std::uint64_t pause;
        std::uint64_t left = 0;      // of its burst
        std::uint64_t wakes_at = 0;  // 0: it does not sleep
        std::uint64_t woken_at = 0;  // 0: it has run since
        std::uint64_t wakes = 0;
        std::uint64_t waited = 0;   // between waking and running, all told
        std::uint64_t longest = 0;  // of these
    };

    explicit machine(Queue& queue, std::uint64_t tick = 1 * ms) : queue_(queue), tick_(tick) {}

    /// `who` has been started. It runs for `burst` of CPU time, then sleeps for `pause`.
    sleeper& add_sleeper(task& who, std::uint64_t burst, std::uint64_t pause) {
        return sleepers_.emplace_back(
            sleeper{.who = &who, .burst = burst, .pause = pause, .left = burst});
    }

    std::uint64_t now() const { return now_; }

    void run(std::uint64_t total) {
        const std::uint64_t end = now_ + total;
        pick();
        while (now_ < end) {
            const std::uint64_t until = std::min({end, next_tick_, next_wake()});
            sleeper* const s = sleeper_of(queue_.current());
            const std::uint64_t ns = std::min(until - now_, s != nullptr ? s->left : until - now_);
            now_ += ns;
            if (queue_.current() != nullptr && ns != 0) {
                queue_.charge(ns);
            }
            if (s != nullptr && (s->left -= ns) == 0) {
                s->wakes_at = now_ + s->pause;
                queue_.block();
            }
            wake_all();
            if (now_ >= next_tick_) {
                next_tick_ += tick_;
                queue_.tick();
            }
            if (queue_.current() == nullptr || queue_.should_switch()) {
                pick();
            }
        }
    }

private:
    void pick() {
        if (sleeper* const s = sleeper_of(queue_.pick_next()); s != nullptr && s->woken_at != 0) {
            const std::uint64_t waited = now_ - s->woken_at;
            s->woken_at = 0;
            s->waited += waited;
            s->longest = std::max(s->longest, waited);
        }
    }

    sleeper* sleeper_of(const task* who) {
        const auto found = std::find_if(sleepers_.begin(), sleepers_.end(),
                                        [&](const sleeper& each) { return each.who == who; });
        return who != nullptr && found != sleepers_.end() ? &*found : nullptr;
    }

    std::uint64_t next_wake() const {
        std::uint64_t next = ~std::uint64_t{0};
        for (const sleeper& each : sleepers_) {
            next = each.wakes_at != 0 ? std::min(next, each.wakes_at) : next;
        }
        return next;
    }

    void wake_all() {
        for (sleeper& each : sleepers_) {
            if (each.wakes_at != 0 && each.wakes_at <= now_) {
                each.wakes_at = 0;
                each.woken_at = now_;
                each.left = each.burst;
                ++each.wakes;
                queue_.wake(*each.who);
            }
        }
    }

    Queue& queue_;
    std::uint64_t tick_;
    std::uint64_t now_ = 1;
    std::uint64_t next_tick_ = 1;
    std::deque<sleeper> sleepers_;
};

}  // namespace weft
