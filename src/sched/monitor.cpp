// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.h"

#include <algorithm>

#include "base/futex.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

using base::nanoseconds_t;

// Who blocks is seen by the second look after: within 20 ms, also where the machine is late.
constexpr nanoseconds_t usual_interval = 8'000'000;
constexpr nanoseconds_t shortest_interval = 1'000'000;
constexpr nanoseconds_t kernel_tick = 4'000'000;  // CONFIG_HZ is 250 on most machines
constexpr nanoseconds_t usual_no_cpu = 100'000;   // to block takes some
constexpr unsigned quiet_looks = 10;              // before it rests

}  // namespace

monitor::monitor(scheduler& owner) : owner_(owner), sights_(owner.options().workers) {}

/// By the shortest slice that anybody has asked for so far.
void monitor::set_pace() noexcept {
    const nanoseconds_t slice = owner_.shortest_wanted_slice();
    ticks_ = slice < kernel_tick / 2;
    interval_ = ticks_ ? slice : usual_interval;
    no_cpu_ = std::min(usual_no_cpu, interval_ / 4);
}

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

bool monitor::all_sleep() const noexcept {
    return owner_.sleepers() == owner_.worker_count();
}

void monitor::run() noexcept {
    unsigned quiet = 0;
    while (!stopping_.load(base::seq_cst)) {
        set_pace();
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
    if (stopping_.load(base::seq_cst)) {
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
    if (owner_.threads().spares() == 0 && !all_sleep()) {
        owner_.threads().want_spare();
    }
}

void monitor::look_at(worker& role, sight& last) noexcept {
    if (last.taken) {
        give_away(role, last);
        return;
    }
    kernel_thread* const holder = role.last_holder();
    if (holder == nullptr || role.asleep()) {
        last = {};
        return;
    }
    const sight now{.holder = holder, .tick = role.tick(), .cpu = holder->cpu_time()};
    const bool same = now.holder == last.holder && now.tick == last.tick;
    const bool ran = now.cpu - last.cpu >= no_cpu_;
    last = now;
    if (!same || (ran && !ticks_)) {
        return;
    }
    const bool sleeps = holder->blocks();
    if (ran && !sleeps) {
        holder->tick();
    } else if (!ran && sleeps && holder->take_away(role)) {
        give_away(role, last);
    }
}

/// To a spare, which runs what is next. Without one: whoever was suspended can run by itself.
void monitor::give_away(worker& role, sight& last) noexcept {
    kernel_thread* heir = owner_.threads().take_spare();
    heir = heir != nullptr ? heir : role.take_suspended();
    last = {.taken = heir == nullptr};
    if (heir != nullptr) {
        heir->give(role);
    } else {
        owner_.threads().want_spare();
        hurry_ = true;
    }
}

}  // namespace weft::sched
