// SPDX-License-Identifier: Apache-2.0
//
// A switch between two that wake each other: kernel threads on one CPU and on two, processes,
// fibers and coroutines; then the same with memory that each touches between two switches, whose
// cost without a switch is taken off: what remains is the switch and what caches and TLBs lose by
// it. Last, kernel threads that are all runnable, by their number.
#include <algorithm>
#include <array>
#include <atomic>
#include <functional>
#include <thread>
#include <vector>

#include <linux/futex.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/runtime.h>
#include <weft/task.h>

#include "child.h"
#include "live/thread_facts.h"
#include "measure/sampling.h"
#include "memory_block.h"
#include "probes.h"
#include "shared_value.h"

namespace weft::measure {

namespace {

constexpr std::size_t cache_line = 64;

void stay_on(std::uint32_t cpu) {
    live::pin_thread({cpu});
}

/// Whose turn it is; the other one sleeps on it. In memory that processes share.
class turn_word {
public:
    void wait_for_turn(std::uint32_t mine) noexcept {
        for (std::uint32_t now = word_.load(); now != mine && now != over; now = word_.load()) {
            ::syscall(SYS_futex, &word_, FUTEX_WAIT, now, nullptr, nullptr, 0);
        }
    }
    void give_turn(std::uint32_t to) noexcept {
        word_.store(to);
        ::syscall(SYS_futex, &word_, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    [[nodiscard]] bool is_over() const noexcept { return word_.load() == over; }
    void end() noexcept { give_turn(over); }

private:
    static constexpr std::uint32_t over = 2;
    std::atomic<std::uint32_t> word_{0};
};

using shared_turn = shared_value<turn_word>;

/// Memory that one of two works on between its turns.
class working_set {
public:
    explicit working_set(std::size_t size) : bytes_(size) {}
    void work() noexcept {
        for (std::size_t at = 0; at < bytes_.size(); at += cache_line) {
            auto& byte = *const_cast<volatile unsigned char*>(&bytes_[at]);
            byte = static_cast<unsigned char>(byte + 1);
        }
    }

private:
    std::vector<unsigned char> bytes_;
};

/// The other of two: has its turn until all is over.
void have_turns(turn_word& turn, working_set& set) noexcept {
    for (;;) {
        turn.wait_for_turn(1);
        if (turn.is_over()) {
            return;
        }
        set.work();
        turn.give_turn(0);
    }
}

/// One turn of ours and one of the other's.
void lap(turn_word& turn, working_set& set) noexcept {
    set.work();
    turn.give_turn(1);
    turn.wait_for_turn(0);
}

int laps_for(std::size_t set) {
    return static_cast<int>(std::clamp<std::size_t>(2 * mib / (set + 8192), 2, 200));
}

/// Nanoseconds for one switch, with the work.
template <class Lap>
std::vector<double> time_laps(const sampling_goal& goal, std::size_t set, Lap one_lap) {
    const int laps = laps_for(set);
    return time_batches(goal, 2.0 * laps, [&] {
        for (int i = 0; i < laps; ++i) {
            one_lap();
        }
    });
}

std::vector<double> between_threads(std::size_t size, std::uint32_t own_cpu,
                                    std::uint32_t other_cpu, const sampling_goal& goal) {
    stay_on(own_cpu);
    const shared_turn turn;
    working_set mine(size);
    std::jthread other([&] {
        stay_on(other_cpu);
        working_set theirs(size);
        have_turns(*turn, theirs);
    });
    auto samples = time_laps(goal, size, [&] { lap(*turn, mine); });
    turn->end();
    return samples;
}

std::vector<double> between_processes(std::size_t size, std::uint32_t cpu,
                                      const sampling_goal& goal) {
    stay_on(cpu);
    const shared_turn turn;
    working_set mine(size);
    const pid_t child = fork_child();
    if (child == 0) {
        working_set theirs(size);
        have_turns(*turn, theirs);
        ::_exit(0);
    }
    auto samples = time_laps(goal, size, [&] { lap(*turn, mine); });
    turn->end();
    wait_for(child);
    return samples;
}

/// As lat_ctx of lmbench and `perf bench sched pipe` do it.
std::vector<double> through_pipes(std::uint32_t cpu, const sampling_goal& goal) {
    stay_on(cpu);
    byte_pipe there;
    byte_pipe back;
    const pid_t child = fork_child();
    if (child == 0) {
        there.close_write();
        while (there.take()) {
            back.give();
        }
        ::_exit(0);
    }
    back.close_write();  // so that the child's end is seen
    auto samples = time_laps(goal, 0, [&] {
        there.give();
        static_cast<void>(back.take());
    });
    there.close_write();
    wait_for(child);
    return samples;
}

std::vector<double> between_fibers(std::size_t size, const sampling_goal& goal) {
    return weft::run(runtime_options{.workers = 1, .fifo = true}, [&] {
        working_set mine(size);
        bool over = false;
        fiber other = spawn([&] {
            working_set theirs(size);
            while (!over) {
                theirs.work();
                this_fiber::yield();
            }
        });
        auto samples = time_laps(goal, size, [&] {
            mine.work();
            this_fiber::yield();
        });
        over = true;
        other.join();
        return samples;
    });
}

/// The same work by one alone, on one set: what is in the cache stays there.
std::vector<double> without_switch(std::size_t size, const sampling_goal& goal) {
    working_set mine(size);
    return time_laps(goal, size, [&] {
        mine.work();
        mine.work();
    });
}

task<> yield_until(const bool& over) {
    while (!over) {
        co_await co::yield();
    }
}

task<> time_coroutines(const sampling_goal& goal, std::vector<double>& samples) {
    bool over = false;
    auto other = spawn(yield_until(over));
    constexpr int laps = 1000;
    std::vector<double> taken;
    for (std::size_t i = 0; i <= goal.least; ++i) {
        const std::int64_t began = now_ns();
        for (int n = 0; n < laps; ++n) {
            co_await co::yield();
        }
        taken.push_back(static_cast<double>(now_ns() - began) / (2.0 * laps));
    }
    over = true;
    co_await other;
    samples.assign(taken.begin() + 1, taken.end());
}

std::vector<double> between_coroutines(const sampling_goal& goal) {
    std::vector<double> samples;
    weft::run(runtime_options{.workers = 1, .fifo = true},
              [&] { sync_wait(time_coroutines(goal, samples)); });
    return samples;
}

double switches_of_process() {
    rusage used{};
    ::getrusage(RUSAGE_SELF, &used);
    return static_cast<double>(used.ru_nvcsw + used.ru_nivcsw);
}

/// Threads of one CPU, all of which yield without end: time for a switch that the kernel counted.
std::vector<double> among_threads(std::size_t count, std::uint32_t cpu, const sampling_goal& goal) {
    stay_on(cpu);
    std::atomic<bool> over = false;
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < count; ++i) {
        others.emplace_back([&over] {
            while (!over.load(std::memory_order_relaxed)) {
                ::sched_yield();
            }
        });
    }
    auto samples = take_samples(goal, [] {
        const double before = switches_of_process();
        const std::int64_t began = now_ns();
        do {
            ::sched_yield();
        } while (now_ns() - began < 4'000'000);
        return static_cast<double>(now_ns() - began) /
               std::max(1.0, switches_of_process() - before);
    });
    over = true;
    return samples;
}

}  // namespace

void probe_switches(probe_round& round) {
    const auto sets =
        round.places({0, mib / 64, mib / 16, mib / 4, mib, 4 * mib}, {0, mib / 64, mib / 4, mib});
    const auto runnable = round.places({2, 8, 32, 128, 512}, {2, 8, 32, 128});
    const auto cpus = live::allowed_cpus();
    const sampling_goal goal{.seconds = round.seconds() /
                                        static_cast<double>(4 * sets.size() + runnable.size() + 3)};
    const std::uint32_t first = cpus.empty() ? 0 : cpus.front();
    for (const std::size_t size : sets) {
        const auto at = static_cast<double>(size);
        round.add("switch.work", at, without_switch(size, goal));
        round.add("switch.thread", at, between_threads(size, first, first, goal));
        round.add("switch.process", at, between_processes(size, first, goal));
        round.add("switch.fiber.working_set", at, between_fibers(size, goal));
    }
    round.add("switch.pipe", through_pipes(first, goal));
    round.add("switch.coroutine", between_coroutines(goal));
    if (cpus.size() > 1) {
        round.add("switch.thread.other_cpu", between_threads(0, first, cpus[1], goal));
    }
    for (const std::size_t count : runnable) {
        round.add("switch.thread.runnable", static_cast<double>(count),
                  among_threads(count, first, goal));
    }
}

}  // namespace weft::measure
