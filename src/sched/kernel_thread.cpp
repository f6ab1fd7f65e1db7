// SPDX-License-Identifier: Apache-2.0
#include "sched/kernel_thread.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <string_view>
#include <utility>

#include "base/fd.h"
#include "base/futex.h"
#include "base/prompt_thread.h"
#include "context/overflow.h"
#include "sched/cpu_tick.h"
#include "sched/owner_lock.h"
#include "sched/scheduler.h"
#include "sched/thread_state.h"

namespace weft::sched {

kernel_thread::kernel_thread(scheduler& owner) noexcept
    : waiter(waiter_kind::kernel_thread),
      owner_(owner),
      kernel_id_(static_cast<int>(::syscall(SYS_gettid))),
      self_(::pthread_self()),
      block_(base::this_thread_block()) {
    ::pthread_getcpuclockid(self_, &clock_);
}

void kernel_thread::run(worker* role) noexcept {
    base::wake_promptly();
    const context::signal_stack signals;
    exceptions_ = context::thread_exception_state();
    context::sanitizer_adopt_thread(base_sanitizer_);
    base::disable_preemption();
    block_.thread = this;
    if (!owner_.preempts()) {
        block_.need_resched.store(~std::uint64_t{0}, base::relaxed);
    }
    const cpu_tick tick(owner_.preempts() ? &kernel_thread::on_tick : nullptr);
    if (role != nullptr) {
        hold(*role);
    }
    while (this_worker() != nullptr || become_spare(nullptr)) {
        waiter* const next = this_worker()->next_on_base();
        if (next == nullptr) {
            owner_.get_poller().interrupt();  // the next worker shall end, too
            break;
        }
        if (next->kind() != waiter_kind::kernel_thread) {
            this_worker()->run_waiter(*next);
        } else if (!become_spare(static_cast<kernel_thread*>(next))) {
            break;
        }
    }
    block_.worker.store(nullptr, base::relaxed);
    block_.thread = nullptr;
    block_.need_resched.store(0, base::relaxed);
    base::enable_preemption();
}

void kernel_thread::give(worker& role) noexcept {
    given_ = &role;
    order_.store(take_role, base::release);
    base::futex_wake(order_);
}

void kernel_thread::end() noexcept {
    order_.store(stop, base::release);
    base::futex_wake(order_);
}

void kernel_thread::hold(worker& role) noexcept {
    {
        // The monitor may still be deciding about an earlier time at which it held the same role.
        const base::spin_guard decided(taking_);
        block_.worker.store(&role, base::relaxed);
        block_.role_lost.store(false, base::seq_cst);
    }
    aside_.store(false, base::relaxed);
    role.taken_by(*this);
    charge_what_was_lost(role);
    if (suspended_ != nullptr) {
        suspended_->set_home(role);
        role.begin_turn(*suspended_);
        suspended_ = nullptr;
    }
}

/// The CPU time that was used without a role: on the way to sleep and back or, where the role was
/// taken away, before there was a call into weft or a tick.
void kernel_thread::charge_what_was_lost(worker& role) noexcept {
    const base::nanoseconds_t since = std::exchange(cpu_at_loss_, 0);
    if (since != 0 && suspended_ != nullptr) {
        role.charge_since(*suspended_, since);
    }
}

/// False: it shall end.
bool kernel_thread::wait_for_role() noexcept {
    std::uint32_t ordered = wait;
    while ((ordered = order_.load(base::acquire)) == wait) {
        base::futex_wait(order_, wait);
    }
    if (ordered == stop) {
        return false;
    }
    hold(*given_);
    return true;
}

/// On the base. `heir`, unless null, gets the role. Returns with another role; false: it shall end.
bool kernel_thread::become_spare(kernel_thread* heir) noexcept {
    worker* const role = this_worker();
    block_.worker.store(nullptr, base::relaxed);
    order_.store(wait, base::relaxed);
    // Before the role goes, since the heir may want a spare at once.
    const bool listed = owner_.threads().put_spare(*this);
    if (heir != nullptr) {
        heir->give(*role);
    }
    return listed && wait_for_role();
}

/// Before it goes to a run queue.
void kernel_thread::suspend_here() noexcept {
    suspended_ = this_fiber_block();
    nice_ = static_cast<std::int8_t>(suspended_ != nullptr ? suspended_->nice() : 0);
    set_group(suspended_ != nullptr ? suspended_->group_index() : std::uint8_t{0});
    order_.store(wait, base::relaxed);
}

/// With preemption off, by what runs here: waits until it is its turn again, while `to` runs
/// `next`, or what it finds.
void kernel_thread::hand_on(worker& role, waiter* next, kernel_thread& to) noexcept {
    suspend_here();
    cpu_at_loss_ = role.settled_cpu();
    home_ = &role;
    block_.worker.store(nullptr, base::relaxed);
    role.prepare_handover(next != &to ? next : nullptr);
    // From here on a thief may take it and give it a role, which it will find when it waits.
    role.push_local(*this, arrival::moved);
    to.give(role);
    wait_for_role();
}

/// The handler of the tick.
void kernel_thread::on_tick() noexcept {
    kernel_thread* const here = this_kernel_thread();
    if (here == nullptr || here->block_.preempt_count.load(base::relaxed) != 0 ||
        here->aside_.load(base::relaxed)) {
        return;
    }
    worker_counters::add(here->ticks_);
    const entry in;
    worker* const role = this_worker();
    if (role == nullptr) {
        return;  // the scheduler stops
    }
    const worker::successor successor = role->tick_on();
    if (successor.on != nullptr) {
        here->hand_on(*role, successor.next, *successor.on);
    }
}

// The monitor's half of a handshake as in owner_lock.h: it says that the role is lost, runs
// membarrier, and looks whether preemption is off. The thread's half is an entry: it turns
// preemption off, then looks whether its role is lost. So at least one of them sees the other.
bool kernel_thread::take_away(worker& role) noexcept {
    const base::spin_guard guard(taking_);
    if (block_.worker.load(base::relaxed) != &role) {
        return false;  // lost already, perhaps; nobody else takes it while the lock is held
    }
    block_.role_lost.store(true, base::seq_cst);
    membarrier_all();
    if (block_.preempt_count.load(base::seq_cst) != 0 ||
        block_.worker.load(base::relaxed) != &role) {
        block_.role_lost.store(false, base::seq_cst);
        return false;
    }
    block_.worker.store(nullptr, base::relaxed);
    home_ = &role;
    cpu_at_loss_ = cpu_time();
    role.taken_away(static_cast<fiber_block*>(block_.fiber), cpu_at_loss_);
    return true;
}

bool kernel_thread::step_aside() noexcept {
    const brief_entry in;
    worker* const role = in.role();
    if (role == nullptr) {
        cpu_at_loss_ = 0;
        return !aside_.exchange(true, base::relaxed);  // the monitor was faster
    }
    kernel_threads& threads = owner_.threads();
    kernel_thread* const heir = threads.take_spare();
    if (threads.spares() == 0) {
        threads.want_spare(heir == nullptr);  // now, or for the next one
    }
    if (heir == nullptr) {
        return false;
    }
    {
        const base::spin_guard guard(taking_);
        block_.role_lost.store(true, base::seq_cst);
        block_.worker.store(nullptr, base::relaxed);
    }
    home_ = role;
    aside_.store(true, base::relaxed);
    role->taken_away(this_fiber_block(), cpu_time());
    heir->give(*role);
    return true;
}

void kernel_thread::come_back() noexcept {
    aside_.store(false, base::relaxed);
    const entry in;
}

void kernel_thread::settle() noexcept {
    const base::spin_guard decided(taking_);
}

void kernel_thread::regain() noexcept {
    settle();
    if (base::role_is_lost()) {
        suspend_here();
        owner_.inject(*this);
        wait_for_role();
    }
}

base::nanoseconds_t kernel_thread::cpu_time() const noexcept {
    return base::cpu_ns_of(clock_);
}

kernel_thread::kernel_state kernel_thread::state() const noexcept {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/stat", kernel_id_);
    const base::unique_fd file(::open(path, O_RDONLY | O_CLOEXEC));
    char text[128];
    const ssize_t size = file.valid() ? ::read(file.get(), text, sizeof text) : -1;
    const std::string_view line(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    // "pid (name) state ...", where the name may hold anything.
    const std::size_t end_of_name = line.rfind(") ");
    if (end_of_name == line.npos || end_of_name + 2 >= line.size()) {
        return kernel_state::unknown;
    }
    return line[end_of_name + 2] == 'S' || line[end_of_name + 2] == 'D' ? kernel_state::sleeps
                                                                        : kernel_state::runs;
}

void kernel_thread::tick() noexcept {
    send_tick(self_);
}

void wait_for_role() noexcept {
    this_kernel_thread()->regain();
}

void settle_role() noexcept {
    this_kernel_thread()->settle();
}

}  // namespace weft::sched
