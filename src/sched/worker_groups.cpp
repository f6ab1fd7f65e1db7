// SPDX-License-Identifier: Apache-2.0
//
// What a worker does for members of groups, and at the end of a throttled group's period.
#include "sched/group_refill.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"
#include "sched/worker.h"

namespace weft::sched {

/// Unless its group's quota holds it back.
std::size_t worker::enqueue_member(waiter& w, arrival how) noexcept {
    if (held_by_quota(w)) {
        return queue_.size();
    }
    adopt(w);
    return queue_.push(w, how);
}

/// Whether `w`, which is in a group and runnable, waits for a new period of its group from now on.
bool worker::held_by_quota(waiter& w) noexcept {
    return owner_.groups().at(w.group_index()).quota().hold(w);
}

/// The one that was popped, or one behind it.
waiter* worker::first_not_held(waiter& popped) noexcept {
    waiter* w = &popped;
    while (w != nullptr && w->group_index() != 0 && held_by_quota(*w)) {
        w = queue_.pop();
    }
    return w;
}

/// As next_runnable(), of those that were preempted.
waiter* worker::next_suspended() noexcept {
    waiter* w = queue_.pop_suspended();
    while (w != nullptr && w->group_index() != 0 && held_by_quota(*w)) {
        w = queue_.pop_suspended();
    }
    return w;
}

/// Whether `w`, which runs, shall stop at a tick or where it yields, also if nobody else is there:
/// where it comes back to the queue it is held.
bool worker::is_throttled(const waiter& w) const noexcept {
    return w.group_index() != 0 && owner_.groups().at(w.group_index()).quota().throttled();
}

/// `fiber`, which is in a group, has run here for `ns`.
void worker::charge_group(const fiber_block& fiber, std::uint64_t ns,
                          base::nanoseconds_t now) noexcept {
    group& g = owner_.groups().at(fiber.group_index());
    if (g.quota().charge(ns, now)) {
        group_table::add_refill(g);
        g.refill().arm(*this);
    }
}

/// `block`, which ran here or was to start here, is in no group any more.
void worker::leave_group(fiber_block& block) noexcept {
    queue_.set_running(nullptr);
    owner_.groups().drop_member(owner_.groups().at(block.group_index()));
    block.set_group(0);
}

// Not coroutine_waiter::suspend(): whoever takes a role away throttles, too, and has no worker of
// its own. Nobody but the timer wakes it, so it may be parked before the timer is armed.
void group_refill::arm(worker& by) noexcept {
    home_ = &by;
    prepare();
    publish_parked();
    by.wheel().arm(*this, group_.quota().period_end());
}

group_refill* group_refill::from(waiter& w) noexcept {
    const bool is_one = w.kind() == waiter_kind::coroutine &&
                        static_cast<coroutine_waiter&>(w).is_run_by(&on_period_end);
    return is_one ? static_cast<group_refill*>(&w) : nullptr;
}

void group_refill::on_period_end(coroutine_waiter& self) noexcept {
    const entry in;
    static_cast<group_refill&>(self).end_period(*this_worker());
}

void group_refill::end_period(worker& here) noexcept {
    group& g = group_;
    resumed();
    waiter_queue freed;
    if (!g.quota().refill(base::now_ns(), freed)) {
        arm(here);
        return;
    }
    while (waiter* const w = freed.pop_front()) {
        here.push_local(*w, arrival::woken);
    }
    here.owner().groups().drop_refill(g);  // it may be another one's from now on
}

}  // namespace weft::sched
