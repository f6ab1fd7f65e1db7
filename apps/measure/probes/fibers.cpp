// SPDX-License-Identifier: Apache-2.0
//
// What a fiber and a coroutine cost to create, run and join, beside none and beside many that wait;
// and a switch between fibers, by the number that is runnable.
#include <algorithm>
#include <vector>

#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/latch.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include "measure/sampling.h"
#include "probes.h"

namespace weft::measure {

namespace {

constexpr std::size_t batch = 500;
constexpr std::size_t yields = 20'000;

/// Fibers that wait until this ends. On a fiber.
class parked_fibers {
public:
    explicit parked_fibers(std::size_t count) : here_(static_cast<std::ptrdiff_t>(count)) {
        for (std::size_t i = 0; i < count; ++i) {
            fibers_.push_back(spawn([this] {
                here_.count_down();
                until_.acquire();
            }));
        }
        here_.wait();
    }
    ~parked_fibers() { until_.release(static_cast<std::ptrdiff_t>(fibers_.size())); }
    parked_fibers(const parked_fibers&) = delete;
    parked_fibers& operator=(const parked_fibers&) = delete;

private:
    latch here_;
    counting_semaphore<> until_{0};
    std::vector<fiber> fibers_;  // joined before the others end
};

task<> empty_coroutine() {
    co_return;
}

std::vector<double> create_fibers(const sampling_goal& goal) {
    std::vector<fiber> alive(batch);
    return time_batches(goal, batch, [&] {
        for (fiber& one : alive) {
            one = spawn([] {});
        }
        for (fiber& one : alive) {
            one.join();
        }
    });
}

std::vector<double> create_coroutines(const sampling_goal& goal) {
    std::vector<task_handle<>> alive(batch);
    return time_batches(goal, batch, [&] {
        for (auto& one : alive) {
            one = spawn(empty_coroutine());
        }
        for (auto& one : alive) {
            one.join();
        }
    });
}

/// One yield of any of `count` fibers, all of which yield without end.
std::vector<double> switch_among(std::size_t count, const sampling_goal& goal) {
    bool over = false;
    std::vector<fiber> others;
    for (std::size_t i = 1; i < count; ++i) {
        others.push_back(spawn([&over] {
            while (!over) {
                this_fiber::yield();
            }
        }));
    }
    const std::size_t laps = std::max<std::size_t>(1, yields / count);
    auto samples = time_batches(goal, static_cast<double>(laps * count), [&] {
        for (std::size_t i = 0; i < laps; ++i) {
            this_fiber::yield();  // a lap: each of the others has its turn
        }
    });
    over = true;
    return samples;
}

void create_beside(probe_round& round, std::size_t count, const sampling_goal& goal) {
    const parked_fibers others(count);
    const auto at = static_cast<double>(count);
    round.add("fiber.create", at, create_fibers(goal));
    round.add("coroutine.create", at, create_coroutines(goal));
}

}  // namespace

void probe_fibers(probe_round& round) {
    const auto counts = round.places({0, 100, 1000, 10'000, 100'000}, {0, 100, 1000, 10'000});
    const auto runnable = round.places({2, 10, 100, 1000, 10'000, 100'000}, {2, 10, 100, 1000});
    const double each = round.seconds() / static_cast<double>(2 * counts.size() + runnable.size());
    const sampling_goal goal{.seconds = each};
    weft::run(runtime_options{.workers = 1}, [&] {
        for (const std::size_t count : counts) {
            create_beside(round, count, goal);
        }
    });
    // By turns, so that a lap is a lap: fair sharing lets whoever is behind go on.
    weft::run(runtime_options{.workers = 1, .fifo = true}, [&] {
        for (const std::size_t count : runnable) {
            round.add("switch.fiber", static_cast<double>(count), switch_among(count, goal));
        }
    });
    weft::run(runtime_options{.workers = 1},
              [&] { round.add("switch.fiber.fair", 2, switch_among(2, goal)); });
}

}  // namespace weft::measure
