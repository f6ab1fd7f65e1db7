// SPDX-License-Identifier: Apache-2.0
//
// What one that waits costs in memory, of each kind, by how many there are: its own resident pages,
// its page tables and its kernel stack, as the kernel tells them before and after.
#include <array>
#include <semaphore>
#include <string>
#include <thread>
#include <vector>

#include <pthread.h>

#include <weft/co.h>
#include <weft/fiber.h>
#include <weft/latch.h>
#include <weft/runtime.h>
#include <weft/semaphore.h>
#include <weft/task.h>

#include "child.h"
#include "in_child.h"
#include "lab/proc_metrics.h"
#include "memory_block.h"
#include "probes.h"

namespace weft::measure {

namespace {

/// Of this process and its children.
struct reading {
    double resident = 0;  ///< pages that are not shared
    double tables = 0;
    double stacks = 0;  ///< kernel stacks, of the whole machine
    double reserved = 0;
};

reading read_now() {
    const auto stacks = lab::read_machine_memory().kernel_stack_bytes.value_or(0);
    const std::array self{::getpid()};
    const lab::memory_use use = lab::take_snapshot(self).memory;
    return {
        .resident = static_cast<double>(use.private_bytes.value_or(use.resident_bytes.value_or(0))),
        .tables = static_cast<double>(use.page_table_bytes.value_or(0)),
        .stacks = static_cast<double>(stacks),
        .reserved = static_cast<double>(use.virtual_bytes.value_or(0))};
}

/// Makes `count` of a kind, all of which wait, between two readings.
class measured {
public:
    measured(probe_round& round, std::string kind, std::size_t count)
        : round_(round),
          kind_(std::move(kind)),
          count_(static_cast<double>(count)),
          before_(read_now()) {}

    void all_wait() {
        const reading after = read_now();
        const auto each = [this](double now, double then) {
            return std::max(0.0, now - then) / count_;
        };
        const double resident = each(after.resident, before_.resident);
        const double tables = each(after.tables, before_.tables);
        const double stack = each(after.stacks, before_.stacks);
        add("", resident + tables + stack);
        add(".resident", resident);
        add(".page_tables", tables);
        add(".kernel_stack", stack);
        add(".reserved", each(after.reserved, before_.reserved));
    }

private:
    void add(const char* part, double bytes) {
        round_.add("memory." + kind_ + part, count_, {bytes});
    }

    probe_round& round_;
    std::string kind_;
    double count_;
    reading before_;
};

void park_processes(probe_round& round, std::size_t count) {
    byte_pipe until;
    byte_pipe here;
    std::vector<pid_t> children;
    measured now(round, "process", count);
    while (children.size() < count) {
        const pid_t child = ::fork();
        if (child == 0) {
            until.close_write();
            here.give();
            static_cast<void>(until.take());
            ::_exit(0);
        }
        if (child < 0) {
            break;
        }
        children.push_back(child);
        static_cast<void>(here.take());
    }
    if (children.size() == count) {
        now.all_wait();
    }
    until.close_write();
    for (const pid_t child : children) {
        wait_for(child);
    }
}

void park_threads(probe_round& round, std::size_t count) {
    std::counting_semaphore<> until(0);
    std::counting_semaphore<> here(0);
    measured now(round, "thread", count);
    std::vector<std::jthread> all;
    try {
        for (std::size_t i = 0; i < count; ++i) {
            all.emplace_back([&] {
                here.release();
                until.acquire();
            });
            here.acquire();
        }
        now.all_wait();
    } catch (const std::system_error&) {
        round.tell("threads", "no more than " + std::to_string(all.size()) + " could be started");
    }
    until.release(static_cast<std::ptrdiff_t>(all.size()));
}

void park_fibers(probe_round& round, std::size_t count) {
    weft::run(runtime_options{.workers = 1}, [&] {
        latch here(static_cast<std::ptrdiff_t>(count));
        counting_semaphore<> until(0);
        std::vector<fiber> all(count);
        measured now(round, "fiber", count);
        for (fiber& one : all) {
            one = spawn([&here, &until] {
                here.count_down();
                until.acquire();
            });
        }
        here.wait();
        now.all_wait();
        until.release(static_cast<std::ptrdiff_t>(count));
        for (fiber& one : all) {
            one.join();
        }
    });
}

task<> wait_for_the_end(latch& here, counting_semaphore<>& until) {
    here.count_down();
    co_await co::acquire(until);
}

void park_coroutines(probe_round& round, std::size_t count) {
    weft::run(runtime_options{.workers = 1}, [&] {
        latch here(static_cast<std::ptrdiff_t>(count));
        counting_semaphore<> until(0);
        std::vector<task_handle<>> all(count);
        measured now(round, "coroutine", count);
        for (auto& one : all) {
            one = spawn(wait_for_the_end(here, until));
        }
        here.wait();
        now.all_wait();
        until.release(static_cast<std::ptrdiff_t>(count));
        for (auto& one : all) {
            one.join();
        }
    });
}

/// How a fiber's stack grows: resident bytes of one that has used so many and waits.
[[gnu::noinline]] void use_stack(std::size_t bytes, latch& here, counting_semaphore<>& until) {
    constexpr std::size_t frame = 1024;
    std::array<volatile char, frame> used{};
    if (bytes > frame) {
        use_stack(bytes - frame, here, until);
    } else {
        here.count_down();
        until.acquire();
    }
    used[0] = used[frame - 1];  // after the call: no jump instead of it
}

void stack_of(probe_round& round, std::size_t bytes) {
    constexpr std::size_t count = 500;
    weft::run(runtime_options{.workers = 1}, [&] {
        latch here(static_cast<std::ptrdiff_t>(count));
        counting_semaphore<> until(0);
        std::vector<fiber> all(count);
        const reading before = read_now();
        for (fiber& one : all) {
            one = spawn([&here, &until, bytes] { use_stack(bytes, here, until); });
        }
        here.wait();
        const double grown = read_now().resident - before.resident;
        round.add("memory.fiber.by_stack", static_cast<double>(bytes),
                  {std::max(0.0, grown) / count});
        until.release(count);
        for (fiber& one : all) {
            one.join();
        }
    });
}

}  // namespace

void probe_memory(probe_round& round) {
    const auto heavy = round.places({100, 300, 1000}, {50, 100, 200});
    auto light = round.places({1000, 10'000, 100'000}, {1000, 10'000});
    if (!round.quick() && lab::read_available_memory() > 4 * 1024 * mib) {
        light.push_back(300'000);
    }
    const auto alone = [&round](void (*kind)(probe_round&, std::size_t), std::size_t count) {
        in_child(round, [&](probe_round& own) { kind(own, count); });
    };
    for (const std::size_t count : heavy) {
        alone(park_processes, count);
        alone(park_threads, count);
    }
    for (const std::size_t count : light) {
        alone(park_fibers, count);
        alone(park_coroutines, count);
    }
    for (const std::size_t bytes : {2048u, 8192u, 16'384u, 32'768u, 49'152u}) {
        alone(stack_of, bytes);
    }
}

}  // namespace weft::measure
