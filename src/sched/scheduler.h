// SPDX-License-Identifier: Apache-2.0
//
// scheduler: the workers of one runtime and what they share: injected work, who sleeps, stacks and
// blocks. Several may live in one process.
//
// Who wakes whom. A worker with nothing to do sleeps in the poller, which any number of workers may
// do at once; the kernel wakes one of them for an event, the one that slept last. Work reaches a
// sleeper in three ways:
//   - from outside (a plain thread, a timer of another runtime): into the injection queue, then
//     interrupt() if anybody sleeps. sleepers_ is raised before the queue is looked at for the last
//     time and read after it was filled, with a full fence on both sides, so one of the two sees
//     the other: no wake-up is lost;
//   - a worker that has more than one thing queued interrupts the poller for a thief. With just one
//     it does not: the fiber that woke it is about to wait for the answer, and waking a sleeping
//     CPU costs more (7 us here, 25 us there) than the work mostly does;
//   - for that one thing, and for the timers of a worker that computes, there is the *tick*: one
//     timer in the poller that runs while some workers sleep and some do not, after 0.5 ms (64 us
//     when a fiber has been started), then twice as long up to 10 ms. Whoever gets it looks after
//     the timers of all and steals what has waited; a worker that has work itself sends a sleeper.
//     When all sleep it lapses. Why so: docs/adr/0001.
//
// Thread safety: every public method from any thread, but start() and stop() from one.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/futex.h"
#include "sched/group_table.h"
#include "sched/kernel_threads.h"
#include "sched/monitor.h"
#include "sched/poller.h"
#include "sched/worker.h"

namespace weft::sched {

/// What a slice may be.
inline constexpr base::nanoseconds_t shortest_slice = 100'000;
inline constexpr base::nanoseconds_t longest_slice = 100'000'000;

struct scheduler_options {
    unsigned workers = 1;
    std::size_t stack_size = 64 * 1024;
    bool fair = true;                       ///< else fifo
    bool preempt = true;                    ///< see preempts()
    base::nanoseconds_t slice = 3'000'000;  ///< what a fiber may compute while others wait
    std::size_t most_threads = 256;         ///< kernel threads beside one for each worker
    bool stress_migrate = false;            ///< every runnable waiter goes to the next worker
};

class scheduler {
public:
    /// `poller` must outlive the scheduler.
    scheduler(const scheduler_options& options, poller& poller);
    scheduler(const scheduler&) = delete;
    scheduler& operator=(const scheduler&) = delete;
    ~scheduler();

    /// Starts one kernel thread for each worker. Throws std::system_error if one cannot start; then
    /// none is left.
    void start();

    /// Waits until every fiber and coroutine has ended. Not on a worker.
    void wait_quiescent() noexcept;

    /// Ends the kernel threads. Only when quiescent.
    void stop() noexcept;

    /// Makes `w` runnable on any worker.
    void inject(waiter& w) noexcept;

    /// From a thread that is no worker of this scheduler; see worker::create_fiber and launch.
    fiber_block* create_fiber() noexcept;
    void launch(fiber_block& block) noexcept;

    /// Frees a finished block.
    void free_block(fiber_block& block) noexcept;

    /// Makes the pool for stacks of at least `size` bytes, unless it is there or `size` is beyond
    /// what a pool can hold. With preemption enabled. Throws std::bad_alloc.
    void prepare_stacks_for(std::size_t size);

    /// That pool, null if there is none.
    context::stack_pool* stacks_for(std::size_t size) noexcept;

    /// Of all pools: see stack_pool::trim().
    void trim_stacks() noexcept;

    /// Count what keeps the scheduler from being quiescent: the roots that are no fibers.
    void root_created() noexcept;
    void root_finished() noexcept;

    [[nodiscard]] kernel_threads& threads() noexcept { return threads_; }
    [[nodiscard]] monitor& get_monitor() noexcept { return monitor_; }
    [[nodiscard]] poller& get_poller() const noexcept { return poller_; }
    [[nodiscard]] bool preempts() const noexcept { return preempts_; }
    [[nodiscard]] const scheduler_options& options() const noexcept { return options_; }
    [[nodiscard]] std::size_t worker_count() const noexcept { return workers_.size(); }
    [[nodiscard]] worker& worker_at(std::size_t i) noexcept { return *workers_[i]; }
    [[nodiscard]] fiber_slab& blocks() noexcept { return blocks_; }
    [[nodiscard]] group_table& groups() noexcept { return groups_; }
    [[nodiscard]] context::stack_pool& default_stacks() noexcept { return default_stacks_; }
    [[nodiscard]] std::uint64_t live() const noexcept;

    /// A fiber shall have slices as short as this, unless it is 0. That they are timed stays so.
    /// Any thread.
    void want_slice(base::nanoseconds_t slice) noexcept;
    [[nodiscard]] base::nanoseconds_t shortest_wanted_slice() const noexcept {
        return shortest_wanted_slice_.load(base::relaxed);
    }

    // For workers.
    void take_injected(waiter_queue& out, std::size_t most) noexcept;
    [[nodiscard]] bool has_injected() const noexcept {
        return injected_size_.load(base::relaxed) != 0;
    }
    [[nodiscard]] bool stopping() const noexcept { return stopping_.load(base::acquire); }
    [[nodiscard]] unsigned sleepers() const noexcept { return sleepers_.load(base::relaxed); }
    [[nodiscard]] unsigned searchers() const noexcept { return searchers_.load(base::relaxed); }
    void wait_for_monitor() noexcept { monitor_.wait_for_look(); }
    void fall_asleep() noexcept;
    void wake_up() noexcept {
        sleepers_.fetch_sub(1, base::seq_cst);
        monitor_.watch();
    }
    void start_tick() noexcept;
    void tick_passed() noexcept;  // by a worker that sleeps, or that does not
    void hurry_tick() noexcept;
    bool begin_search() noexcept;
    void end_search() noexcept { searchers_.fetch_sub(1, base::seq_cst); }
    void check_quiescent() noexcept;
    std::uint64_t next_id_block() noexcept { return next_id_block_.fetch_add(1, base::relaxed); }

    static constexpr std::uint64_t ids_per_block = 1024;

private:
    static constexpr base::nanoseconds_t hurried_tick = 64'000;
    static constexpr base::nanoseconds_t first_tick = 500'000;
    static constexpr base::nanoseconds_t longest_tick = 10'000'000;
    static constexpr unsigned smallest_stack_shift = 14;  // 16 KiB
    static constexpr unsigned largest_stack_shift = 30;   // 1 GiB

    scheduler(const scheduler_options& options, poller& poller, bool has_membarrier);

    [[nodiscard]] unsigned shift_for(std::size_t size) const noexcept;

    const scheduler_options options_;
    /// Not without membarrier: nobody's role can be taken away then, and a fiber that is preempted
    /// while it holds the allocator's lock would stop the others for good.
    const bool preempts_;
    poller& poller_;
    base::atomic<base::nanoseconds_t> shortest_wanted_slice_;
    fiber_slab blocks_;
    context::stack_pool default_stacks_;
    /// By the logarithm of their size; made when first asked for, kept until the end.
    std::array<base::atomic<context::stack_pool*>, largest_stack_shift + 1> other_stacks_{};

    group_table groups_;
    std::vector<std::unique_ptr<worker>> workers_;
    kernel_threads threads_{*this};
    monitor monitor_{*this};

    alignas(64) base::spinlock injected_lock_;
    waiter_queue injected_ WEFT_GUARDED_BY(injected_lock_);
    base::atomic<std::size_t> injected_size_{0};

    alignas(64) base::atomic<unsigned> sleepers_{0};
    base::atomic<unsigned> searchers_{0};
    base::atomic<bool> ticking_{false};  // the tick is on its way
    base::atomic<base::nanoseconds_t> tick_interval_{first_tick};
    base::atomic<bool> stopping_{false};

    // Threads that are no workers of ours, in the middle of inject() or root_finished().
    base::atomic<std::uint32_t> guests_{0};

    // Roots that were created, or ended, by threads that are no workers of ours.
    base::atomic<std::uint64_t> foreign_created_{0};
    base::atomic<std::uint64_t> foreign_finished_{0};
    base::atomic<std::uint64_t> next_id_block_{0};
    base::atomic<std::uint32_t> quiescent_waiters_{0};
    base::atomic<std::uint32_t> quiescent_epoch_{0};  // futex word
};

}  // namespace weft::sched
