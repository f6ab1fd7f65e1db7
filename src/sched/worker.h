// SPDX-License-Identifier: Apache-2.0
//
// worker: a run queue and the role of running what is in it. A kernel thread holds the role; see
// kernel_thread.h.
//
// A fiber that gives up its stack picks the next one and switches straight to it. What must happen
// only when a stack is left (publish that it is parked, recycle it) is noted in after_ and done by
// whoever arrives. Who leaves takes the exceptions that are in flight on its stack along, so
// whoever arrives finds none. Everything else happens on the kernel thread's own stack, the *base*:
// resuming coroutines, timers, polling, stealing, sleeping. A fiber goes there when the next
// runnable is no fiber, when there is none, or when due_ says that timers and descriptors want
// to be looked after.
//
// Thread safety: only code that runs on this worker with preemption off (thread_state.h), unless a
// method says more. yield_current() and park_current() suspend: after them the caller may be on
// another worker.
#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "sched/fiber_slab.h"
#include "sched/kernel_thread.h"
#include "sched/run_queue.h"
#include "sched/stack_cache.h"
#include "sched/thread_state.h"
#include "sched/timer_wheel.h"

namespace weft::sched {

class scheduler;

/// Counted by one worker, read by anybody.
struct worker_counters {
    base::atomic<std::uint64_t> created{0};         ///< fibers and coroutines spawned here
    base::atomic<std::uint64_t> finished{0};        ///< fibers and coroutines ended here
    base::atomic<std::uint64_t> stolen{0};          ///< taken from other workers
    base::atomic<std::uint64_t> slept{0};           ///< times that it waited in the poller
    base::atomic<std::uint64_t> preempted{0};       ///< times that one which computed made room
    base::atomic<std::uint64_t> taken_away{0};      ///< times that its kernel thread blocked
    base::atomic<std::uint64_t> start_failures{0};  ///< fibers that got no stack

    /// One writer each, so no read-modify-write is needed.
    static void add(base::atomic<std::uint64_t>& counter, std::uint64_t n = 1) noexcept {
        counter.store(counter.load(base::relaxed) + n, base::relaxed);
    }

    /// The end of a fiber or coroutine: whoever sees it sees what was counted before it.
    void count_end() noexcept { finished.store(finished.load(base::relaxed) + 1, base::release); }
};

class alignas(128) worker {
public:
    worker(scheduler& owner, unsigned index, bool asymmetric_locks);
    worker(const worker&) = delete;
    worker& operator=(const worker&) = delete;

    // For the kernel thread that holds the role, on its base.
    void taken_by(kernel_thread& thread) noexcept;
    /// What runs next; waits for it. Null when the scheduler stops.
    waiter* next_on_base() noexcept;
    /// Returns when the base runs again; ask this_worker() then, which may be null.
    void run_waiter(waiter& w) noexcept;

    // For the handler of the tick and the monitor: preemption.cpp.
    struct successor {
        waiter* next = nullptr;       // what runs next; null: whatever is found
        kernel_thread* on = nullptr;  // a spare, or `next` itself; null: nothing is preempted
    };
    /// What must be done while something computes; says who is next if its slice is over, or
    /// if its group is throttled.
    successor tick_on() noexcept;
    /// Before the role is given away: what the new holder runs first, unless it is null.
    void prepare_handover(waiter* next) noexcept;
    /// The holder, whose CPU time is `cpu`, has lost the role to the caller; `fiber` runs on it.
    void taken_away(fiber_block* fiber, base::nanoseconds_t cpu) noexcept;
    /// Of the CPU time of the holder of the role, what is charged or need not be.
    [[nodiscard]] base::nanoseconds_t settled_cpu() const noexcept {
        return cpu_seen_ + charged_since_;
    }
    /// `fiber`, which goes on here, has not been charged for what the holder used since `cpu`.
    void charge_since(fiber_block& fiber, base::nanoseconds_t cpu) noexcept;
    /// One that is suspended and runnable here, whatever stands before it. By whoever has the role.
    kernel_thread* take_suspended() noexcept;
    /// Who holds the role or held it last; null before anybody did. Any thread, a hint.
    [[nodiscard]] kernel_thread* last_holder() const noexcept {
        return thread_.load(base::acquire);
    }
    [[nodiscard]] bool asleep() const noexcept { return asleep_.load(base::relaxed) != 0; }

    /// Lets everything else that is runnable here run first.
    void yield_current() noexcept;

    /// For the current fiber, at a checkpoint where the word was set: whether it shall yield.
    bool yield_is_due(fiber_block& me) noexcept;
    /// `fiber` runs again, which was preempted.
    void begin_turn(const fiber_block& fiber) noexcept;

    /// Of one that was preempted before, and when it began: for the monitor.
    struct turn {
        std::uint64_t number = 0;
        std::uint64_t tick = 0;  // see tick()
        base::nanoseconds_t began = 0;
        base::nanoseconds_t slice = 0;
        base::nanoseconds_t cpu = 0;  // that the holder of the role had used by then
    };
    /// The last one. Any thread, a hint.
    [[nodiscard]] turn last_turn() const noexcept;

    /// After waiter::prepare() of the current fiber.
    wake_reason park_current(base::nanoseconds_t deadline) noexcept;

    /// Makes `w` runnable here: woken, or moved (it only lets others run).
    void push_local(waiter& w, arrival how = arrival::woken) noexcept;

    /// A new fiber that will run here or where it is stolen to; null when memory is out. The caller
    /// puts a callable into its storage, then calls launch().
    fiber_block* create_fiber() noexcept;
    void launch(fiber_block& block) noexcept;

    /// Of a new fiber: its virtual time is that of this queue. Any thread.
    void make_home_of(fiber_block& block) noexcept {
        block.set_home(*this);
        queue_.join(block);
    }

    void free_block(fiber_block& block) noexcept { blocks_.deallocate(block); }

    [[nodiscard]] scheduler& owner() const noexcept { return owner_; }
    [[nodiscard]] timer_wheel& wheel() noexcept { return wheel_; }  ///< any thread
    [[nodiscard]] run_queue& queue() noexcept { return queue_; }    ///< see run_queue
    /// Reading: any thread.
    [[nodiscard]] worker_counters& counters() noexcept { return counters_; }
    [[nodiscard]] unsigned index() const noexcept { return index_; }

    /// Changes whenever something else is run here. Any thread; a hint.
    [[nodiscard]] std::uint64_t tick() const noexcept { return tick_.load(base::relaxed); }

private:
    enum class after : std::uint8_t {
        nothing,
        requeue,  ///< it yielded
        publish,  ///< it parks
        recycle,  ///< it has finished, its block is gone already; its stack is free
    };

    // Switching: worker.cpp. leave() may find the lock of the queue held by an exchange.
    static void fiber_main(void* value);
    void run_fiber(fiber_block& f) noexcept;
    void leave(fiber_block& from, after action, fiber_block* next) noexcept;
    static fiber_block* finish(fiber_block& block) noexcept;
    fiber_block* continue_with_next(context::stack stack,
                                    context::sanitizer_context sanitizer) noexcept;
    fiber_block* pick_for_switch() noexcept;
    void arrive() noexcept;
    void finish_leaving() noexcept;
    void leave_in_flight(fiber_block& from, after action, fiber_block* next) noexcept;
    void yield_slowly(fiber_block& me) noexcept;
    static void complete(fiber_block& block) noexcept;
    bool ready_to_run(fiber_block& block) noexcept;
    bool give_stack(fiber_block& block) noexcept;
    void take_stack(context::stack stack) noexcept;
    std::size_t enqueue(waiter& w, arrival how) noexcept;
    /// The next one of the queue whose group's quota lets it run.
    waiter* next_runnable() noexcept {
        waiter* const w = queue_.pop();
        if (w != nullptr && w->group_index() != 0) [[unlikely]] {
            return first_not_held(*w);
        }
        return w;
    }

    /// Its virtual time becomes that of this queue.
    void adopt(waiter& w) noexcept {
        if (w.home_ != this) {
            queue_.move(w, w.home_->queue_);
            w.home_ = this;
        }
    }

    // Members of groups: worker_groups.cpp.
    std::size_t enqueue_member(waiter& w, arrival how) noexcept;
    waiter* first_not_held(waiter& popped) noexcept;
    waiter* next_suspended() noexcept;
    bool held_by_quota(waiter& w) noexcept;
    [[nodiscard]] bool is_throttled(const waiter& w) const noexcept;
    void charge_group(const fiber_block& fiber, std::uint64_t ns, base::nanoseconds_t now) noexcept;
    void leave_group(fiber_block& block) noexcept;

    successor next_after_slice(fiber_block* fiber, bool must_stop) noexcept;
    successor next_on_spare(bool or_nobody) noexcept;
    successor next_without_spare() noexcept;
    successor stand_still(const fiber_block& fiber) noexcept;
    [[nodiscard]] base::nanoseconds_t slice_of(const fiber_block* fiber) const noexcept;
    [[nodiscard]] bool should_make_room(const fiber_block* fiber) noexcept;
    [[nodiscard]] bool has_had_slice(const fiber_block* fiber) const noexcept;
    bool ask_for_checkpoint(fiber_block* fiber) noexcept;
    [[nodiscard]] kernel_thread& holder() const noexcept { return *thread_.load(base::relaxed); }

    // Who has run for how long: charge.cpp.
    bool charge_is_due() noexcept { return --until_charge_ == 0; }
    void account(fiber_block& fiber) noexcept {
        if (charge_is_due()) [[unlikely]] {
            charge(&fiber, queue_.weight());
        }
    }
    std::uint64_t charge(fiber_block* fiber, std::uint64_t others) noexcept;
    std::uint64_t charge_cpu(std::uint64_t ran, base::nanoseconds_t cpu,
                             base::nanoseconds_t now) noexcept;
    void start_charging(base::nanoseconds_t cpu) noexcept;
    void fail_start(fiber_block& block) noexcept;

    /// False when maintain() is due.
    bool count_dispatch() noexcept {
        const std::uint64_t tick = tick_.load(base::relaxed) + 1;
        tick_.store(tick, base::relaxed);
        return tick < due_;
    }
    [[nodiscard]] bool maintenance_is_due() const noexcept {
        return tick_.load(base::relaxed) >= due_;
    }

    // Looking for work, on the base: worker_search.cpp.
    waiter* find_work() noexcept;
    waiter* search() noexcept;
    void maintain() noexcept;
    void poll_now(base::nanoseconds_t now) noexcept;
    bool take_injected() noexcept;
    void expire_timers(base::nanoseconds_t now) noexcept;
    bool steal() noexcept;
    bool steal_from(worker& victim) noexcept;
    bool take_from(worker& victim, std::uint64_t load, bool or_swapped) noexcept;
    void balance(base::nanoseconds_t now, std::uint64_t own_load) noexcept;
    void help_timers(base::nanoseconds_t now) noexcept;
    bool spin_for_work() noexcept;
    void sleep() noexcept;
    void wake_another_if_needed(std::size_t queued) noexcept;
    [[nodiscard]] bool work_elsewhere() noexcept;

    static constexpr std::uint64_t most_budget = 64;

    // What a switch touches.
    waiter* handover_ = nullptr;  // what a fiber picked for the base to run
    fiber_block* after_fiber_ = nullptr;
    context::stack after_stack_;  // for after::recycle
    after after_ = after::nothing;
    base::atomic<std::uint64_t> tick_{0};             // dispatches so far
    std::uint64_t due_ = 0;                           // the tick of the next maintain()
    unsigned until_charge_ = 1;                       // switches until the clock is read
    base::atomic<kernel_thread*> thread_{nullptr};    // who holds the role
    context::exception_state* exceptions_ = nullptr;  // that thread's
    context::context scratch_;  // where a finished fiber's registers go, never to be resumed
    stack_cache stacks_;
    fiber_cache blocks_;
    run_queue queue_;
    worker_counters counters_;

    scheduler& owner_;
    const unsigned index_;
    const bool stress_migrate_;
    std::uint64_t next_id_ = 0;  // ids are handed out in blocks; 0: ask for one
    timer_wheel wheel_;
    base::rng rng_;
    /// Of each victim, when last looked at: dispatches of others than such as were preempted.
    std::vector<std::uint64_t> seen_others_;
    std::vector<std::uint64_t> seen_loads_;  // of each worker, when last balanced
    base::nanoseconds_t balance_at_ = 0;
    unsigned uneven_for_ = 0;             // looks
    unsigned charge_period_ = 1;          // of how many switches the time is charged at once
    unsigned exact_for_ = 0;              // charges until several switches may be charged at once
    base::nanoseconds_t charged_at_ = 0;  // 0: nobody has run since
    base::nanoseconds_t cpu_seen_ = 0;    // this kernel thread's CPU time when it was last read
    base::nanoseconds_t cpu_read_at_ = 0;
    base::nanoseconds_t charged_since_ = 0;
    std::uint64_t ran_tick_ = 0;  // the dispatch that ran_ belongs to
    std::uint64_t ran_ = 0;       // ns, by the ticks that came since
    std::uint64_t asked_at_ = 0;  // ran_ when it was left to a checkpoint
    // Where the clock decides at checkpoints: since when this dispatch is known.
    base::nanoseconds_t checked_since_ = 0;
    std::uint64_t checked_tick_ = 0;
    base::nanoseconds_t maintained_at_ = 0;
    base::nanoseconds_t polled_at_ = 0;
    std::uint64_t poll_after_ = 0;        // the tick from which on a poll is worth its price
    std::uint64_t budget_ = most_budget;  // dispatches between two maintain()
    base::nanoseconds_t spin_for_ = 0;    // adapts to how often spinning found something
    unsigned sleeps_without_spin_ = 0;
    base::atomic<std::uint64_t> turns_{0};
    base::atomic<std::uint64_t> turn_tick_{0};
    base::atomic<base::nanoseconds_t> turn_began_{0};
    base::atomic<base::nanoseconds_t> turn_slice_{0};
    base::atomic<base::nanoseconds_t> turn_cpu_{0};
    // 1 while it counts among the sleepers, also while it wakes others in poll().
    base::atomic<unsigned> asleep_{0};
    [[no_unique_address]] context::sanitizer_context after_sanitizer_;  // for after::recycle
};

}  // namespace weft::sched
