// SPDX-License-Identifier: Apache-2.0
#include "sched/scheduler.h"

#include <sched.h>

#include <algorithm>
#include <bit>
#include <new>

#include "base/assert.h"
#include "sched/hooks.h"
#include "sched/thread_state.h"

namespace weft::sched {

scheduler::scheduler(const scheduler_options& options, poller& poller)
    : scheduler(options, poller, register_membarrier()) {}

scheduler::scheduler(const scheduler_options& options, poller& poller, bool has_membarrier)
    : options_(options),
      preempts_(options.preempt && (has_membarrier || !needs_membarrier)),
      poller_(poller),
      shortest_wanted_slice_(options.slice),
      default_stacks_(context::stack_pool_options{.stack_size = options.stack_size}),
      groups_(options.workers) {
    install_hooks();
    workers_.reserve(options.workers);
    for (unsigned i = 0; i < options.workers; ++i) {
        workers_.push_back(std::make_unique<worker>(*this, i, has_membarrier));
    }
}

scheduler::~scheduler() {
    WEFT_ASSERT(threads_.count() == 0, "a scheduler must be stopped before it ends");
    workers_.clear();
    for (auto& pool : other_stacks_) {
        delete pool.load(base::relaxed);
    }
    WEFT_ASSERT(blocks_.all_free(), "a weft::fiber handle outlives its runtime");
    WEFT_ASSERT(groups_.handles() == 0, "a weft::fiber_group outlives its runtime");
}

void scheduler::start() {
    try {
        for (auto& w : workers_) {
            threads_.start_one(w.get());
        }
        if (preempts_) {
            threads_.start_maker();
            monitor_.start();
        }
    } catch (...) {
        stop();
        throw;
    }
}

void scheduler::stop() noexcept {
    monitor_.stop();
    stopping_.store(true, base::seq_cst);
    poller_.interrupt();  // each worker that ends passes it on
    threads_.join();
    // A thread that made the last fiber runnable may still be on its way out.
    while (guests_.load(base::acquire) != 0) {
        sched_yield();
    }
}

// Once another thread sees `w` it may run, end and be the last: from then on only guests_ keeps the
// scheduler.
void scheduler::inject(waiter& w) noexcept {
    guests_.fetch_add(1, base::relaxed);
    {
        const base::spin_guard guard(injected_lock_);
        injected_.push_back(w);
        injected_size_.store(injected_size_.load(base::relaxed) + 1, base::relaxed);
    }
    base::store_load_fence();
    if (sleepers() != 0) {
        poller_.interrupt();
    }
    guests_.fetch_sub(1, base::release);
}

void scheduler::take_injected(waiter_queue& out, std::size_t most) noexcept {
    const base::spin_guard guard(injected_lock_);
    const std::size_t size = injected_size_.load(base::relaxed);
    // A fair part each, so that the workers that wake up beside this one find some, too.
    const std::size_t part = size / workers_.size() + 1;
    const std::size_t wanted = std::min({size, part, most});
    for (std::size_t i = 0; i < wanted; ++i) {
        out.push_back(*injected_.pop_front());
    }
    injected_size_.store(size - wanted, base::relaxed);
}

void scheduler::fall_asleep() noexcept {
    if (sleepers_.fetch_add(1, base::seq_cst) + 1 < workers_.size()) {
        start_tick();
    }
    base::store_load_fence();  // before the sleeper looks for work one last time: see inject()
}

void scheduler::start_tick() noexcept {
    if (sleepers() != 0 && !ticking_.load(base::relaxed) &&
        !ticking_.exchange(true, base::acq_rel)) {
        tick_interval_.store(first_tick, base::relaxed);
        poller_.tick_in(first_tick);
    }
}

void scheduler::hurry_tick() noexcept {
    if (tick_interval_.load(base::relaxed) > hurried_tick) {
        tick_interval_.store(hurried_tick, base::relaxed);
        ticking_.store(true, base::seq_cst);
        poller_.tick_in(hurried_tick);
    }
}

void scheduler::tick_passed() noexcept {
    ticking_.store(false, base::seq_cst);
    const unsigned asleep = sleepers();
    if (asleep == 0 || asleep == workers_.size() || ticking_.exchange(true, base::seq_cst)) {
        return;
    }
    const auto next = std::min(2 * tick_interval_.load(base::relaxed), longest_tick);
    tick_interval_.store(next, base::relaxed);
    poller_.tick_in(next);
}

fiber_block* scheduler::create_fiber() noexcept {
    fiber_block* const block = blocks_.allocate();
    if (block != nullptr) {
        block->reset(next_id_block() * ids_per_block + 1);
        workers_.front()->make_home_of(*block);
    }
    return block;
}

void scheduler::launch(fiber_block& block) noexcept {
    foreign_created_.fetch_add(1, base::relaxed);
    inject(block);
}

void scheduler::free_block(fiber_block& block) noexcept {
    const brief_entry in;
    worker* const w = in.role();
    if (w != nullptr && &w->owner() == this) {
        w->free_block(block);
    } else {
        blocks_.deallocate(block);
    }
}

/// 0: the default pool; beyond largest_stack_shift: none.
unsigned scheduler::shift_for(std::size_t size) const noexcept {
    if (size <= default_stacks_.stack_size()) {
        return 0;
    }
    return std::max<unsigned>(smallest_stack_shift,
                              static_cast<unsigned>(std::bit_width(size - 1)));
}

void scheduler::prepare_stacks_for(std::size_t size) {
    const unsigned shift = shift_for(size);
    if (shift == 0 || shift > largest_stack_shift ||
        other_stacks_[shift].load(base::acquire) != nullptr) {
        return;
    }
    auto pool = std::make_unique<context::stack_pool>(
        context::stack_pool_options{.stack_size = std::size_t{1} << shift});
    context::stack_pool* none = nullptr;
    if (other_stacks_[shift].compare_exchange_strong(none, pool.get(), base::acq_rel)) {
        pool.release();
    }
}

context::stack_pool* scheduler::stacks_for(std::size_t size) noexcept {
    const unsigned shift = shift_for(size);
    if (shift == 0) {
        return &default_stacks_;
    }
    return shift <= largest_stack_shift ? other_stacks_[shift].load(base::acquire) : nullptr;
}

void scheduler::trim_stacks() noexcept {
    default_stacks_.trim();
    for (const auto& each : other_stacks_) {
        if (context::stack_pool* const pool = each.load(base::acquire)) {
            pool->trim();
        }
    }
}

void scheduler::want_slice(base::nanoseconds_t slice) noexcept {
    base::nanoseconds_t shortest = shortest_wanted_slice();
    while (slice != 0 && slice < shortest &&
           !shortest_wanted_slice_.compare_exchange_weak(shortest, slice, base::relaxed)) {
    }
}

void scheduler::root_created() noexcept {
    const brief_entry in;
    worker* const w = in.role();
    if (w != nullptr && &w->owner() == this) {
        worker_counters::add(w->counters().created);
    } else {
        foreign_created_.fetch_add(1, base::seq_cst);
    }
}

void scheduler::root_finished() noexcept {
    const brief_entry in;
    worker* const w = in.role();
    if (w != nullptr && &w->owner() == this) {
        w->counters().count_end();
    } else {
        guests_.fetch_add(1, base::relaxed);
        foreign_finished_.fetch_add(1, base::seq_cst);
        check_quiescent();
        guests_.fetch_sub(1, base::release);
    }
}

// Both sums only grow, and what has ended is read before what was created: if they are equal, then
// there was a moment in between at which nothing lived; and what does not live creates nothing. An
// end is counted with release, so that who sees it sees what was created before it.
std::uint64_t scheduler::live() const noexcept {
    std::uint64_t finished = foreign_finished_.load(base::seq_cst);
    for (const auto& w : workers_) {
        finished += w->counters().finished.load(base::acquire);
    }
    std::uint64_t created = foreign_created_.load(base::seq_cst);
    for (const auto& w : workers_) {
        created += w->counters().created.load(base::acquire);
    }
    return created - finished;
}

void scheduler::check_quiescent() noexcept {
    if (quiescent_waiters_.load(base::seq_cst) != 0 && live() == 0) {
        quiescent_epoch_.fetch_add(1, base::release);
        base::futex_wake(quiescent_epoch_, std::numeric_limits<int>::max());
    }
}

void scheduler::wait_quiescent() noexcept {
    WEFT_ASSERT(this_kernel_thread() == nullptr, "a runtime cannot be waited for on a worker");
    quiescent_waiters_.fetch_add(1, base::seq_cst);
    for (;;) {
        const std::uint32_t epoch = quiescent_epoch_.load(base::acquire);
        // Workers look whether all is quiet on their way to sleep; those that sleep already cannot
        // change the answer.
        if (live() == 0) {
            break;
        }
        base::futex_wait(quiescent_epoch_, epoch);
    }
    quiescent_waiters_.fetch_sub(1, base::seq_cst);
}

bool scheduler::begin_search() noexcept {
    // At most half of the workers search, as in Go: more of them only fight over the same work.
    if (2 * searchers() >= worker_count()) {
        return false;
    }
    searchers_.fetch_add(1, base::seq_cst);
    return true;
}

}  // namespace weft::sched
