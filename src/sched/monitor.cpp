// SPDX-License-Identifier: Apache-2.0
#include "sched/monitor.h"

#include <algorithm>

#include "base/futex.h"
#include "base/prompt_thread.h"
#include "base/signal_mask.h"
#include "sched/scheduler.h"

namespace weft::sched {

namespace {

using base::nanoseconds_t;

// Who blocks is seen by the second look after: within 20 ms, also where the machine is late.
constexpr nanoseconds_t usual_interval = 8'000'000;
constexpr nanoseconds_t kernel_tick = 4'000'000;  // CONFIG_HZ is 250 on most machines
constexpr nanoseconds_t hurried_interval = 1'000'000;
constexpr nanoseconds_t blocking_share = 4;  // who used more than a fourth does not block
constexpr unsigned unticked_looks = 3;
constexpr unsigned quiet_looks = 10;  // before it rests

/// Who sleeps now and then may be about to: the kernel says that it runs, but it has only been
/// woken and is still within the call that a signal would end.
bool computes_only(nanoseconds_t used, nanoseconds_t elapsed) noexcept {
    return used * 4 >= elapsed * 3;
}

}  // namespace

monitor::monitor(scheduler& owner) : owner_(owner), sights_(owner.options().workers) {}

void monitor::start() {
    const base::signals_blocked none(base::all_but_faults());
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
    base::wake_promptly();
    base::sleep_exactly();
    unsigned quiet = 0;
    while (!stopping_.load(base::seq_cst)) {
        quiet = all_sleep() ? quiet + 1 : 0;
        rest_until(quiet > quiet_looks ? base::time_never : next_look());
        if (stopping_.load(base::seq_cst)) {
            break;
        }
        keep_spares();
        look_at_all();
    }
}

void monitor::look_at_all() noexcept {
    const nanoseconds_t now = base::now_ns();
    const base::spin_guard guard(looking_);
    for (std::size_t i = 0; i < sights_.size(); ++i) {
        look_at(owner_.worker_at(i), sights_[i], now);
    }
}

nanoseconds_t monitor::next_look() noexcept {
    nanoseconds_t next = base::now_ns() + usual_interval;
    for (const sight& each : sights_) {
        next = each.due != 0 ? std::min(next, each.due) : next;
    }
    return next;
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

void monitor::look_at(worker& role, sight& last, nanoseconds_t now) noexcept {
    if (last.taken) {
        give_away(role, last, now);
        return;
    }
    kernel_thread* const holder = role.last_holder();
    if (holder == nullptr || role.asleep()) {
        last = {};
        return;
    }
    if (holder != last.holder || role.tick() != last.tick) {
        watch_turn(role, *holder, last, now);
    }
    if (now - last.since >= usual_interval && judge(role, last, now)) {
        return;
    }
    if (last.slice != 0 && now - last.slice_began >= last.slice) {
        end_slice(role, last, now);
    }
    last.due = last.since + usual_interval;
    if (last.slice != 0) {
        last.due = std::min(last.due, last.slice_began + last.slice);
    }
}

/// Something else runs than at the last look.
void monitor::watch_turn(worker& role, kernel_thread& holder, sight& last,
                         nanoseconds_t now) noexcept {
    const worker::turn turn = role.last_turn();
    const std::uint64_t tick = role.tick();
    const bool is_known = turn.tick == tick;
    const bool others_run = tick - last.tick > turn.number - last.turns;
    last = {.holder = &holder,
            .tick = tick,
            .turns = turn.number,
            .since = is_known ? turn.began : now,
            .cpu = is_known ? turn.cpu : holder.cpu_time(),
            .own_ticks = holder.ticks()};
    const nanoseconds_t slice = is_known ? turn.slice : owner_.shortest_wanted_slice();
    if (slice < kernel_tick / 2 || (others_run && is_known)) {
        last.slice = slice;
        last.slice_began = last.since;
        last.slice_cpu = last.cpu;
    }
}

/// Whether it blocks; true if the role was taken away. One that computes without a tick of its own
/// gets one.
bool monitor::judge(worker& role, sight& last, nanoseconds_t now) noexcept {
    kernel_thread& holder = *last.holder;
    const nanoseconds_t used = holder.cpu_time() - last.cpu;
    const nanoseconds_t elapsed = now - last.since;
    const bool computes = used * blocking_share >= elapsed;
    const bool ticks_itself = holder.ticks() != last.own_ticks;
    last.since = now;
    last.cpu += used;
    last.own_ticks = holder.ticks();
    if (!computes && holder.state() != kernel_thread::kernel_state::runs) {
        if (holder.take_away(role)) {
            give_away(role, last, now);
            return true;
        }
    } else if (!computes || ticks_itself) {
        last.unticked = 0;
    } else if (computes_only(used, elapsed) || ++last.unticked >= unticked_looks) {
        tick(role, holder, now);
    }
    return false;
}

void monitor::end_slice(worker& role, sight& last, nanoseconds_t now) noexcept {
    kernel_thread& holder = *last.holder;
    const nanoseconds_t used = holder.cpu_time() - last.slice_cpu;
    if (computes_only(used, now - last.slice_began)) {
        tick(role, holder, now);
    }
    last.slice_began = now;
    last.slice_cpu += used;
}

void monitor::tick(worker& role, kernel_thread& holder, nanoseconds_t now) noexcept {
    if (somebody_waits(role, now) && holder.state() == kernel_thread::kernel_state::runs) {
        holder.tick();
    }
}

/// Whether there is anything that a tick could do. It may also be to stop a member of a group.
bool monitor::somebody_waits(worker& role, nanoseconds_t now) const noexcept {
    return role.queue().size() != 0 || owner_.has_injected() ||
           role.wheel().next_deadline() <= now || owner_.get_poller().is_ready() ||
           owner_.groups().any_limited();
}

/// To a spare, which runs what is next. Without one: whoever was suspended can run by itself.
void monitor::give_away(worker& role, sight& last, nanoseconds_t now) noexcept {
    kernel_thread* heir = owner_.threads().take_spare();
    heir = heir != nullptr ? heir : role.take_suspended();
    last = {};
    if (heir != nullptr) {
        heir->give(role);
    } else {
        last.taken = true;
        last.due = now + hurried_interval;
        owner_.threads().want_spare(true);
    }
}

}  // namespace weft::sched
