// SPDX-License-Identifier: Apache-2.0
//
// The kernel's scheduler as seen from user space, and weft's beside it: how long a turn is when two
// compute on one CPU, how late a sleeper wakes beside one that computes, the shares of a ladder of
// nice values, and what ten thousand sleepers of a millisecond cost.
#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

#include <weft/fair_entity.h>
#include <weft/fiber.h>
#include <weft/latch.h>
#include <weft/runtime.h>

#include "child.h"
#include "in_child.h"
#include "lab/limits.h"
#include "live/thread_facts.h"
#include "measure/sampling.h"
#include "probes.h"

namespace weft::measure {

namespace {

using namespace std::chrono_literals;

constexpr std::int64_t shortest_gap = 200'000;  // longer than an interrupt, shorter than a turn
constexpr std::array nice_ladder{0, 5, 10};
constexpr std::size_t storm = 10'000;
/// So long nothing else on the machine has much of a CPU.
constexpr double storm_seconds = 0.3;

void stay_on_one_cpu() {
    live::pin_thread({live::cpu_of_thread()});
}

/// Computes until then; notes how long each turn was that another one ended.
void note_turns(std::int64_t until, std::vector<double>& turns) {
    std::int64_t began = now_ns();
    for (std::int64_t before = began; before < until;) {
        const std::int64_t now = now_ns();
        if (now - before > shortest_gap) {
            turns.push_back(static_cast<double>(before - began));
            began = now;
        }
        before = now;
    }
}

void turns_of_threads(probe_round& round, double seconds) {
    stay_on_one_cpu();
    const std::int64_t until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    std::vector<double> mine;
    std::vector<double> theirs;
    {
        std::jthread other([&] { note_turns(until, theirs); });
        note_turns(until, mine);
    }
    mine.insert(mine.end(), theirs.begin(), theirs.end());
    if (mine.size() > 4) {
        mine.erase(mine.begin());  // the other one had not begun
    }
    round.add("sched.turn", std::move(mine));
}

/// How much later than asked a sleep of a millisecond ends, by `sleep`.
std::vector<double> lateness(double seconds, const std::function<void()>& sleep) {
    constexpr double asked = 1e6;
    return take_samples({.seconds = seconds, .least = 30, .most = 400}, [&] {
        const std::int64_t began = now_ns();
        sleep();
        return std::max(0.0, static_cast<double>(now_ns() - began) - asked);
    });
}

void sleep_of_thread() {
    const timespec time{.tv_sec = 0, .tv_nsec = 1'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &time, nullptr);
}

void compute_until(const std::atomic<bool>& over) {
    while (!over.load(std::memory_order_relaxed)) {
    }
}

void wakes_of_threads(probe_round& round, double seconds) {
    stay_on_one_cpu();
    round.add("wake.thread.idle", lateness(seconds, sleep_of_thread));
    std::atomic<bool> over = false;
    {
        std::jthread hog([&] { compute_until(over); });
        round.add("wake.thread.beside_hog", lateness(seconds, sleep_of_thread));
        over = true;
    }
}

void wakes_of_fibers(probe_round& round, double seconds) {
    stay_on_one_cpu();
    weft::run(runtime_options{.workers = 1}, [&] {
        const auto sleep = [] { this_fiber::sleep_for(1ms); };
        round.add("wake.fiber.idle", lateness(seconds, sleep));
        std::atomic<bool> over = false;
        fiber hog = spawn([&] { compute_until(over); });
        round.add("wake.fiber.beside_hog", lateness(seconds, sleep));
        over = true;
        hog.join();
    });
}

/// The largest distance of a share from what the weights give, in percent points.
double worst_error(const std::array<double, nice_ladder.size()>& work) {
    double all_work = 0;
    double all_weights = 0;
    for (std::size_t i = 0; i < nice_ladder.size(); ++i) {
        all_work += work[i];
        all_weights += static_cast<double>(weight_of_nice(nice_ladder[i]).value);
    }
    double worst = 0;
    for (std::size_t i = 0; i < nice_ladder.size(); ++i) {
        const double ideal =
            static_cast<double>(weight_of_nice(nice_ladder[i]).value) / all_weights;
        worst = std::max(worst, std::abs(100 * (work[i] / all_work - ideal)));
    }
    return worst;
}

void shares_of_threads(probe_round& round, double seconds) {
    stay_on_one_cpu();
    const std::int64_t until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    std::array<double, nice_ladder.size()> work{};
    {
        std::vector<std::jthread> all;
        for (std::size_t i = 0; i < nice_ladder.size(); ++i) {
            all.emplace_back([&, i] {
                live::set_nice_of_thread(nice_ladder[i]);
                while (now_ns() < until) {
                }
                work[i] = static_cast<double>(live::cpu_time_of_thread());
            });
        }
    }
    round.add("share.thread.error", {worst_error(work)});
}

/// Of fibers the laps count: they have no clock of their own.
void shares_of_fibers(probe_round& round, double seconds) {
    stay_on_one_cpu();
    std::array<double, nice_ladder.size()> work{};
    const std::int64_t until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    weft::run(runtime_options{.workers = 1}, [&] {
        std::vector<fiber> all;
        for (std::size_t i = 0; i < nice_ladder.size(); ++i) {
            all.push_back(spawn({.nice = nice_ladder[i]}, [&, i] {
                double laps = 0;
                while (now_ns() < until) {
                    ++laps;
                }
                work[i] = laps;
            }));
        }
        for (fiber& one : all) {
            one.join();
        }
    });
    round.add("share.fiber.error", {worst_error(work)});
}

double cpu_ns_of_process() {
    timespec used{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

/// When ten thousand that sleep for a millisecond at a time begin, and when each of them ends by
/// itself: whoever would tell them to end had to wait for its turn among them.
struct storm_times {
    std::atomic<bool> begun = false;
    std::atomic<std::int64_t> until = 0;
    std::atomic<std::uint64_t> wakes = 0;

    [[nodiscard]] bool goes_on() const noexcept {
        return now_ns() < until.load(std::memory_order_relaxed);
    }
    void count() noexcept { wakes.fetch_add(1, std::memory_order_relaxed); }
};

/// CPU time of all from the moment at which `let_go`, which returns when all have ended, lets them
/// begin.
template <class LetGo>
double cpu_of_storm(storm_times& times, double seconds, LetGo let_go) {
    const double cpu = cpu_ns_of_process();
    times.until = now_ns() + static_cast<std::int64_t>(seconds * 1e9);
    let_go();
    return cpu_ns_of_process() - cpu;
}

double cpu_of_threads(storm_times& times, double seconds) {
    std::vector<std::jthread> all;
    for (std::size_t i = 0; i < storm; ++i) {
        all.emplace_back([&] {
            times.begun.wait(false);
            while (times.goes_on()) {
                sleep_of_thread();
                times.count();
            }
        });
    }
    return cpu_of_storm(times, seconds, [&] {
        times.begun = true;
        times.begun.notify_all();
        all.clear();
    });
}

double cpu_of_fibers(storm_times& times, double seconds) {
    return weft::run([&] {
        event begun;
        std::vector<fiber> all;
        for (std::size_t i = 0; i < storm; ++i) {
            all.push_back(spawn([&] {
                begun.wait();
                while (times.goes_on()) {
                    this_fiber::sleep_for(1ms);
                    times.count();
                }
            }));
        }
        return cpu_of_storm(times, seconds, [&] {
            begun.set();
            for (fiber& one : all) {
                one.join();
            }
        });
    });
}

/// What a wake-up costs, without what it costs to let all begin and end; and how many there are in
/// a second.
void time_storm(probe_round& round, const std::string& kind, double seconds,
                double (*cpu_of)(storm_times&, double)) {
    storm_times nothing;
    const double around = cpu_of(nothing, 0);
    storm_times times;
    const double used = cpu_of(times, seconds) - around;
    if (const auto done = static_cast<double>(times.wakes); done > 0 && used > 0) {
        round.add("storm." + kind + ".cpu", {used / done});
        round.add("storm." + kind + ".rate", {done / seconds});
    }
}

void storm_of_threads(probe_round& round, double seconds) {
    time_storm(round, "thread", seconds, cpu_of_threads);
}

void storm_of_fibers(probe_round& round, double seconds) {
    time_storm(round, "fiber", seconds, cpu_of_fibers);
}

}  // namespace

void probe_scheduling(probe_round& round) {
    const double each = round.seconds() / 6;
    const auto alone = [&](void (*part)(probe_round&, double), double seconds) {
        in_child(round, [&](probe_round& own) { part(own, seconds); });
    };
    alone(turns_of_threads, each);
    alone(wakes_of_threads, each);
    alone(wakes_of_fibers, each);
    alone(shares_of_threads, each);
    alone(shares_of_fibers, each);
    round.add("sched.tick", {static_cast<double>(live::kernel_tick())});
}

std::optional<obstacle> why_no_storm() {
    const lab::bound tasks = lab::read_limits().tasks;
    if (tasks.most < storm + 100) {
        return obstacle{.reason = "10,000 threads do not fit: " + tasks.reason, .lift = tasks.lift};
    }
    return std::nullopt;
}

void probe_storm(probe_round& round) {
    in_child(round, [](probe_round& own) { storm_of_threads(own, storm_seconds); });
    in_child(round, [](probe_round& own) { storm_of_fibers(own, storm_seconds); });
}

}  // namespace weft::measure
