// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.h"

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
    if (!last.taken) {
        last.taken = is_blocked(role, last) && last.holder->take_away(role);
    }
    if (last.taken) {
        // A spare runs what is next. Without one: whoever was suspended can run by itself.
        kernel_thread* heir = owner_.threads().take_spare();
        heir = heir != nullptr ? heir : role.take_suspended();
        if (heir == nullptr) {
            owner_.threads().want_spare();
            hurry_ = true;
            return;
        }
        last = {};
        heir->give(role);
    }
}

/// Whether its holder has blocked since the last look.
bool monitor::is_blocked(const worker& role, sight& last) const noexcept {
    kernel_thread* const holder = role.last_holder();
    if (holder == nullptr || role.asleep()) {
        last = {};
        return false;
    }
    const sight now{.holder = holder, .tick = role.tick(), .cpu = holder->cpu_time()};
    const bool same = now.holder == last.holder && now.tick == last.tick;
    const nanoseconds_t used = now.cpu - last.cpu;
    last = now;
    if (same && used >= no_cpu && ticks_) {
        holder->tick();
    }
    return same && used < no_cpu && holder->blocks();
}

}  // namespace weft::sched
