// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.h"

#include <algorithm>
#include <utility>

#include "base/futex.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

using base::nanoseconds_t;

// Who blocks is seen by the second look after: within 20 ms, also where the machine is late.
constexpr nanoseconds_t usual_interval = 8'000'000;
constexpr nanoseconds_t shortest_interval = 1'000'000;
constexpr nanoseconds_t kernel_tick = 4'000'000;  // CONFIG_HZ is 250 on most machines
constexpr nanoseconds_t blocking_share = 4;       // who used more than a fourth does not block
constexpr unsigned quiet_looks = 10;              // before it rests

}  // namespace

monitor::monitor(scheduler& owner) : owner_(owner), sights_(owner.options().workers) {}

/// By the shortest slice that anybody has asked for so far.
void monitor::set_pace() noexcept {
    const nanoseconds_t slice = owner_.shortest_wanted_slice();
    ticks_ = slice < kernel_tick / 2;
    interval_ = ticks_ ? slice : usual_interval;
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
        rest_until(quiet > quiet_looks
                       ? base::time_never
                       : base::now_ns() +
                             (hurry_ ? std::min(shortest_interval, interval_) : interval_));
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
    if (owner_.threads().spares() == 0 && !owner_.threads().at_cap() && !all_sleep()) {
        owner_.threads().want_spare(false);
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
    const sight now{.holder = holder,
                    .tick = role.tick(),
                    .cpu = holder->cpu_time(),
                    .at = base::now_ns(),
                    .own_ticks = holder->ticks()};
    const sight before = std::exchange(last, now);
    if (now.holder != before.holder || now.tick != before.tick) {
        return;
    }
    const bool computes = (now.cpu - before.cpu) * blocking_share >= now.at - before.at;
    if (computes && !ticks_ && now.own_ticks != before.own_ticks) {
        return;
    }
    using enum kernel_thread::kernel_state;
    const kernel_thread::kernel_state state = holder->state();
    if (!computes && state != runs) {
        if (holder->take_away(role)) {
            give_away(role, last);
        }
    } else if (now.cpu != before.cpu && state == runs) {
        holder->tick();
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
        owner_.threads().want_spare(true);
        hurry_ = true;
    }
}

}  // namespace weft::sched
