// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.h"

#include <cstdio>
#include <exception>

#include "base/futex.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

using base::nanoseconds_t;

constexpr nanoseconds_t usual_interval = 10'000'000;
constexpr nanoseconds_t shortest_interval = 1'000'000;
constexpr nanoseconds_t kernel_tick = 4'000'000;  // CONFIG_HZ is 250 on most machines
// Who has used less since the last look did not run: to block, and to be looked at, takes some.
constexpr nanoseconds_t no_cpu = 100'000;
constexpr unsigned quiet_looks = 10;  // before it rests

}  // namespace

monitor::monitor(scheduler& owner)
    : owner_(owner),
      interval_(owner.options().slice < kernel_tick ? owner.options().slice : usual_interval),
      ticks_(owner.options().slice < kernel_tick / 2),
      sights_(owner.options().workers) {}

void monitor::start() {
    thread_ = std::thread([this] { run(); });
}

void monitor::stop() noexcept {
    if (thread_.joinable()) {
        stopping_.store(true, base::seq_cst);
        stir();
        thread_.join();
    }
}

void monitor::stir() noexcept {
    stirred_.fetch_add(1, base::seq_cst);
    base::futex_wake(stirred_);
}

void monitor::want_spare() noexcept {
    if (!wanted_.exchange(true, base::seq_cst)) {
        stir();
    }
}

bool monitor::all_sleep() const noexcept {
    return owner_.sleepers() == owner_.worker_count();
}

void monitor::run() noexcept {
    unsigned quiet = 0;
    while (!stopping_.load(base::seq_cst)) {
        quiet = all_sleep() ? quiet + 1 : 0;
        rest_until(quiet > quiet_looks ? base::time_never
                                       : base::now_ns() + (hurry_ ? shortest_interval : interval_));
        hurry_ = false;
        if (stopping_.load(base::seq_cst)) {
            break;
        }
        keep_spares();
        for (std::size_t i = 0; i < sights_.size(); ++i) {
            look_at(owner_.worker_at(i), sights_[i]);
        }
    }
}

void monitor::rest_until(nanoseconds_t deadline) noexcept {
    const std::uint32_t seen = stirred_.load(base::seq_cst);
    if (stopping_.load(base::seq_cst) || wanted_.load(base::seq_cst)) {
        return;
    }
    if (deadline != base::time_never) {
        base::futex_wait(stirred_, seen, deadline);
        return;
    }
    // Whoever wakes counts itself out of the sleepers first, then looks at resting_.
    resting_.store(true, base::seq_cst);
    base::store_load_fence();
    if (all_sleep()) {
        base::futex_wait(stirred_, seen);
    }
    resting_.store(false, base::seq_cst);
}

void monitor::keep_spares() noexcept {
    const bool wanted = wanted_.exchange(false, base::seq_cst);
    if (owner_.threads().spares() != 0 || (all_sleep() && !wanted)) {
        return;
    }
    if (owner_.threads().count() >= owner_.options().most_threads) {
        say_at_cap();
        return;
    }
    try {
        owner_.threads().start_one(nullptr);
    } catch (const std::exception&) {
        say_at_cap();
    }
}

void monitor::say_at_cap() noexcept {
    if (!said_at_cap_) {
        said_at_cap_ = true;
        std::fprintf(stderr,
                     "weft: %zu kernel threads are taken by fibers that were preempted or block in "
                     "the kernel, and no more are to be had; until some of them go on, others wait "
                     "(runtime_options::most_kernel_threads)\n",
                     owner_.threads().count());
    }
}

void monitor::look_at(worker& role, sight& last) noexcept {
    kernel_thread* const holder = role.last_holder();
    if (holder == nullptr || role.asleep()) {
        last.holder = nullptr;
        return;
    }
    const sight now{.holder = holder, .tick = role.tick(), .cpu = holder->cpu_time()};
    const bool same = now.holder == last.holder && now.tick == last.tick;
    const nanoseconds_t used = now.cpu - last.cpu;
    last = now;
    if (!same) {
        return;
    }
    if (used >= no_cpu) {
        if (ticks_) {
            holder->tick();
        }
        return;
    }
    if (!holder->blocks()) {
        return;
    }
    kernel_thread* const spare = owner_.threads().take_spare();
    if (spare == nullptr) {
        wanted_.store(true, base::seq_cst);
        hurry_ = true;
        return;
    }
    if (holder->take_away(role)) {
        spare->give(role);
        last.holder = nullptr;
    } else {
        owner_.threads().return_spare(*spare);
    }
}

}  // namespace weft::sched
